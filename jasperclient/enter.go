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
	if at == atEnd && !l.makeRoom(t) {
		t.err = l.noTurn(l.expect(t))
		l.remove(t)
		return t.err
	}
	l.advance()
	return nil
}

// makeRoom turns another turn away if t, the last turn of its line, is one too many. It reports false if t is the one to go.
func (l *lane) makeRoom(t *turn) bool {
	q := l.queueOf(t)
	if q.waiting <= l.fair.MaxWaiting {
		return true
	}
	excess := q.excess(t)
	if excess == t {
		return false
	}
	excess.err = l.noTurn(l.expect(excess))
	l.remove(excess)
	l.goroutines.Go(excess.holder.wake)
	return true
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

// raise gives a turn to a joining caller if that is earlier, from bulk to interactive or into a shorter line, and before the
// caller's deadline. The turn of a call under way, or in a pause, becomes interactive for the next attempt.
func (l *lane) raise(t *turn, caller Caller, deadline time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case caller.Bulk && !t.caller.Bulk:
	case t.queued && l.claimPlace(t, caller, deadline):
		l.remove(t)
		t.caller = caller
		l.queueOf(t).push(t, atEnd)
	case !t.queued && t.caller.Bulk:
		t.caller = caller
	}
}

// claimPlace reports whether a waiting turn would be earlier if it were the caller's, and in time; then it makes room for the turn
// there. A turn of the caller's own shows the place for a moment.
func (l *lane) claimPlace(t *turn, caller Caller, deadline time.Time) bool {
	own := newTurn(caller, nil)
	q := l.queueOf(own)
	q.push(own, atEnd)
	defer q.remove(own)
	toInteractive := t.caller.Bulk && !caller.Bulk
	if !toInteractive && q.ahead(own) >= q.ahead(t) {
		return false
	}
	if !deadline.IsZero() && l.expect(own) > l.left(deadline) {
		return false
	}
	return !toInteractive || l.makeRoom(own)
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
