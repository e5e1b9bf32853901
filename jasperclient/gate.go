package jasperclient

import (
	"errors"
	"fmt"
	"time"
)

const (
	// closedFor is how long no call follows one whose credentials were refused: an account can be locked by trying on.
	closedFor = 30 * time.Second
	// failuresToClose is how many calls in a row have to fail by Control Center's fault before it is left alone.
	failuresToClose = 5
	// recoveryTime is how long it is left alone then, until one call probes it.
	recoveryTime = 10 * time.Second
)

// A gate closes a lane for a while after Control Center refused the account's credentials, or failed again and again.
// Then one call at a time probes, until one is answered.
type gate struct {
	failures int       // in a row
	reason   error     // why it is closed, or is being probed; nil when open
	reopens  time.Time // for a probe
}

// refusal is why no call may wait now; nil when it may.
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

// failing is why the gate is not open where Control Center failed; nil where it refused the credentials, or is open.
func (g *gate) failing() *UnavailableError {
	failing, _ := errors.AsType[*UnavailableError](g.reason)
	return failing
}

// closedReason is why the gate is not open, until a probe is answered.
func (g *gate) closedReason() ClosedReason {
	switch {
	case g.reason == nil:
		return ""
	case g.failing() != nil:
		return ClosedFailing
	}
	return ClosedCredentials
}

// probing reports whether one call at a time finds out if the reason is gone.
func (g *gate) probing() bool { return g.reason != nil }

// record records a call's outcome and reports whether it closes the gate.
func (g *gate) record(outcome error, now time.Time) bool {
	if now.Before(g.reopens) {
		return false // the call had begun before
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
	// The outcome is told, not wrapped: who is turned away has not got Control Center's answer.
	g.reason = &UnavailableError{HTTPStatus: httpStatusOf(outcome),
		Err: fmt.Errorf("no call is made after %d failures in a row; the last: %v", g.failures, outcome)} //nolint:errorlint // see above
	g.reopens = now.Add(max(recoveryTime, retryAfterOf(outcome)))
	return true
}
