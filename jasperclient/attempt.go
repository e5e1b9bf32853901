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

// maxAttempts bounds the attempts of a call that fails upstream or is rate limited.
const maxAttempts = 3

// firstBackoff bounds the wait before the second attempt; before the third, the bound is twice as long. The wait is random
// ("full jitter"), so that calls that failed together do not come back together.
const firstBackoff = 500 * time.Millisecond

// A panicError carries a panic of the call to each caller that waits for it.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("%v\n%s", e.value, e.stack) }

// endOnPanic ends the call if the function that defers it panics.
func (call *Call) endOnPanic() {
	if value := recover(); value != nil && !call.end(nil, &panicError{value, debug.Stack()}, "") {
		panic(value) // onEnd panicked, and no caller would hear of it
	}
}

// wake makes an attempt, now that the wait for a turn is over. Then the call ends or is tried again. Only the lane calls it.
func (call *Call) wake() {
	defer call.endOnPanic()
	usage, cause, err := call.attempt()
	refused := rateLimited(err) != nil
	switch {
	case errors.Is(err, errOver):
	case refused && call.attempts == maxAttempts:
		call.end(nil, withRetryAfter(err, call.client.lane.nextWait()), cause)
	case call.attempts == maxAttempts || (!refused && !worthRetrying(err)):
		call.end(usage, err, cause)
	case refused:
		call.tryAgain(err, beforeAll, 0)
	default:
		call.tryAgain(err, atHead, max(rand.N(firstBackoff<<(call.attempts-1)), retryAfterOf(err)))
	}
}

// tryAgain puts the call back into the lane after a pause, or ends it if there will be no other attempt.
func (call *Call) tryAgain(err error, at rank, pause time.Duration) {
	switch ended := call.putBack(err, at, pause); {
	case ended != nil:
		call.end(nil, ended, "")
	case pause == 0:
		call.resume()
	}
}

// putBack prepares the attempt that follows a failed one. There is none if nobody waits for it, and it returns the failure, or if
// the lane is stopped, and it returns [ErrClosed].
func (call *Call) putBack(err error, at rank, pause time.Duration) error {
	call.mu.Lock()
	defer call.mu.Unlock()
	if call.callers == 0 {
		return err
	}
	call.lastFailure, call.sentAt, call.resumeAt = err, time.Time{}, time.Now().Add(pause)
	call.turn, call.rank = newTurn(call.turn.caller, call), at
	call.wakeWaiters()
	if pause > 0 && !call.client.lane.pause(call.turn, pause) {
		return ErrClosed
	}
	return nil
}

// resume puts the call into the lane again, or ends it.
func (call *Call) resume() {
	defer call.endOnPanic()
	if cause, err := call.reenter(); err != nil {
		call.end(nil, err, cause)
	}
}

// reenter holds the call's lock, so that the new turn is not reported before the retry is.
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

// errOver is returned for a turn whose call has ended.
var errOver = errors.New("the call is over")

// send ends the wait for a turn and records that Control Center is asked now. It fails if there is no turn, or if no caller
// needs it any more.
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
	if !call.enteredAt.IsZero() { // the call was not in a pause
		waited = time.Since(call.enteredAt)
		_, span := call.client.startSpan(call.ctx, "lane wait", trace.SpanKindInternal, call.enteredAt)
		endWait(span, int(call.attempts), caller, cause)
		call.enteredAt, call.waited = time.Time{}, call.waited+waited
	}
	return caller, waited, cause, err
}

// begin starts the call's span, dated back to the call's start, unless there is one: a call in its first wait has no span.
func (call *Call) begin() {
	if call.span == nil {
		ctx := callContext{Context: call.client.open, started: call.ctx}
		call.ctx, call.span = call.client.startSpan(ctx, "lane", trace.SpanKindInternal, call.enteredAt) // the first wait
	}
}

// end gives the outcome to onEnd and then to the callers. It reports false if the call has another outcome already.
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
	if value := c.Context.Value(key); value != nil { // package context finds the parent here, whose end derived contexts follow
		return value
	}
	return c.started.Value(key)
}
