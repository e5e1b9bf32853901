package jasperclient

import (
	"errors"
	"time"
)

// An Outcome is how one attempt of a call ended.
type Outcome string

// The outcomes of an attempt.
const (
	OutcomeOK                 Outcome = "ok"                  // a usage
	OutcomeRefused            Outcome = "refused"             // by Control Center, for a reason not listed here
	OutcomeRateLimited        Outcome = "rate_limited"        // refused for coming too often
	OutcomeCredentialsRefused Outcome = "credentials_refused" // the credentials or the caller's address
	OutcomeFailed             Outcome = "failed"              // by Control Center's fault or on the way to it, such as a timeout
	OutcomeInvalid            Outcome = "invalid"             // an answer that cannot be trusted
)

// outcomeOf is the outcome of an attempt that ended with err. Refused credentials come first, as in the gate.
func outcomeOf(err error) Outcome {
	switch {
	case err == nil:
		return OutcomeOK
	case credentialsRefused(err) != nil:
		return OutcomeCredentialsRefused
	case rateLimited(err) != nil:
		return OutcomeRateLimited
	case upstreamFailed(err):
		return OutcomeFailed
	}
	if _, ok := errors.AsType[*InvalidResponseError](err); ok {
		return OutcomeInvalid
	}
	return OutcomeRefused
}

// leave ends a granted turn. The outcome sets the pace of the turns to come, and can close the lane.
func (l *lane) leave(t *turn, outcome error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(outcome, ErrClosed) { // this says nothing about Control Center, and no call waits any more
		l.end(t)
		return
	}
	now := time.Now()
	if l.sending == t { // it is unknown when the call was sent, if at all
		l.lastSent = now
		l.holdUntil(now.Add(l.pace.spacing))
	}
	l.end(t)
	if !unanswered(outcome) {
		l.recordDuration(now.Sub(t.start))
	}
	refused := credentialsRefused(outcome) != nil
	switch {
	case rateLimited(outcome) != nil:
		if t.start.After(l.slowedAt) { // a call from before that says nothing about the pace since
			l.pace.refused()
			l.slowedAt = now
		}
		l.holdUntil(now.Add(l.pace.spacing))
		l.obey(now.Add(retryAfterOf(outcome)), nil)
	case unanswered(outcome):
		// Control Center may not know yet that nobody listens any more, and take the call for still being under way.
		l.holdUntil(now.Add(l.pace.spacing))
	case upstreamFailed(outcome):
		l.obey(now.Add(retryAfterOf(outcome)), outcome)
	case !refused && t.start.After(l.slowedAt): // the others say nothing about the pace since
		l.pace.answered()
	}
	old := refused && t.start.Before(l.updatedAt) // the old credentials were refused, not these
	if !old && l.gate.record(outcome, now) {
		l.turnAllAway(l.gate.refusal(now))
	}
	l.notifyIfChanged()
	l.advance()
}

// recordDuration adds an answered call's duration to the average.
func (l *lane) recordDuration(call time.Duration) {
	const weight = 8 // the call counts for an eighth, the average so far for the rest
	if l.typical == 0 {
		l.typical = call
	}
	l.typical += (call - l.typical) / weight
}

// obey lets no call start before a time that Control Center asked for, with a failure or without one.
func (l *lane) obey(next time.Time, failure error) {
	if next.After(l.quietUntil) {
		l.quietUntil, l.quietFor = next, failure
	}
	l.holdUntil(next)
}

// turnAllAway refuses a turn to every call that waits, and to others.
func (l *lane) turnAllAway(why error, others ...*turn) {
	away := others
	for l.waiting() > 0 {
		away = append(away, l.pop())
	}
	for _, t := range away {
		t.err = why
	}
	defer l.wakeAll(away) // after the event, and even when that panics
	l.notifyIfChanged()
}

// wakeAll wakes the holders of turns, all in one goroutine: they can be many.
func (l *lane) wakeAll(turns []*turn) {
	l.goroutines.Go(func() {
		for _, t := range turns {
			t.holder.wake()
		}
	})
}
