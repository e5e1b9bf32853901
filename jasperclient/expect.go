package jasperclient

import (
	"fmt"
	"time"
)

// minCall is the shortest time that a call is expected to take: a caller with less time left before its deadline gains
// nothing by waiting.
const minCall = 50 * time.Millisecond

// late says why a call will not end before the deadline, as things stand now: its turn comes too late, or it still probes a
// failing Control Center at the last moment. It is nil if the call may end in time.
func (l *lane) late(t *turn, deadline time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	left := l.left(deadline)
	if _, underWay := l.inFlight[t]; underWay && l.gate.failing() != nil && left <= 0 {
		return l.noTurn(l.pace.spacing) // the call is taken to fail like the calls before it
	}
	if !t.waits() {
		return nil
	}
	if left > 0 && l.wait(l.waiting()-1) <= left { // even the last turn comes in time
		return nil
	}
	wait := l.expect(t)
	if left > 0 && wait <= left {
		return nil
	}
	if wait == 0 { // the call under way takes longer than calls usually do
		wait = l.pace.spacing
	}
	return l.noTurn(wait)
}

// lateAfter is [lane.late] for a call that re-enters at the head of the lane after a pause.
func (l *lane) lateAfter(pause time.Duration, deadline time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if wait := max(pause, l.wait(0)); wait > l.left(deadline) {
		return l.noTurn(wait)
	}
	return nil
}

// noTurn is the error if a turn would come too late: the account is busy, or Control Center fails, which it does while calls
// probe and as long as a failure asked for no call.
func (l *lane) noTurn(wait time.Duration) error {
	if failing := l.gate.failing(); failing != nil {
		return &UnavailableError{HTTPStatus: failing.HTTPStatus, RetryAfter: wait, Err: failing.Err}
	}
	if l.quietFor != nil && time.Now().Before(l.quietUntil) {
		return &UnavailableError{HTTPStatus: httpStatusOf(l.quietFor), RetryAfter: wait,
			// Not wrapped: the caller that is turned away did not get this answer itself.
			Err: fmt.Errorf("no call is made until %s, as it asked for with: %v", l.quietUntil.UTC().Format(time.RFC3339), l.quietFor)} //nolint:errorlint // see above
	}
	return &BusyError{Wait: wait}
}

// left is how long a call can still wait and then end before the deadline.
func (l *lane) left(deadline time.Time) time.Duration {
	return time.Until(deadline) - max(l.typical, minCall)
}

// expect is how long a waiting turn still has to wait, if no other call comes and the pace stays the same.
func (l *lane) expect(t *turn) time.Duration {
	if t.refusedElement != nil {
		ahead := 0 // few: these calls were under way together
		for element := l.refused.Front(); element != t.refusedElement; element = element.Next() {
			ahead++
		}
		return l.wait(ahead)
	}
	ahead := l.queueOf(t).ahead(t)
	if t.caller.Bulk {
		ahead += l.interactiveBefore(ahead)
	} else {
		ahead += l.bulkBefore(ahead)
	}
	return l.wait(l.refused.Len() + ahead)
}

// bulkBefore is how many bulk turns come before an interactive turn that has so many interactive turns ahead.
func (l *lane) bulkBefore(ahead int) int {
	return min(l.bulk.waiting, (l.credit+ahead*l.fair.BulkShare)/(100-l.fair.BulkShare))
}

// interactiveBefore is how many interactive turns come before a bulk turn that has so many bulk turns ahead.
func (l *lane) interactiveBefore(ahead int) int {
	owed := (ahead+1)*(100-l.fair.BulkShare) - l.credit
	switch {
	case owed <= 0:
		return 0
	case l.fair.BulkShare == 0:
		return l.interactive.waiting
	}
	return min(l.interactive.waiting, (owed+l.fair.BulkShare-1)/l.fair.BulkShare)
}

// wait is the time until a turn comes that has so many turns ahead.
func (l *lane) wait(ahead int) time.Duration {
	now := time.Now()
	first := max(l.nextTurn.Sub(now), 0)
	if len(l.inFlight) >= l.limit() {
		first = max(first, l.nextEnd(now))
	}
	// If calls take longer than the spacing, the calls in flight set the pace.
	each := max(l.pace.spacing, l.typical/time.Duration(l.limit()))
	return first + time.Duration(ahead)*each
}

// nextWait is how long a call would wait that came now.
func (l *lane) nextWait() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wait(l.waiting())
}

// nextEnd is the time until a call under way is expected to end.
func (l *lane) nextEnd(now time.Time) time.Duration {
	end := l.typical
	for t := range l.inFlight {
		end = min(end, t.start.Add(l.typical).Sub(now))
	}
	return max(end, 0)
}
