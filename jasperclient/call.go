package jasperclient

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// maxAttempts is how often a call is made whose failure is Control Center's, or comes from calling too often.
const maxAttempts = 3

// firstBackoff bounds the wait before the second attempt, and twice as much that before the third. The wait is random
// ("full jitter"): those who failed together do not come back together.
const firstBackoff = 500 * time.Millisecond

// A Call is one question on its way to Control Center, shared by all callers who wait for it. When all of them have left,
// it gives up its place in the lane; once it is under way it goes on, because its turn is spent.
type Call struct {
	client  *Client
	query   UsageQuery
	waiting context.Context // ends when nobody waits for the call, and it need not
	abandon context.CancelFunc

	mu       sync.Mutex
	callers  int           // who have not left
	turn     *turn         // of the present attempt, or of the next
	entered  time.Time     // when the wait for the turn began; zero while there is none
	waited   time.Duration // for the turns before
	attempts int           // how often Control Center was asked
	sent     time.Time     // when it was; zero while it is not
	failed   error         // how the last attempt failed
	resumes  time.Time     // when the wait before the next attempt ends
	moved    chan struct{} // closed when a failure changes when the call may end

	done  chan struct{} // closed when the rest is set
	usage *DeviceUsage
	err   error
	cause Cause // why the lane turned the call away; empty where it did not
}

// Start puts a question into the lane for a caller. Each Start that succeeds, and each [Call.Join] that reports true,
// needs exactly one [Call.Wait]. It fails with a [QueryError]; with a [BusyError] where there is no place to wait; with
// what closed the lane, an [UnavailableError] or an [APIError] for refused credentials; or with [ErrClosed].
//
// Of ctx the values alone go along, as a trace to which the call belongs: the call can have other callers when it ends.
//
// When the call ends, ended, unless it is nil, gets the outcome before any caller does, and must not block. It is also told
// when Control Center was asked, the zero time where it was not.
func (c *Client) Start(ctx context.Context, q UsageQuery, caller Caller, ended func(usage *DeviceUsage, sent time.Time, err error)) (*Call, error) {
	q, err := q.valid()
	if err != nil {
		return nil, err
	}
	call := &Call{client: c, query: q, callers: 1, turn: newTurn(caller), entered: time.Now(),
		moved: make(chan struct{}), done: make(chan struct{})}
	call.waiting, call.abandon = context.WithCancel(c.open)
	err = c.launch(call, func() {
		call.run(callContext{Context: c.open, started: ctx})
		if ended != nil {
			ended(call.usage, call.sent, call.err)
		}
		call.abandon() // now that its outcome is elsewhere
		close(call.done)
	})
	if err != nil {
		call.abandon()
		if !errors.Is(err, ErrClosed) {
			c.events.TurnedAway(caller, causeOf(err, CauseFull))
		}
		return nil, err
	}
	return call, nil
}

// A callContext ends with the client, and has the values of the context that the call was started with.
type callContext struct {
	context.Context
	started context.Context
}

// Value implements [context.Context].
func (c callContext) Value(key any) any {
	if value := c.Context.Value(key); value != nil { // package context looks here for how to end what is made of this one
		return value
	}
	return c.started.Value(key)
}

// Join lets another caller share the call, who has to [Call.Wait] for it. It reports false, and the caller does not, when
// the call has ended or was given up, or when Control Center was asked more than maxAge ago: the answer can be that old.
func (call *Call) Join(caller Caller, maxAge time.Duration) bool {
	call.mu.Lock()
	defer call.mu.Unlock()
	tooOld := !call.sent.IsZero() && time.Since(call.sent) > maxAge
	if tooOld || call.waiting.Err() != nil {
		return false
	}
	call.callers++
	call.client.lane.raise(call.turn, caller)
	return true
}

// Wait waits for the answer until ctx ends. It fails at once when the turn is expected too late for ctx's deadline, and
// just before the deadline when others came first. The package's documentation lists its errors. A panic of the client's
// transport goes on in each Wait.
func (call *Call) Wait(ctx context.Context) (*DeviceUsage, error) {
	defer call.leave()
	var lastMoment <-chan time.Time
	deadline, ok := ctx.Deadline()
	if ok {
		timer := time.NewTimer(time.Until(deadline) - minCall)
		defer timer.Stop()
		lastMoment = timer.C
	}
	for {
		moved, cause, late := call.outlook(deadline)
		if late != nil {
			call.turnedAway(cause)
			return nil, late
		}
		select {
		case <-call.done:
			if panicked, ok := call.err.(*panicError); ok { //nolint:errorlint // nothing wraps it
				panic(panicked)
			}
			call.turnedAway(call.cause)
			return call.usage, call.err
		case <-ctx.Done():
			return nil, fmt.Errorf("jasperclient: waiting for the answer: %w", ctx.Err())
		case <-moved:
		case <-lastMoment: // others came first, or the lane slowed down
		}
	}
}

// Progress is how long the call has waited for its turns so far, which its pauses after a failure are not part of, and how
// often Control Center was asked. It is the call's, whenever a caller joined.
func (call *Call) Progress() (waited time.Duration, attempts int) {
	call.mu.Lock()
	defer call.mu.Unlock()
	waited = call.waited
	if !call.entered.IsZero() {
		waited += time.Since(call.entered)
	}
	return waited, call.attempts
}

// leave takes one caller off the call.
func (call *Call) leave() {
	call.mu.Lock()
	defer call.mu.Unlock()
	call.callers--
	if call.callers == 0 && call.sent.IsZero() {
		call.abandon()
		call.client.lane.withdraw(call.turn)
	}
}

// outlook says why the call will not end before the deadline, nil when it may or there is none, and what turns the caller
// away then, nothing if the call has its turn; moved is closed when that changes.
func (call *Call) outlook(deadline time.Time) (moved <-chan struct{}, cause Cause, late error) {
	call.mu.Lock()
	defer call.mu.Unlock()
	if deadline.IsZero() {
		return call.moved, "", nil
	}
	lane := call.client.lane
	if pause := time.Until(call.resumes); pause > 0 {
		late = lane.lateAfter(pause, deadline)
	} else {
		late = lane.late(call.turn, deadline)
	}
	if late != nil && call.sent.IsZero() {
		cause = causeOf(late, CauseDeadline)
	}
	return call.moved, cause, call.because(late)
}

// because is why the call has no turn: how its last attempt failed says more than that the lane has none in time.
func (call *Call) because(err error) error {
	if err == nil || call.failed == nil {
		return err
	}
	return withRetryAfter(call.failed, retryAfterOf(err))
}

// A panicError is a panic of the call, which goes on in each of its callers.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("%v\n%s", e.value, e.stack) }

// run makes attempts until there is an outcome to keep.
func (call *Call) run(ctx context.Context) {
	var usage *DeviceUsage
	var err error
	ctx, span := call.client.startSpan(ctx, "lane", trace.SpanKindInternal)
	defer func() {
		if value := recover(); value != nil {
			usage, err = nil, &panicError{value, debug.Stack()}
		}
		call.usage, call.err = usage, err
		endCall(span, call.err, call.cause)
	}()
	for attempt := 1; ; attempt++ {
		usage, err = call.attempt(ctx, attempt)
		refused := rateLimited(err) != nil
		if attempt == maxAttempts || (!refused && !worthRetrying(err)) {
			return
		}
		call.cause = "" // if it was turned away, it comes again
		at, pause := beforeAll, time.Duration(0)
		if !refused {
			at, pause = atHead, max(rand.N(firstBackoff<<(attempt-1)), retryAfterOf(err))
		}
		if !call.putBack(err, pause) || !call.pause(pause) {
			return
		}
		if closed := call.client.lane.enter(call.turn, at); closed != nil {
			err, call.cause = call.because(closed), CauseClosed
			return
		}
		call.move()
		call.client.events.Retried()
	}
}

// attempt waits for the call's turn and asks Control Center.
func (call *Call) attempt(ctx context.Context, number int) (usage *DeviceUsage, _ error) {
	caller, waited, err := call.await(ctx, number)
	if err != nil {
		return nil, err
	}
	c, t := call.client, call.turn
	var outcome error = &UnavailableError{Err: errors.New("a panic")}
	defer func() { c.lane.leave(t, outcome) }()
	ctx, span := c.startSpan(ctx, "GET usageInZone", trace.SpanKindClient)
	defer func() {
		endAttempt(span, number, outcome)
		if !errors.Is(outcome, ErrClosed) {
			c.events.Answered(outcomeOf(outcome), time.Since(t.start))
		}
	}()
	c.events.Turn(caller, waited)
	usage, outcome = c.ask(ctx, call.query, func() { c.lane.sent(t) })
	return usage, outcome
}

// await waits for the call's turn, and tells whose it is and how long that took; it fails when there is none, or nobody
// wants it any more.
func (call *Call) await(ctx context.Context, number int) (caller Caller, waited time.Duration, _ error) {
	_, span := call.client.startSpan(ctx, "lane wait", trace.SpanKindInternal)
	var refused error
	select {
	case <-call.turn.granted:
		refused = call.turn.err
	case <-call.waiting.Done():
	}
	caller, waited, wanted := call.send(refused != nil)
	if refused != nil {
		call.cause = causeOf(refused, CauseFull)
	}
	endWait(span, number, caller, call.cause)
	switch {
	case refused != nil:
		return caller, waited, call.because(refused)
	case !wanted:
		return caller, waited, fmt.Errorf("jasperclient: waiting for a turn: %w", context.Cause(call.waiting))
	}
	return caller, waited, nil
}

// send ends the wait for a turn and notes that Control Center is asked now, unless there is none or everybody has left.
func (call *Call) send(refused bool) (caller Caller, waited time.Duration, wanted bool) {
	call.mu.Lock()
	defer call.mu.Unlock()
	waited = time.Since(call.entered)
	call.entered, call.waited = time.Time{}, call.waited+waited
	switch {
	case refused:
	case call.waiting.Err() != nil:
		call.client.lane.withdraw(call.turn)
	default:
		call.sent, wanted = time.Now(), true
		call.attempts++
	}
	return call.turn.caller, waited, wanted
}

// putBack notes that an attempt failed, and that the next one comes after a pause; it reports false when nobody waits for
// one.
func (call *Call) putBack(err error, pause time.Duration) bool {
	call.mu.Lock()
	defer call.mu.Unlock()
	if call.callers == 0 {
		return false
	}
	call.failed, call.sent, call.resumes = err, time.Time{}, time.Now().Add(pause)
	call.turn = newTurn(call.turn.caller)
	call.tell()
	return true
}

// move tells the callers that the call has a place again.
func (call *Call) move() {
	call.mu.Lock()
	defer call.mu.Unlock()
	call.entered = time.Now()
	call.tell()
}

func (call *Call) tell() {
	close(call.moved)
	call.moved = make(chan struct{})
}

// pause lets d pass, and reports whether the call is still wanted then.
func (call *Call) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-call.waiting.Done():
		return false
	}
}
