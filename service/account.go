package service

import (
	"context"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// The sources of an answer.
const (
	sourceLive   = "live"   // Control Center was asked for it
	sourceJoined = "joined" // it was being asked already; callers are told that it is live
	sourceCache  = "cache"  // it was asked before
	sourceStale  = "stale"  // it was asked before, and cannot be reached now
)

// An Account is a Control Center account, under a name of the operator's, and the client that asks it.
type Account struct {
	Name   string
	Client *jasperclient.Client
}

// AnswerConfig is which answers an account keeps.
type AnswerConfig struct {
	// CacheBytes bounds the memory for them, over all accounts. 0 keeps none.
	CacheBytes uint64
	// ServeStale is how old an answer may be that is given while Control Center is down, to callers who do not say what age
	// they take; 0 gives none.
	ServeStale time.Duration
}

// An account is one with the questions that are on their way to it, and the answers that are kept.
type account struct {
	Account
	cfg AnswerConfig

	answers *otter.Cache[jasperclient.UsageQuery, *answer]
	mu      sync.Mutex // so that an answer is kept before its call is gone
	flights map[jasperclient.UsageQuery]*flight
}

// A flight is a query on its way to Control Center.
type flight struct {
	query  jasperclient.UsageQuery
	call   *jasperclient.Call
	answer *answer // what came of it, nil for nothing to keep; set before the call's callers have the outcome
}

func newAccount(a Account, cfg AnswerConfig) *account {
	return &account{
		Account: a,
		cfg:     cfg,
		answers: otter.Must(&otter.Options[jasperclient.UsageQuery, *answer]{
			MaximumWeight: 1, // until it is known how many accounts share the memory
			Weigher:       func(query jasperclient.UsageQuery, kept *answer) uint32 { return kept.bytes(query) },
		}),
		flights: map[jasperclient.UsageQuery]*flight{},
	}
}

// A question is a query, and what its caller takes for an answer.
type question struct {
	query    jasperclient.UsageQuery
	maxAge   *time.Duration // nil: the caller does not say
	caller   jasperclient.Caller
	deadline time.Time // after which the caller does not wait; zero: its context says
}

// whole is the query without its filters.
func unfiltered(query jasperclient.UsageQuery) jasperclient.UsageQuery {
	query.RatePlan, query.Zone = "", ""
	return query
}

// A finding is the answer to one question.
type finding struct {
	*answer
	err    error // in place of the answer's forms
	source string
	age    time.Duration // of an answer that is not live
}

// isAnswer reports whether the finding is what Control Center says of the device, which can be that it knows none.
func (f finding) isAnswer() bool { return f.err == nil || isUnknownDevice(f.err) }

// withoutTotals is the finding for a caller who is given no totals, to whom one that is no number is nothing.
func (f finding) withoutTotals() finding {
	if f.answer != nil && f.message != nil {
		f.err = nil
	}
	return f
}

// ask answers a question from what is kept, or else with one call of Control Center for all who ask the same.
func (a *account) ask(ctx context.Context, rec *record, q question) finding {
	if kept, ok := a.fresh(q); ok {
		return kept
	}
	if rec.untraced {
		ctx = untraced(ctx)
	}
	if !q.deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, q.deadline)
		defer cancel()
	}
	found := a.askUpstream(ctx, rec, q, true)
	if a.cfg.ServeStale == 0 || q.maxAge != nil || reasonOf(found.err) != usagev1.ErrorReason_ERROR_REASON_UPSTREAM_UNAVAILABLE {
		return found
	}
	stale, ok := a.kept(q, sourceStale, func(kept *answer, now time.Time) bool {
		return kept.err == nil && kept.within(a.cfg.ServeStale, now)
	})
	if ok {
		return stale
	}
	return found
}

// fly asks Control Center, with a call for the question alone or, if that may be, one that is for more.
func (a *account) askUpstream(ctx context.Context, rec *record, q question, forMore bool) finding {
	kept, flight, source, err := a.joinOrStart(ctx, q, forMore)
	switch {
	case err != nil:
		return finding{err: err}
	case flight == nil:
		return kept
	}
	joined := time.Now()
	defer rec.addUpstream(flight.call)
	if _, err = flight.call.Wait(ctx); err != nil {
		return finding{err: err, source: source}
	}
	got := flight.answer
	if !got.ends.IsZero() && !joined.Before(got.ends) {
		return a.askUpstream(ctx, rec, q, forMore) // the call was on its way when its cycle ended, and the question came after that
	}
	if flight.query != q.query {
		if got = got.part(q.query); got == nil {
			return a.askUpstream(ctx, rec, q, false)
		}
	}
	return finding{answer: got, err: got.err, source: source}
}

// board gives the kept answer to the question, or else a flight to wait for, one there is or a new one, and what that makes
// the source of the answer.
func (a *account) joinOrStart(ctx context.Context, q question, forMore bool) (_ finding, _ *flight, source string, _ error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if kept, ok := a.fresh(q); ok { // of a flight that landed in between
		return kept, nil, "", nil
	}
	maxAge := currentFor
	if q.maxAge != nil {
		maxAge = *q.maxAge
	}
	for _, query := range []jasperclient.UsageQuery{q.query, unfiltered(q.query)} {
		flight := a.flights[query]
		if flight != nil && (forMore || query == q.query) && flight.call.Join(q.caller, maxAge) {
			return finding{}, flight, sourceJoined, nil
		}
	}
	flight, err := a.start(ctx, q)
	return finding{}, flight, sourceLive, err
}

// fresh is the kept answer that is young enough for the question.
func (a *account) fresh(q question) (finding, bool) {
	return a.kept(q, sourceCache, func(kept *answer, now time.Time) bool { return kept.fresh(q.maxAge, now) })
}

// kept is the youngest kept answer to the question that will do, its own or the part of the device's whole one that its
// filters leave.
func (a *account) kept(q question, source string, acceptable func(kept *answer, now time.Time) bool) (finding, bool) {
	now := time.Now()
	own, ok := a.answers.GetIfPresent(q.query)
	ok = ok && acceptable(own, now)
	if query := unfiltered(q.query); query != q.query {
		whole, there := a.answers.GetIfPresent(query)
		if there && acceptable(whole, now) && (!ok || whole.sent.After(own.sent)) {
			if part := whole.part(q.query); part != nil {
				own, ok = part, true
			}
		}
	}
	if !ok {
		return finding{}, false
	}
	return finding{own, own.err, source, now.Sub(own.sent)}, true
}

// start starts a flight. Its answer is kept in the moment when it can no longer be joined.
func (a *account) start(ctx context.Context, q question) (*flight, error) {
	f := &flight{query: q.query}
	call, err := a.Client.Start(ctx, q.query, q.caller, func(usage *jasperclient.DeviceUsage, sent time.Time, err error) {
		f.answer = newAnswer(q.query, usage, sent, err)
		a.mu.Lock()
		defer a.mu.Unlock()
		if f.answer != nil {
			a.keep(q.query, f.answer)
		}
		if a.flights[q.query] == f {
			delete(a.flights, q.query)
		}
	})
	if err != nil {
		return nil, err
	}
	f.call = call
	a.flights[q.query] = f
	return f, nil
}

// keep keeps an answer, unless it is older than the one there is. That a device is not known is an answer to whatever is
// asked of its cycle.
func (a *account) keep(query jasperclient.UsageQuery, latest *answer) {
	if latest.err != nil && isUnknownDevice(latest.err) {
		query = unfiltered(query)
	}
	older, ok := a.answers.GetEntryQuietly(query)
	if a.cfg.CacheBytes > 0 && (!ok || !older.Value.sent.After(latest.sent)) {
		a.answers.Set(query, latest)
	}
}
