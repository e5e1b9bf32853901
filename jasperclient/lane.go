package jasperclient

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// FairUse is what Control Center allows an account, over all who share it. Its fair use policy: one call at a time, and
// a number of calls a second that the operator sets; 1 is usual, 5 is seen on larger accounts.
type FairUse struct {
	// CallsInFlight is how many calls may be under way at once.
	CallsInFlight int
	// CallsPerSecond is how many calls may start in a second, evenly spaced; it may be a fraction.
	CallsPerSecond float64
	// MaxWaiting is how many callers may wait for their turn.
	MaxWaiting int
}

// maxCallsPerSecond keeps the spacing above the clock's resolution.
const maxCallsPerSecond = 1e6

func (f FairUse) check() error {
	switch {
	case f.CallsInFlight < 1:
		return fmt.Errorf("jasperclient: %d calls in flight are none; give 1 or more", f.CallsInFlight)
	case !(f.CallsPerSecond > 0 && f.CallsPerSecond <= maxCallsPerSecond): // so NaN fails too
		return fmt.Errorf("jasperclient: %v calls a second are not possible; give more than 0 and at most %v", f.CallsPerSecond, maxCallsPerSecond)
	case f.MaxWaiting < 1:
		return fmt.Errorf("jasperclient: a queue of %d lets nobody wait; give 1 or more", f.MaxWaiting)
	}
	return nil
}

// A lane lets the callers of one account through, as many at once and as often as its fair use allows: first come, first
// served. Who cannot have a turn before its deadline does not wait for it.
type lane struct {
	fair FairUse

	mu       sync.Mutex
	pace     pace
	nextTurn time.Time // before which no call starts
	inFlight int
	typical  time.Duration // of a call, a moving average
	closed   *APIError     // why nobody gets a turn before reopens; nil when there was no reason yet
	reopens  time.Time
	waiting  list.List   // of *turn
	timer    *time.Timer // wakes the lane at nextTurn
}

// A turn is a caller's place in the lane. It belongs to the lane's mutex until it is granted.
type turn struct {
	granted      chan struct{}
	refused      error // set in place of a turn
	start        time.Time
	before, next time.Time // what the lane's nextTurn was and became
}

func newLane(fair FairUse) *lane {
	return &lane{fair: fair, pace: newPace(time.Duration(float64(time.Second) / fair.CallsPerSecond))}
}

// enter waits for the caller's turn, the first of all that wait where its call was refused before. It fails with a
// [BusyError] at once when there is none before ctx's deadline or no place to wait, and with ctx's error when ctx ends
// first.
func (l *lane) enter(ctx context.Context, first bool) (*turn, error) {
	t := &turn{granted: make(chan struct{})}
	place, err := l.queue(ctx, t, first)
	if err != nil {
		return nil, err
	}
	select {
	case <-t.granted:
		if t.refused != nil {
			return nil, t.refused
		}
		return t, nil
	case <-ctx.Done():
		l.withdraw(place, t)
		return nil, fmt.Errorf("jasperclient: waiting for a turn: %w", ctx.Err())
	}
}

func (l *lane) queue(ctx context.Context, t *turn, first bool) (*list.Element, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("jasperclient: asking for a turn: %w", ctx.Err())
	}
	if l.closed != nil && time.Now().Before(l.reopens) {
		return nil, l.closed
	}
	ahead, push := l.waiting.Len(), l.waiting.PushBack
	if first {
		ahead, push = 0, l.waiting.PushFront
	}
	now := time.Now()
	wait := l.expectedWait(now, ahead)
	deadline, ok := ctx.Deadline()
	if tooLate := ok && wait > 0 && !deadline.After(now.Add(wait+l.typical)); tooLate || ahead >= l.fair.MaxWaiting {
		return nil, &BusyError{Wait: wait}
	}
	place := push(t)
	l.advance()
	return place, nil
}

// expectedWait is when a caller with so many ahead would have its turn.
func (l *lane) expectedWait(now time.Time, ahead int) time.Duration {
	// A call takes its time too: where it is the longer one, the calls in flight set the pace.
	each := max(l.pace.spacing, l.typical/time.Duration(l.fair.CallsInFlight))
	return max(l.nextTurn.Sub(now), 0) + time.Duration(ahead)*each
}

// withdraw takes a caller out who left, and gives back a turn that came in the same moment.
func (l *lane) withdraw(place *list.Element, t *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-t.granted:
		if t.refused != nil {
			return
		}
		l.inFlight--
		if l.nextTurn.Equal(t.next) { // no later turn depends on it
			l.nextTurn = t.before
		}
		l.advance()
	default:
		l.waiting.Remove(place)
	}
}

// advance grants the turns that are due and sees that the next one will be.
func (l *lane) advance() {
	for l.waiting.Len() > 0 && l.inFlight < l.fair.CallsInFlight {
		now := time.Now()
		if wait := l.nextTurn.Sub(now); wait > 0 {
			l.wake(wait)
			return
		}
		t := l.waiting.Remove(l.waiting.Front()).(*turn)
		l.inFlight++
		t.start, t.before, t.next = now, l.nextTurn, now.Add(l.pace.spacing)
		l.nextTurn = t.next
		close(t.granted)
	}
}

func (l *lane) wake(after time.Duration) {
	if l.timer != nil {
		l.timer.Reset(after)
		return
	}
	l.timer = time.AfterFunc(after, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.advance()
	})
}

// closedFor is how long no call follows one whose credentials were refused: an account can be locked by trying on.
const closedFor = 30 * time.Second

// close gives the refusal to all who wait and, for a while, to all who come.
func (l *lane) close(refused *APIError, now time.Time) {
	l.closed, l.reopens = refused, now.Add(closedFor)
	for l.waiting.Len() > 0 {
		t := l.waiting.Remove(l.waiting.Front()).(*turn)
		t.refused = refused
		close(t.granted)
	}
}

// leave ends a turn. Its outcome sets the pace of those to come.
func (l *lane) leave(t *turn, outcome error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.inFlight--
	const weight = 8 // of what the average has seen so far
	l.typical += (now.Sub(t.start) - l.typical) / weight
	var unavailable *UnavailableError
	if refused := credentialsRefused(outcome); refused != nil {
		l.close(refused, now)
	} else if refused := rateLimited(outcome); refused != nil {
		l.pace.refused()
		if next := now.Add(max(l.pace.spacing, refused.RetryAfter)); next.After(l.nextTurn) {
			l.nextTurn = next
		}
	} else if !errors.As(outcome, &unavailable) { // which tells nothing of the limit
		l.pace.answered()
	}
	l.advance()
}
