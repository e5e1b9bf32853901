package jasperclient

import (
	"errors"
	"time"
)

// Events are what a client tells of its lane, as it happens; those that are nil are not told. They must not block, for
// calls wait for them, and must not call the client or a [Call], for Changed is told under the lane's lock.
//
// What happens to one call is told in its order: its turn, how that ended, what this changes of the lane, and perhaps that
// the call goes into the lane again. That the lane closes is told before whom it turns away. Every Changed comes after the
// one before, so that the last has the spacing and the gate of now; all else can be told by several calls at once. A caller
// is told as the one whose place in the lane the call has: who started it or, of those who joined it, who brought it forward.
type Events struct {
	// Turn is told when a call has its turn, and how long it waited for this one.
	Turn func(caller Caller, waited time.Duration)
	// Answered is told when an attempt has ended, and how long that took from its turn. Of one that [Client.Close] ended
	// nothing is told.
	Answered func(outcome Outcome, took time.Duration)
	// Retried is told when a call goes into the lane again, for another attempt.
	Retried func()
	// TurnedAway is told when a caller is refused because the lane has no turn for its call, or no further one. It is told
	// for each caller of a call, but not for those who left by themselves.
	TurnedAway func(caller Caller, cause Cause)
	// Changed is told when the spacing changes, and when the lane closes, lets a call probe or opens.
	Changed func(LaneState)
}

// WithEvents tells the program what happens in the lane.
func WithEvents(events Events) Option {
	return func(c *Client) error {
		c.events = events.complete()
		return nil
	}
}

// complete has a function for each event but Changed, whose state the lane makes only where it is told.
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

// The causes of having no turn.
const (
	CauseDeadline Cause = "deadline" // the turn would come too late for the caller's deadline
	CauseFull     Cause = "full"     // there is no place to wait, or the call gave its place to a caller with fewer
	CauseClosed   Cause = "closed"   // the lane is closed or probes, and the caller is told what closed it
)

// causeOf is why the lane turned a caller away with err: while it is not open, that is the reason for whatever it refuses;
// else it is the cause of being busy.
func causeOf(err error, busy Cause) Cause {
	if _, ok := errors.AsType[*BusyError](err); ok {
		return busy
	}
	return CauseClosed
}

// turnedAway tells that a caller of the call has no turn, unless there is no cause.
func (call *Call) turnedAway(cause Cause) {
	if cause == "" {
		return
	}
	call.mu.Lock()
	caller := call.turn.caller
	call.mu.Unlock()
	call.client.events.TurnedAway(caller, cause)
}
