package jasperclient

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// maxAttempts is how often a call is made whose failure is Control Center's, or comes from calling too often.
const maxAttempts = 3

// firstBackoff bounds the wait before the second attempt, and twice as much that before the third. The wait is random
// ("full jitter"): those who failed together do not come back together.
const firstBackoff = 500 * time.Millisecond

// A panicError is a panic of the call, which goes on in each of its callers.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("%v\n%s", e.value, e.stack) }

// endOnPanic is deferred by what goes on with the call.
func (call *Call) endOnPanic() {
	if value := recover(); value != nil && !call.end(nil, &panicError{value, debug.Stack()}, "") {
		panic(value) // of the function that is told of the end: a defect that nobody waits for
	}
}

// wake makes an attempt, now that the call has its turn, or ends the call where there is none. It is the lane's to call.
func (call *Call) wake() {
	defer call.endOnPanic()
	usage, cause, err := call.attempt()
	refused := rateLimited(err) != nil
	switch {
	case errors.Is(err, errOver):
	case call.attempts == maxAttempts || (!refused && !worthRetrying(err)):
		call.end(usage, err, cause)
	case refused:
		call.tryAgain(err, beforeAll, 0)
	default:
		call.tryAgain(err, atHead, max(rand.N(firstBackoff<<(call.attempts-1)), retryAfterOf(err)))
	}
}

// tryAgain puts the call back into the lane after a pause, unless nobody waits for another attempt.
func (call *Call) tryAgain(err error, at rank, pause time.Duration) {
	switch {
	case !call.putBack(err, at, pause):
		call.end(nil, err, "")
	case pause == 0:
		call.resume()
	}
}

// putBack notes that an attempt failed, and that the next one comes after a pause; it reports false when there will be none.
func (call *Call) putBack(err error, at rank, pause time.Duration) bool {
	call.mu.Lock()
	defer call.mu.Unlock()
	if call.callers == 0 {
		return false
	}
	call.lastFailure, call.sentAt, call.resumeAt = err, time.Time{}, time.Now().Add(pause)
	call.turn, call.rank = newTurn(call.turn.caller, call), at
	call.wakeWaiters()
	return pause == 0 || call.client.lane.pause(call.turn, pause)
}

// resume puts the call into the lane again.
func (call *Call) resume() {
	defer call.endOnPanic()
	if cause, err := call.reenter(); err != nil {
		call.end(nil, err, cause)
	}
}

// reenter holds the call's lock, so that nothing is told of a turn before this is.
func (call *Call) reenter() (Cause, error) {
	call.mu.Lock()
	defer call.mu.Unlock()
	if call.abandoned {
		return "", call.lastFailure
	}
	switch err := call.client.lane.enter(call.turn, call.rank); {
	case errors.Is(err, ErrClosed):
		return "", err
	case err != nil:
		return CauseClosed, call.because(err)
	}
	call.enteredAt = time.Now()
	call.wakeWaiters()
	call.client.events.Retried()
	return "", nil
}

// attempt asks Control Center, if there is a turn for it.
func (call *Call) attempt() (*DeviceUsage, Cause, error) {
	call.begin()
	call.attempts++
	caller, waited, cause, err := call.send()
	if err != nil {
		return nil, cause, err
	}
	usage, err := call.ask(caller, waited)
	return usage, "", err
}

// errPanicked is the outcome of an attempt that panics.
var errPanicked error = &UnavailableError{Err: errors.New("a panic")}

// ask asks Control Center in the turn that the call has, and gives the turn back with the outcome.
func (call *Call) ask(caller Caller, waited time.Duration) (usage *DeviceUsage, _ error) {
	c, t := call.client, call.turn
	outcome := errPanicked // unless Client.ask returns
	defer func() { c.lane.leave(t, outcome) }()
	ctx, span := c.startSpan(call.ctx, "GET usageInZone", trace.SpanKindClient, time.Now())
	defer func() {
		endAttempt(span, int(call.attempts), outcome)
		if !errors.Is(outcome, ErrClosed) {
			c.events.Answered(outcomeOf(outcome), time.Since(t.start))
		}
	}()
	c.events.Turn(caller, waited)
	usage, outcome = c.ask(ctx, call.query, func() { c.lane.sent(t) })
	return usage, outcome
}

// errOver is of a turn whose call has ended.
var errOver = errors.New("the call is over")

// send ends the wait for a turn, and notes that Control Center is asked now. It fails when there is no turn, or nobody
// wants it any more.
func (call *Call) send() (caller Caller, waited time.Duration, cause Cause, err error) {
	call.mu.Lock()
	defer call.mu.Unlock()
	caller = call.turn.caller
	switch refused := call.turn.err; {
	case call.ending || call.abandoned:
		call.client.lane.withdraw(call.turn)
		err = fmt.Errorf("jasperclient: waiting for a turn: %w", context.Canceled)
		if call.ending {
			err = errOver
		}
	case refused != nil:
		if !errors.Is(refused, ErrClosed) {
			cause = causeOf(refused, CauseFull)
		}
		err = call.because(refused)
	default:
		call.sentAt = time.Now()
		call.requests++
	}
	if !call.enteredAt.IsZero() { // it was not in a pause
		waited = time.Since(call.enteredAt)
		_, span := call.client.startSpan(call.ctx, "lane wait", trace.SpanKindInternal, call.enteredAt)
		endWait(span, int(call.attempts), caller, cause)
		call.enteredAt, call.waited = time.Time{}, call.waited+waited
	}
	return caller, waited, cause, err
}

// begin starts the call's span where that is not done yet, as of when the call began: while it waits, the call has none.
func (call *Call) begin() {
	if call.span == nil {
		ctx := callContext{Context: call.client.open, started: call.ctx}
		call.ctx, call.span = call.client.startSpan(ctx, "lane", trace.SpanKindInternal, call.enteredAt) // the first wait
	}
}

// end tells the outcome; it reports false when another one is told.
func (call *Call) end(usage *DeviceUsage, err error, cause Cause) bool {
	call.mu.Lock()
	ending, sent := call.ending, call.sentAt
	call.ending = true
	call.mu.Unlock()
	if ending {
		return false
	}
	call.begin()
	endCall(call.span, err, cause)
	if call.onEnd != nil {
		call.onEnd(usage, sent, err)
	}
	call.mu.Lock()
	defer call.mu.Unlock()
	call.result = &result{usage, err, cause}
	call.wakeWaiters()
	return true
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
