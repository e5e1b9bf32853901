package service

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
	"google.golang.org/grpc/metadata"

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
	query jasperclient.UsageQuery
	call  *jasperclient.Call
	ends  time.Time // when the cycle of its answer does; set before the call's callers have the answer
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
	query  jasperclient.UsageQuery
	maxAge *time.Duration // nil: the caller does not say
	caller jasperclient.Caller
}

// whole is the query without its filters.
func whole(query jasperclient.UsageQuery) jasperclient.UsageQuery {
	query.RatePlan, query.Zone = "", ""
	return query
}

// servedBy are the queries whose answers can serve the question: its own and, if it has filters, the one without them.
func (q question) servedBy() []jasperclient.UsageQuery {
	if whole := whole(q.query); whole != q.query {
		return []jasperclient.UsageQuery{q.query, whole}
	}
	return []jasperclient.UsageQuery{q.query}
}

// A finding is the answer to one question.
type finding struct {
	usage  *jasperclient.DeviceUsage
	err    error // in place of usage
	source string
	age    time.Duration // of an answer that is not live
}

// header says where an answer is from, and how old it is; nothing of a refusal that is not kept.
func (f finding) header() metadata.MD {
	switch {
	case f.source == sourceCache || f.source == sourceStale:
		return metadata.Pairs(headerSource, f.source, headerAge, strconv.Itoa(int(f.age.Seconds())))
	case f.err == nil:
		return metadata.Pairs(headerSource, sourceLive)
	}
	return nil
}

// isAnswer reports whether the finding is what Control Center says of the device, which can be that it knows none.
func (f finding) isAnswer() bool {
	return f.err == nil || reasonOf(f.err) == usagev1.ErrorReason_ERROR_REASON_DEVICE_NOT_FOUND
}

// ask answers a question from what is kept, or else with one call of Control Center for all who ask the same.
func (a *account) ask(ctx context.Context, q question) finding {
	found := a.find(ctx, q, q.servedBy())
	if a.cfg.ServeStale == 0 || q.maxAge != nil || reasonOf(found.err) != usagev1.ErrorReason_ERROR_REASON_UPSTREAM_UNAVAILABLE {
		return found
	}
	stale := a.kept(q, sourceStale, func(kept *answer, now time.Time) bool {
		return kept.err == nil && kept.within(a.cfg.ServeStale, now)
	})
	if stale != nil {
		return *stale
	}
	return found
}

// find does so by the answers and flights of the queries.
func (a *account) find(ctx context.Context, q question, queries []jasperclient.UsageQuery) finding {
	kept, flight, source, err := a.join(ctx, q, queries)
	switch {
	case kept != nil:
		return *kept
	case err != nil:
		return finding{err: err}
	}
	came := time.Now()
	defer recordOf(ctx).follow(flight.call)
	usage, err := flight.call.Wait(ctx)
	if err == nil && !flight.ends.IsZero() && !came.Before(flight.ends) {
		return a.find(ctx, q, queries) // the call was on its way when its cycle ended, and the question came after that
	}
	if err == nil && flight.query != q.query {
		if usage = filtered(usage, q.query); usage == nil {
			return a.find(ctx, q, queries[:1])
		}
	}
	return finding{usage: usage, err: err, source: source}
}

// join gives the kept answer to the question, or else a flight to wait for, one of the queries' or a new one, and what that
// makes the source of the answer.
func (a *account) join(
	ctx context.Context, q question, queries []jasperclient.UsageQuery,
) (_ *finding, _ *flight, source string, _ error) {
	fresh := func(kept *answer, now time.Time) bool { return kept.fresh(q.maxAge, now) }
	if kept := a.kept(q, sourceCache, fresh); kept != nil {
		return kept, nil, "", nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if kept := a.kept(q, sourceCache, fresh); kept != nil { // of a flight that landed in between
		return kept, nil, "", nil
	}
	maxAge := currentFor
	if q.maxAge != nil {
		maxAge = *q.maxAge
	}
	for _, query := range queries {
		if flight := a.flights[query]; flight != nil && flight.call.Join(q.caller, maxAge) {
			return nil, flight, sourceJoined, nil
		}
	}
	flight, err := a.start(ctx, q)
	return nil, flight, sourceLive, err
}

// kept is the youngest kept answer to the question that will do, its own or the part of the device's whole one that its
// filters leave; nil for none.
func (a *account) kept(q question, source string, will func(kept *answer, now time.Time) bool) *finding {
	now := time.Now()
	var youngest *finding
	for _, query := range q.servedBy() {
		kept, ok := a.answers.GetIfPresent(query)
		if !ok || !will(kept, now) {
			continue
		}
		found := finding{kept.usage, kept.err, source, now.Sub(kept.sent)}
		if kept.err == nil && query != q.query {
			found.usage = filtered(kept.usage, q.query)
		}
		matches := found.usage != nil || found.err != nil
		if matches && (youngest == nil || found.age < youngest.age) {
			youngest = &found
		}
	}
	return youngest
}

// start starts a flight. Its answer is kept in the moment when it can no longer be joined.
func (a *account) start(ctx context.Context, q question) (*flight, error) {
	f := &flight{query: q.query}
	call, err := a.Client.Start(ctx, q.query, q.caller, func(usage *jasperclient.DeviceUsage, sent time.Time, err error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		f.ends = a.keep(q.query, usage, sent, err)
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

// keep keeps an answer, unless it is older than the one there is, and gives the end of its cycle. That a device is not
// known is an answer to whatever is asked of its cycle.
func (a *account) keep(query jasperclient.UsageQuery, usage *jasperclient.DeviceUsage, sent time.Time, err error) (ends time.Time) {
	var kept *answer
	switch {
	case err == nil:
		kept = newAnswer(query, usage, sent)
	case reasonOf(err) == usagev1.ErrorReason_ERROR_REASON_DEVICE_NOT_FOUND:
		query, kept = whole(query), &answer{err: err, sent: sent}
	default:
		return ends
	}
	older, ok := a.answers.GetEntryQuietly(query)
	if a.cfg.CacheBytes > 0 && (!ok || !older.Value.sent.After(sent)) {
		a.answers.Set(query, kept)
	}
	return kept.ends
}
