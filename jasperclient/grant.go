package jasperclient

import "time"

// minKept is the shortest spacing at which a call waits until the one before it is sent. Below it the network's jitter
// exceeds the spacing, and the call would wait longer for the other to be sent than for its turn.
const minKept = time.Millisecond

// advance grants the turns that are due, and sets the timer for the next one.
func (l *lane) advance() {
	for l.waiting() > 0 && (l.sending == nil || l.pace.spacing < minKept) && len(l.inFlight) < l.limit() {
		now := time.Now()
		if wait := l.nextTurn.Sub(now); wait > 0 {
			l.advanceAfter(wait)
			return
		}
		t := l.pop()
		l.inFlight[t] = struct{}{}
		l.sending = t
		t.start = now
		l.lastGranted, l.nextTurnBefore, l.nextTurnAfter = t, l.nextTurn, now.Add(l.pace.spacing)
		l.nextTurn = l.nextTurnAfter
		if l.gate.probing() {
			l.notify()
		}
		l.goroutines.Go(t.holder.wake)
	}
}

func (l *lane) waiting() int { return l.refused.Len() + l.interactive.waiting + l.bulk.waiting }

// limit is how many calls may be under way.
func (l *lane) limit() int {
	if l.gate.probing() {
		return 1
	}
	return l.fair.CallsInFlight
}

// pop takes out the next turn.
func (l *lane) pop() *turn {
	rest := 100 - l.fair.BulkShare
	switch {
	case l.refused.Len() > 0:
		t := l.refused.Front().Value.(*turn)
		l.remove(t)
		return t
	case l.bulk.waiting > 0 && l.credit >= rest:
		l.credit -= rest
		return l.bulk.pop()
	case l.interactive.waiting > 0:
		if l.bulk.waiting > 0 {
			l.credit += l.fair.BulkShare
		}
		return l.interactive.pop()
	}
	return l.bulk.pop()
}

// advanceAfter advances the lane after a while.
func (l *lane) advanceAfter(wait time.Duration) {
	if l.timer != nil {
		l.timer.Reset(wait)
		return
	}
	l.timer = time.AfterFunc(wait, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.advance()
	})
}

// holdUntil lets no call start before a time.
func (l *lane) holdUntil(next time.Time) {
	if next.After(l.nextTurn) {
		l.nextTurn = next
	}
}

// sent records that the call of a granted turn is on its way now. The next call may start only a spacing after that, and not
// a spacing after the turn, because a new connection takes time to make.
func (l *lane) sent(t *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sending != t {
		return // the turn has ended
	}
	now := time.Now()
	l.sending, l.lastSent = nil, now
	l.holdUntil(now.Add(l.pace.spacing))
	l.advance()
}

// end takes a granted turn out of the turns in flight.
func (l *lane) end(t *turn) {
	delete(l.inFlight, t)
	if l.sending == t {
		l.sending = nil
	}
}
