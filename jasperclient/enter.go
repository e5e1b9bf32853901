package jasperclient

import "time"

// enter gives the turn a place. It fails if the lane is closed or full.
func (l *lane) enter(t *turn, at rank) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return ErrClosed
	}
	if err := l.gate.refusal(time.Now()); err != nil {
		return err
	}
	if at == beforeAll {
		t.refusedElement = l.refused.PushBack(t)
	} else {
		l.queueOf(t).push(t, at)
	}
	if q := l.queueOf(t); at == atEnd && q.waiting > l.fair.MaxWaiting {
		excess := q.excess(t)
		excess.err = l.noTurn(l.expect(excess))
		l.remove(excess)
		if excess == t {
			return t.err
		}
		l.goroutines.Go(excess.holder.wake)
	}
	l.advance()
	return nil
}

// pause resumes the call of the turn, which has no place, after a while. It reports false if the lane is stopped.
func (l *lane) pause(t *turn, d time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return false
	}
	l.paused[t] = time.AfterFunc(d, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if _, ok := l.paused[t]; ok {
			delete(l.paused, t)
			l.goroutines.Go(t.holder.resume)
		}
	})
	return true
}

// raise gives a turn to a joining caller if that is earlier: from bulk to interactive, or into a shorter line. A turn that
// does not wait is raised too, for the call's next attempt.
func (l *lane) raise(t *turn, caller Caller) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.sooner(t, caller) {
		return
	}
	queued := t.queued
	if queued {
		l.remove(t)
	}
	t.caller = caller
	if queued {
		l.queueOf(t).push(t, atEnd)
	}
}

// sooner reports whether the turn would be earlier if it were the caller's.
func (l *lane) sooner(t *turn, caller Caller) bool {
	switch {
	case t.caller.Bulk == caller.Bulk:
		q := l.queueOf(t)
		return t.queued && q.length(caller.Name) < q.before(t)
	case t.caller.Bulk:
		return l.interactive.waiting < l.fair.MaxWaiting // else the turn stays where it has a place
	}
	return false
}

// withdraw takes out a turn that its call no longer needs, and gives it back if it was granted in the same moment. It
// reports whether the turn waited or paused: then its holder is not called any more.
func (l *lane) withdraw(t *turn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.waits() {
		l.remove(t)
		return true
	}
	if timer, ok := l.paused[t]; ok {
		timer.Stop()
		delete(l.paused, t)
		return true
	}
	if _, ok := l.inFlight[t]; !ok {
		return false
	}
	l.end(t)
	if l.lastGranted == t && l.nextTurn.Equal(l.nextTurnAfter) { // no later turn depends on it
		l.nextTurn = l.nextTurnBefore
	}
	l.advance()
	return false
}
