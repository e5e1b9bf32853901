package jasperclient

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// A Call is one question on its way to Control Center, shared by all callers who wait for it. When all of them have left,
// it gives up its place in the lane; once it is under way it goes on, because its turn is spent.
//
// While it waits it has no goroutine: the lane wakes it.
type Call struct {
	client *Client
	query  UsageQuery
	onEnd  func(usage *DeviceUsage, sent time.Time, err error)

	// These belong to whoever goes on with the call: one goroutine at a time.
	ctx      context.Context // of the call's span, once there is one; before, that which it was started with
	span     trace.Span
	attempts int8 // with those that had no turn

	mu          sync.Mutex
	callers     int32         // who have not left
	requests    int32         // how often Control Center was asked
	abandoned   bool          // all have, and it is not under way
	ending      bool          // the outcome is being told
	rank        rank          // where the next one enters
	turn        *turn         // of the present attempt, or of the next
	enteredAt   time.Time     // when the wait for the turn began; zero while there is none
	waited      time.Duration // for the turns before
	sentAt      time.Time     // when it was; zero while it is not
	lastFailure error         // how the last attempt failed
	resumeAt    time.Time     // when the wait before the next attempt ends
	changed     chan struct{} // closed when the call is over, or a failure changes when it may be; nil while nobody waits for that

	result *result // nil until the call is over: a call that waits needs no room for it
}

// A result is what a call came to.
type result struct {
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
// When the call ends, onEnd, unless it is nil, gets the outcome before any caller does, and must not block. It is also told
// when Control Center was asked, the zero time where it was not. Start and Join do not call it, the last Wait may.
func (c *Client) Start(ctx context.Context, q UsageQuery, caller Caller, onEnd func(usage *DeviceUsage, sent time.Time, err error)) (*Call, error) {
	q, err := q.valid()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	call := &Call{client: c, query: q, onEnd: onEnd, ctx: ctx, enteredAt: now, callers: 1}
	call.turn = newTurn(caller, call)
	if err := c.lane.enter(call.turn, atEnd); err != nil {
		if !errors.Is(err, ErrClosed) {
			c.events.TurnedAway(caller, causeOf(err, CauseFull))
		}
		return nil, err
	}
	return call, nil
}

// Join lets another caller share the call, who has to [Call.Wait] for it. It reports false, and the caller does not, when
// the call has ended or was given up, or when Control Center was asked more than maxAge ago: the answer can be that old.
func (call *Call) Join(caller Caller, maxAge time.Duration) bool {
	call.mu.Lock()
	defer call.mu.Unlock()
	tooOld := !call.sentAt.IsZero() && time.Since(call.sentAt) > maxAge
	if tooOld || call.abandoned || call.result != nil || call.client.open.Err() != nil {
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
	deadline, ok := ctx.Deadline()
	if ok { // at the last moment: others may have come first, or the lane has slowed down
		defer time.AfterFunc(time.Until(deadline)-minCall, call.lockAndWakeWaiters).Stop()
	}
	for {
		now := call.outlook(deadline)
		if now.late != nil || now.over {
			return call.outcome(now)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("jasperclient: waiting for the answer: %w", ctx.Err())
		case <-now.changed:
		}
	}
}

// outcome is what a caller gets.
func (call *Call) outcome(now outlook) (*DeviceUsage, error) {
	if now.late != nil {
		call.turnedAway(now.cause)
		return nil, now.late
	}
	if panicked, ok := errors.AsType[*panicError](call.result.err); ok {
		panic(panicked)
	}
	call.turnedAway(call.result.cause)
	return call.result.usage, call.result.err
}

// Progress is how long the call has waited for its turns so far, which its pauses after a failure are not part of, and how
// often Control Center was asked. It is the call's, whenever a caller joined.
func (call *Call) Progress() (waited time.Duration, asked int) {
	call.mu.Lock()
	defer call.mu.Unlock()
	waited = call.waited
	if !call.enteredAt.IsZero() {
		waited += time.Since(call.enteredAt)
	}
	return waited, int(call.requests)
}

// leave takes one caller off the call.
func (call *Call) leave() {
	if call.removeCaller() {
		call.end(nil, fmt.Errorf("jasperclient: waiting for a turn: %w", context.Canceled), "")
	}
}

// removeCaller reports whether the one who left was the last, and nobody else is to end the call.
func (call *Call) removeCaller() bool {
	call.mu.Lock()
	defer call.mu.Unlock()
	call.callers--
	if call.callers > 0 || !call.sentAt.IsZero() {
		return false
	}
	call.abandoned = true
	return call.client.lane.withdraw(call.turn) && call.result == nil
}

// An outlook is what is to come of a call: if it is not over, late says why it will not end before the deadline, nil when
// it may or there is none, and cause what turns the caller away then, nothing if the call has its turn. changed is closed
// when that changes.
type outlook struct {
	over    bool
	changed <-chan struct{}
	cause   Cause
	late    error
}

func (call *Call) outlook(deadline time.Time) outlook {
	call.mu.Lock()
	defer call.mu.Unlock()
	if call.result != nil {
		return outlook{over: true}
	}
	if call.changed == nil {
		call.changed = make(chan struct{})
	}
	now := outlook{changed: call.changed}
	if deadline.IsZero() {
		return now
	}
	lane := call.client.lane
	if pause := time.Until(call.resumeAt); pause > 0 {
		now.late = lane.lateAfter(pause, deadline)
	} else {
		now.late = lane.late(call.turn, deadline)
	}
	if now.late != nil && call.sentAt.IsZero() {
		now.cause = causeOf(now.late, CauseDeadline)
	}
	now.late = call.because(now.late)
	return now
}

// lockAndWakeWaiters is wakeWaiters for those who do not hold the call's mutex.
func (call *Call) lockAndWakeWaiters() {
	call.mu.Lock()
	defer call.mu.Unlock()
	call.wakeWaiters()
}

// wakeWaiters lets the callers that wait look at the call again. The call's mutex must be held.
func (call *Call) wakeWaiters() {
	if call.changed != nil {
		close(call.changed)
		call.changed = nil
	}
}

// because is why the call has no turn: how its last attempt failed says more than that the lane has none in time, but not more
// than that the client is closed.
func (call *Call) because(err error) error {
	if err == nil || call.lastFailure == nil || errors.Is(err, ErrClosed) {
		return err
	}
	return withRetryAfter(call.lastFailure, retryAfterOf(err))
}
