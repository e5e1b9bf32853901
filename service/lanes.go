package service

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/zoneusage/zoneusage/jasperclient"
)

// upstreamHealth is the health service name of all accounts' Control Centers together; for a single account, a dot and its
// name follow.
const upstreamHealth = "upstream"

// lanes follows the accounts' lanes, for the log and for health checks. It has a goroutine of its own, because whatever
// reports a change must not wait for the log.
type lanes struct {
	log    *slog.Logger
	health *health.Server
	states func() []AccountState
	seen   map[string]lane
}

// A lane is what was last reported of an account's lane.
type lane struct {
	closed  jasperclient.ClosedReason
	spacing time.Duration // as last logged, or a shorter one since
}

// follow looks at the lanes whenever a channel receives and whenever a closed lane takes calls again, until ctx ends.
func (l *lanes) follow(ctx context.Context, accounts, changed <-chan struct{}) {
	for {
		reopen := time.NewTimer(l.nextReopening())
		select {
		case <-accounts:
		case <-changed:
		case <-reopen.C:
		case <-ctx.Done():
			reopen.Stop()
			return
		}
		reopen.Stop()
		l.look(ctx)
	}
}

// nextReopening is the time until the next closed lane takes calls again, at most an hour.
func (l *lanes) nextReopening() time.Duration {
	next := time.Hour
	for _, state := range l.states() {
		if state.Lane.Shut() {
			next = min(next, time.Until(state.Lane.Reopens))
		}
	}
	return next
}

// look reports what has changed.
func (l *lanes) look(ctx context.Context) {
	next, all := map[string]lane{}, healthpb.HealthCheckResponse_SERVING
	for _, state := range l.states() {
		status := healthpb.HealthCheckResponse_SERVING
		if state.Lane.Shut() {
			status, all = healthpb.HealthCheckResponse_NOT_SERVING, healthpb.HealthCheckResponse_NOT_SERVING
		}
		l.health.SetServingStatus(upstreamHealth+"."+state.Name, status)
		before, ok := l.seen[state.Name]
		if !ok {
			before.spacing = state.Lane.AllowedSpacing
		}
		l.logClosed(ctx, before.closed, state)
		next[state.Name] = lane{state.Lane.Closed, l.logSpacing(ctx, before.spacing, state)}
	}
	for name := range l.seen {
		if _, ok := next[name]; !ok {
			l.health.SetServingStatus(upstreamHealth+"."+name, healthpb.HealthCheckResponse_SERVICE_UNKNOWN)
		}
	}
	l.health.SetServingStatus(upstreamHealth, all)
	l.seen = next
}

// logClosed logs that a lane has closed or opened.
func (l *lanes) logClosed(ctx context.Context, before jasperclient.ClosedReason, now AccountState) {
	switch closed := now.Lane.Closed; closed {
	case before:
	case "":
		l.log.InfoContext(ctx, "the account's lane is open again", "account", now.Name, "was", string(before))
	default:
		l.log.WarnContext(ctx, "the account's lane is closed", "account", now.Name, "reason", string(closed),
			"reopens", now.Lane.Reopens.UTC().Format(time.RFC3339))
	}
}

// logSpacing logs when the calls' pace leaves and when it reaches the allowed one, and each doubling in between, but not
// each of the many steps. It returns what the next doubling is measured by.
func (l *lanes) logSpacing(ctx context.Context, before time.Duration, now AccountState) time.Duration {
	spacing, allowed := now.Lane.Spacing, now.Lane.AllowedSpacing
	slower := spacing > allowed && (before <= allowed || spacing >= 2*before)
	if slower || (spacing <= allowed && before > allowed) {
		l.log.InfoContext(ctx, "the account's pace has changed", "account", now.Name,
			"spacing_ms", milliseconds(spacing), "allowed_ms", milliseconds(allowed))
		return spacing
	}
	return min(before, spacing)
}
