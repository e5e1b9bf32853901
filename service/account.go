package service

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// The sources of an answer.
const (
	sourceLive   = "live"   // Control Center was asked
	sourceJoined = "joined" // Control Center was being asked already; callers are told that it is live
	sourceCache  = "cache"  // kept from an earlier call
	sourceStale  = "stale"  // kept from an earlier call, while Control Center cannot be reached
)

// An Account is a Control Center account: a name that the operator chose, and the client that asks it.
type Account struct {
	Name   string
	Client *jasperclient.Client
}

// AnswerConfig says which answers an account keeps.
type AnswerConfig struct {
	// CacheBytes bounds the memory for kept answers, over all accounts. 0 keeps none.
	CacheBytes uint64
	// ServeStale is how old an answer may be that is given while Control Center is down, to callers that do not give a max age;
	// 0 gives none.
	ServeStale time.Duration
}

// An account is an Account with its flights and its kept answers.
type account struct {
	Account
	cfg AnswerConfig

	answers *otter.Cache[jasperclient.UsageQuery, *answer]
	mu      sync.Mutex // so that an answer is kept before its flight is gone
	flights map[jasperclient.UsageQuery]*flight
}

// A flight is a query on its way to Control Center.
type flight struct {
	query  jasperclient.UsageQuery
	call   *jasperclient.Call
	answer *answer // nil: there is nothing to keep; set before any caller gets the outcome
}

func newAccount(a Account, cfg AnswerConfig) *account {
	return &account{
		Account: a,
		cfg:     cfg,
		answers: otter.Must(&otter.Options[jasperclient.UsageQuery, *answer]{
			MaximumWeight: 1, // until SetAccounts knows how many accounts share the memory
			Weigher:       func(query jasperclient.UsageQuery, kept *answer) uint32 { return kept.bytes(query) },
		}),
		flights: map[jasperclient.UsageQuery]*flight{},
	}
}

// A question is a query, and what its caller accepts: how old an answer, and by when.
type question struct {
	query    jasperclient.UsageQuery
	maxAge   *time.Duration // nil: the caller does not say
	caller   jasperclient.Caller
	deadline time.Time // when the caller stops waiting; zero: as its context says
}

// unfiltered is the query without its filters.
func unfiltered(query jasperclient.UsageQuery) jasperclient.UsageQuery {
	query.RatePlan, query.Zone = "", ""
	return query
}

// A finding is the answer to one question.
type finding struct {
	*answer
	err    error // instead of the answer's encodings
	source string
	age    time.Duration // of an answer that is not live
}

// isAnswer reports whether Control Center said this of the device. That it does not know the device is an answer, too.
func (f finding) isAnswer() bool { return f.err == nil || isUnknownDevice(f.err) }

// withoutTotals ignores an overflowing total, for a caller that is shown no totals.
func (f finding) withoutTotals() finding {
	if f.answer != nil && f.message != nil {
		f.err = nil
	}
	return f
}

// ask answers a question from the kept answers, or else with one call of Control Center for all callers that ask the same.
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

// askUpstream waits for Control Center: for a call for this query or, if forMore, one for the whole device.
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
		return a.askUpstream(ctx, rec, q, forMore) // the cycle ended during the call, and this question came after its end
	}
	if flight.query != q.query {
		if got = got.part(q.query); got == nil {
			return a.askUpstream(ctx, rec, q, false)
		}
	}
	return finding{answer: got, err: got.err, source: source}
}

// joinOrStart returns a kept answer, or else a flight to wait for, joined or new, and the source that makes it.
func (a *account) joinOrStart(ctx context.Context, q question, forMore bool) (_ finding, _ *flight, source string, _ error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if kept, ok := a.fresh(q); ok { // from a flight that ended in between
		return kept, nil, "", nil
	}
	maxAge := currentFor
	if q.maxAge != nil {
		maxAge = *q.maxAge
	}
	for _, query := range []jasperclient.UsageQuery{q.query, unfiltered(q.query)} {
		flight := a.flights[query]
		if flight != nil && (forMore || query == q.query) && flight.call.Join(ctx, q.caller, maxAge) {
			return finding{}, flight, sourceJoined, nil
		}
	}
	flight, err := a.start(ctx, q)
	return finding{}, flight, sourceLive, err
}

// fresh returns a kept answer that is young enough for the question.
func (a *account) fresh(q question) (finding, bool) {
	return a.kept(q, sourceCache, func(kept *answer, now time.Time) bool { return kept.fresh(q.maxAge, now) })
}

// kept returns the youngest acceptable answer: the one kept for the query, or what the filters leave of the whole device's.
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

// start starts a flight. Its answer is kept and the flight removed under one lock, so no question falls between.
func (a *account) start(ctx context.Context, q question) (*flight, error) {
	query := owned(q.query)
	f := &flight{query: query}
	call, err := a.Client.Start(ctx, query, q.caller, func(usage *jasperclient.DeviceUsage, sent time.Time, err error) {
		f.answer = newAnswer(query, usage, sent, err)
		a.mu.Lock()
		defer a.mu.Unlock()
		if f.answer != nil {
			a.keep(query, f.answer)
		}
		if a.flights[query] == f {
			delete(a.flights, query)
		}
	})
	if err != nil {
		return nil, err
	}
	f.call = call
	a.flights[query] = f
	return f, nil
}

// owned is the query with strings of its own. A request's can be parts of everything that was sent, which a kept answer's key would
// hold in memory.
func owned(query jasperclient.UsageQuery) jasperclient.UsageQuery {
	query.ICCID = jasperclient.ICCID(strings.Clone(string(query.ICCID)))
	query.RatePlan, query.Zone = strings.Clone(query.RatePlan), strings.Clone(query.Zone)
	return query
}

// keep keeps an answer, unless a younger one is kept. An unknown device is the answer to every query about the cycle,
// whatever its filters.
func (a *account) keep(query jasperclient.UsageQuery, latest *answer) {
	if isUnknownDevice(latest.err) {
		query = unfiltered(query)
	}
	older, ok := a.answers.GetEntryQuietly(query)
	if a.cfg.CacheBytes > 0 && (!ok || !older.Value.sent.After(latest.sent)) {
		a.answers.Set(query, latest)
	}
}
