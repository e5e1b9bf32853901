package jasperclient

import (
	"errors"
	"time"
)

// Events are callbacks for what happens in a client's lane; nil ones are skipped. They must not block, because calls wait
// for them, nor use the client or a [Call], because Changed runs under the lane's lock.
//
// For one call they come in order: its turn, its outcome, the change of the lane, its retry. A closing lane is reported
// before the callers it turns away. Changed calls never overlap, so the last one is current; the others may be concurrent.
// caller is the one whose place the call has: the one that started it, or the one that joined and moved it forward.
type Events struct {
	// Turn is called when a call gets its turn; waited is how long it waited for this turn.
	Turn func(caller Caller, waited time.Duration)
	// Answered is called when an attempt has ended; took is the time since its turn. It is not called for an attempt that
	// [Client.Close] ended.
	Answered func(outcome Outcome, took time.Duration)
	// Retried is called when a call goes into the lane again, for another attempt.
	Retried func()
	// TurnedAway is called when a caller is refused because the lane has no turn, or no other turn, for its call. It is called
	// for each caller of a call, but not for callers that left by themselves.
	TurnedAway func(caller Caller, cause Cause)
	// Changed is called when the spacing changes, and when the lane closes, lets a call probe or opens.
	Changed func(LaneState)
}

// WithEvents reports what happens in the lane.
func WithEvents(events Events) Option {
	return func(c *Client) error {
		c.events = events.complete()
		return nil
	}
}

// complete sets each nil function except Changed: the lane computes a state only if somebody wants it.
func (e Events) complete() Events {
	if e.Turn == nil {
		e.Turn = func(Caller, time.Duration) {}
	}
	if e.Answered == nil {
		e.Answered = func(Outcome, time.Duration) {}
	}
	if e.Retried == nil {
		e.Retried = func() {}
	}
	if e.TurnedAway == nil {
		e.TurnedAway = func(Caller, Cause) {}
	}
	return e
}

// A Cause is why a caller has no turn.
type Cause string

// The causes.
const (
	CauseDeadline Cause = "deadline" // the turn would come too late for the caller's deadline
	CauseFull     Cause = "full"     // there is no place to wait, or the call gave its place to a caller with fewer calls
	CauseClosed   Cause = "closed"   // the lane is closed or probes, and the caller's error says why
)

// causeOf is why the lane turned a caller away with err: busy for a [BusyError]; any other error means that the lane is not
// open, and that is the reason for all that it refuses then.
func causeOf(err error, busy Cause) Cause {
	if _, ok := errors.AsType[*BusyError](err); ok {
		return busy
	}
	return CauseClosed
}

// turnedAway reports that a caller of the call has no turn, unless there is no cause.
func (call *Call) turnedAway(cause Cause) {
	if cause == "" {
		return
	}
	call.mu.Lock()
	caller := call.turn.caller
	call.mu.Unlock()
	call.client.events.TurnedAway(caller, cause)
}
