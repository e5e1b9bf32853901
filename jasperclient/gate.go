package jasperclient

import (
	"errors"
	"fmt"
	"time"
)

const (
	// closedFor is how long no call is made after refused credentials: repeated attempts can lock the account.
	closedFor = 30 * time.Second
	// failuresToClose is how many calls in a row must fail by Control Center's fault to close the gate.
	failuresToClose = 5
	// recoveryTime is how long Control Center is left alone then, until a call probes it.
	recoveryTime = 10 * time.Second
)

// A gate closes a lane for a while after Control Center refused the account's credentials, or failed again and again.
// Then one call at a time probes, until a probe is answered.
type gate struct {
	failures int       // in a row
	reason   error     // why the gate is not open; nil if it is open
	reopens  time.Time // when a call may probe
}

// refusal is why no call may wait now; nil if calls may.
func (g *gate) refusal(now time.Time) error {
	left := g.reopens.Sub(now)
	if g.reason == nil || left <= 0 {
		return nil
	}
	if failing := g.failing(); failing != nil {
		return &UnavailableError{HTTPStatus: failing.HTTPStatus, RetryAfter: left, Err: failing.Err}
	}
	return g.reason
}

// failing is why the gate is not open, if Control Center failed; nil if it refused the credentials, or the gate is open.
func (g *gate) failing() *UnavailableError {
	failing, _ := errors.AsType[*UnavailableError](g.reason)
	return failing
}

// closedReason is why the gate is not open, until a probe is answered; empty if it is open.
func (g *gate) closedReason() ClosedReason {
	switch {
	case g.reason == nil:
		return ""
	case g.failing() != nil:
		return ClosedFailing
	}
	return ClosedCredentials
}

// probing reports whether the gate is not open: a call that gets a turn then probes, alone.
func (g *gate) probing() bool { return g.reason != nil }

// record records an outcome and reports whether it closes the gate.
func (g *gate) record(outcome error, now time.Time) bool {
	if now.Before(g.reopens) {
		return false // the call began before the gate closed
	}
	refused := credentialsRefused(outcome)
	switch {
	case refused != nil:
		g.reason, g.reopens = refused, now.Add(closedFor)
		return true
	case !upstreamFailed(outcome):
		g.failures, g.reason = 0, nil
		return false
	}
	g.failures++
	if g.reason == nil && g.failures < failuresToClose {
		return false
	}
	// %v, not %w: a caller that is turned away did not get this answer itself.
	g.reason = &UnavailableError{HTTPStatus: httpStatusOf(outcome),
		Err: fmt.Errorf("no call is made after %d failures in a row; the last: %v", g.failures, outcome)} //nolint:errorlint // see above
	g.reopens = now.Add(max(recoveryTime, retryAfterOf(outcome)))
	return true
}
