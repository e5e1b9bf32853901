package jasperclient

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// A Call is one question to Control Center, shared by all callers that wait for the answer. When all of them have left, the
// call gives up its place in the lane; if it is under way, it goes on, because its turn is spent.
//
// A call that waits has no goroutine: the lane wakes it.
type Call struct {
	client *Client
	query  UsageQuery
	onEnd  func(usage *DeviceUsage, sent time.Time, err error)

	// These belong to the goroutine that works on the call: one at a time.
	ctx      context.Context // what Start got; once the call has a span, the span's context
	span     trace.Span
	attempts int8 // including attempts that had no turn

	mu          sync.Mutex
	callers     int32         // that have not left
	requests    int32         // how often Control Center was asked
	abandoned   bool          // all callers have left, before the call was under way
	ending      bool          // end has begun
	rank        rank          // where the next attempt enters the lane
	turn        *turn         // of the present attempt or, after a failure, of the next
	enteredAt   time.Time     // when the wait for a turn began; zero if the call does not wait for one
	waited      time.Duration // in all, in earlier waits for a turn
	sentAt      time.Time     // when the present attempt asked Control Center; zero if it has not yet
	lastFailure error         // of the last attempt that failed
	resumeAt    time.Time     // when the pause before the next attempt ends
	changed     chan struct{} // closed when waiting callers must look again; nil while none waits

	result *result // nil until the call has ended: a call that waits needs no room for it
}

// A result is how a call ended.
type result struct {
	usage *DeviceUsage
	err   error
	cause Cause // why the lane turned the call away; empty if it did not
}

// Start puts a question into the lane for a caller. Each Start that succeeds, and each [Call.Join] that reports true,
// needs exactly one [Call.Wait]. Start fails with a [QueryError]; with a [BusyError] if there is no place to wait; with the
// error that closed the lane, an [UnavailableError] or an [APIError] for refused credentials; or with [ErrClosed].
//
// Only ctx's values are used, such as its trace, and not its end: by then others may wait for the call.
//
// When the call ends, onEnd, unless it is nil, gets the outcome before any caller does. It must not block. sent is when
// the last attempt asked Control Center, the zero time if it did not. Start and Join do not call onEnd; the last Wait may.
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

// Join adds a caller, who must then [Call.Wait] with the same ctx. It reports false, and adds nobody, when the call has ended or was given up,
// when the client is closed, or when Control Center was asked more than maxAge ago: the answer can be that old.
// The call takes the caller's place in the lane if that is a better one, and one before ctx's deadline.
func (call *Call) Join(ctx context.Context, caller Caller, maxAge time.Duration) bool {
	call.mu.Lock()
	defer call.mu.Unlock()
	tooOld := !call.sentAt.IsZero() && time.Since(call.sentAt) > maxAge
	if tooOld || call.abandoned || call.result != nil || call.client.open.Err() != nil {
		return false
	}
	call.callers++
	deadline, _ := ctx.Deadline()
	call.client.lane.raise(call.turn, caller, deadline)
	return true
}

// Wait waits for the answer until ctx ends. It fails at once if the turn is expected too late for ctx's deadline, and just
// before the deadline if other calls went first. The package's documentation lists its errors. A panic of the client's
// transport becomes a panic of each Wait.
func (call *Call) Wait(ctx context.Context) (*DeviceUsage, error) {
	defer call.leave()
	deadline, ok := ctx.Deadline()
	if ok { // look again at the last moment: other calls may have gone first, or the lane has slowed down
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

// outcome is what Wait returns.
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

// Progress is how long the call has waited for its turns so far, without the pauses after failures, and how often Control
// Center was asked. Both are counted from the start of the call, even for a caller that joined later.
func (call *Call) Progress() (waited time.Duration, requests int) {
	call.mu.Lock()
	defer call.mu.Unlock()
	waited = call.waited
	if !call.enteredAt.IsZero() {
		waited += time.Since(call.enteredAt)
	}
	return waited, int(call.requests)
}

// leave removes a caller, and ends the call if nobody else will.
func (call *Call) leave() {
	if call.removeCaller() {
		call.end(nil, fmt.Errorf("jasperclient: waiting for a turn: %w", context.Canceled), "")
	}
}

// removeCaller removes a caller and reports whether it was the last, so that leave must end the call.
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

// An outlook is what a caller can expect of a call.
type outlook struct {
	over    bool            // the call has ended, and the rest is not set
	changed <-chan struct{} // closed when the caller must look again
	late    error           // why the call will not end before the deadline; nil if it may, or there is no deadline
	cause   Cause           // why a caller whose call is late is turned away; empty if the call has its turn
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

// lockAndWakeWaiters is wakeWaiters for code that does not hold the call's mutex.
func (call *Call) lockAndWakeWaiters() {
	call.mu.Lock()
	defer call.mu.Unlock()
	call.wakeWaiters()
}

// wakeWaiters makes the callers that wait look at the call again. The call's mutex must be held.
func (call *Call) wakeWaiters() {
	if call.changed != nil {
		close(call.changed)
		call.changed = nil
	}
}

// because prefers the last attempt's failure over err, which only says that there is no turn, unless the client is closed.
func (call *Call) because(err error) error {
	if err == nil || call.lastFailure == nil || errors.Is(err, ErrClosed) {
		return err
	}
	return withRetryAfter(call.lastFailure, retryAfterOf(err))
}
