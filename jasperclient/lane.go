package jasperclient

import (
	"container/list"
	"errors"
	"sync"
	"time"
)

// A lane lets the calls of one account through, as many at once and as often as its fair use allows. Calls that were
// refused for coming too often go first, then interactive ones, then, but for their share, bulk ones; in a class the
// callers take turns.
type lane struct {
	mu         sync.Mutex
	fair       FairUse
	pace       pace
	slowedAt   time.Time // when a refusal last lengthened the pace
	updatedAt  time.Time // when the account last got other credentials
	nextTurn   time.Time // before which no call starts
	lastSent   time.Time // when the last call was
	quietUntil time.Time // as long as Control Center asked for no call
	sending    *turn     // the last call that has its turn and is not sent yet
	inFlight   map[*turn]struct{}
	typical    time.Duration // of a call, a moving average
	gate       gate
	timer      *time.Timer // wakes the lane at nextTurn

	// lastGranted is the latest turn that was granted, the others are what nextTurn was before and after.
	lastGranted                   *turn
	nextTurnBefore, nextTurnAfter time.Time

	onChanged    func(LaneState) // is told of the spacing and the gate; nil for nobody
	lastNotified LaneState       // the last time

	refused     list.List // of *turn: calls that Control Center refused for coming too often
	interactive queue
	bulk        queue
	// credit is what bulk calls are owed: each interactive turn that they wait through adds the share, in percent, and a
	// turn of theirs costs the rest.
	credit int

	paused     map[*turn]*time.Timer // calls that failed, and are not to come again yet
	stopped    bool
	goroutines sync.WaitGroup // in which calls go on; a call that waits has none
}

// A turn is a call's place in the lane, for one attempt. It belongs to the lane's mutex until it is granted.
type turn struct {
	caller Caller
	holder holder
	err    error // why there will be no turn

	number         int           // orders the turns of one caller
	queued         bool          // it waits in its class's queue
	refusedElement *list.Element // while it waits among the refused
	start          time.Time     // when it was granted
}

// A holder of a turn is told, in a goroutine of the lane's, how its wait has ended.
type holder interface {
	// wake is told that the turn is granted, or that there will be none: then its err is set, and wake must not block.
	wake()
	// resume is told that a pause is over. It must not block.
	resume()
}

func newTurn(caller Caller, holder holder) *turn {
	return &turn{caller: caller, holder: holder}
}

// waits reports whether the turn has a place and is not granted yet.
func (t *turn) waits() bool { return t.queued || t.refusedElement != nil }

// A rank is where a turn enters.
type rank int8

const (
	atEnd     rank = iota // of its caller's line
	atHead                // of its caller's line: a call that failed and is tried again
	beforeAll             // a call that was refused for coming too often
)

func newLane(fair FairUse) *lane {
	l := &lane{fair: fair, pace: newPace(fair.spacing()), inFlight: map[*turn]struct{}{}, paused: map[*turn]*time.Timer{}}
	l.lastNotified = l.state()
	return l
}

// update changes what the account is allowed; renewed credentials open a lane that the refusal of others closed. What was
// learnt of the account's pace is kept where it is allowed the same.
func (l *lane) update(fair FairUse, renewed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if base := fair.spacing(); base != l.pace.base {
		l.pace = newPace(base)
		l.nextTurn = l.lastSent.Add(base)
		l.holdUntil(l.quietUntil) // which has nothing to do with the pace
	}
	l.fair = fair
	if renewed {
		l.updatedAt = time.Now()
		if credentialsRefused(l.gate.reason) != nil {
			l.gate = gate{}
		}
	}
	l.notifyIfChanged()
	l.advance()
}

// enter gives the turn a place, and fails where the lane is closed or has none.
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

// pause lets the call of the turn, which has no place, come again after a while; it reports false when the lane is closed.
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

// close turns all away who wait or pause, and lets nobody in any more.
func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return
	}
	l.stopped = true
	var paused []*turn
	for t, timer := range l.paused {
		timer.Stop()
		paused = append(paused, t)
	}
	clear(l.paused)
	l.turnAllAway(ErrClosed, paused...)
	if l.timer != nil {
		l.timer.Stop()
	}
}

func (l *lane) queueOf(t *turn) *queue {
	if t.caller.Bulk {
		return &l.bulk
	}
	return &l.interactive
}

// remove takes out a turn that waits.
func (l *lane) remove(t *turn) {
	if t.refusedElement != nil {
		l.refused.Remove(t.refusedElement)
		t.refusedElement = nil
		return
	}
	l.queueOf(t).remove(t)
}

// raise gives a turn that waits to another caller of the same call, where that brings it forward: from bulk to interactive,
// or to a shorter line than the one it stands in.
func (l *lane) raise(t *turn, caller Caller) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sooner := t.caller.Bulk && !caller.Bulk
	if t.caller.Bulk == caller.Bulk && t.queued {
		q := l.queueOf(t)
		sooner = q.length(caller.Name) < q.before(t)
	} else if l.interactive.waiting >= l.fair.MaxWaiting { // then it stays where it has a place
		sooner = false
	}
	if !sooner {
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

// withdraw takes out a turn that its call no longer needs, and gives it back when it came in the same moment. It reports
// whether the turn waited or paused: then its holder is not told anything more.
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

// sent notes that the call of a granted turn is on its way now. Only then may the next one start, a spacing later: a
// connection that has to be made first takes its time.
func (l *lane) sent(t *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sending != t {
		return // it has ended
	}
	now := time.Now()
	l.sending, l.lastSent = nil, now
	l.holdUntil(now.Add(l.pace.spacing))
	l.advance()
}

// end takes a granted turn off those in flight.
func (l *lane) end(t *turn) {
	delete(l.inFlight, t)
	if l.sending == t {
		l.sending = nil
	}
}

// minKept is the shortest spacing for which a call waits until the one before it is sent. The way to Control Center is uneven by
// more than a shorter one, and to wait costs more than such an account has it wait otherwise.
const minKept = time.Millisecond

// advance grants the turns that are due and sees that the next one will be.
func (l *lane) advance() {
	for l.waiting() > 0 && (l.sending == nil || l.pace.spacing < minKept) && len(l.inFlight) < l.limit() {
		now := time.Now()
		if wait := l.nextTurn.Sub(now); wait > 0 {
			l.wake(wait)
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

// pop takes out the turn that is next.
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

// leave ends a turn that was granted. Its outcome sets the pace of those to come, and whether there are any.
func (l *lane) leave(t *turn, outcome error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(outcome, ErrClosed) { // which says nothing of Control Center, and nobody waits any more
		l.end(t)
		return
	}
	now := time.Now()
	if l.sending == t { // it is not known when it was sent, if at all
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
		if t.start.After(l.slowedAt) { // a call from before tells nothing of the pace since
			l.pace.refused()
			l.slowedAt = now
		}
		l.holdUntil(now.Add(l.pace.spacing))
		l.obey(now.Add(retryAfterOf(outcome)))
	case unanswered(outcome):
		// Control Center may not know yet that nobody listens any more: to it, the call is still under way.
		l.holdUntil(now.Add(l.pace.spacing))
	case upstreamFailed(outcome):
		l.obey(now.Add(retryAfterOf(outcome)))
	case !refused: // which says nothing of the limit
		l.pace.answered()
	}
	old := refused && t.start.Before(l.updatedAt) // it was the credentials before these
	if !old && l.gate.record(outcome, now) {
		l.turnAllAway(l.gate.refusal(now))
	}
	l.notifyIfChanged()
	l.advance()
}

// recordDuration takes in how long a call took that was answered.
func (l *lane) recordDuration(call time.Duration) {
	const weight = 8 // of what the average has seen so far
	if l.typical == 0 {
		l.typical = call
	}
	l.typical += (call - l.typical) / weight
}

// holdUntil lets no call start before a time.
func (l *lane) holdUntil(next time.Time) {
	if next.After(l.nextTurn) {
		l.nextTurn = next
	}
}

// obey lets no call start before the time that Control Center asked for.
func (l *lane) obey(next time.Time) {
	if next.After(l.quietUntil) {
		l.quietUntil = next
	}
	l.holdUntil(next)
}

// turnAllAway tells those who wait, and others, why they have no turn: after what this changes of the lane is told, and all
// in one goroutine, for they can be many.
func (l *lane) turnAllAway(why error, others ...*turn) {
	away := others
	for l.waiting() > 0 {
		away = append(away, l.pop())
	}
	for _, t := range away {
		t.err = why
	}
	defer l.goroutines.Go(func() { // even when the event panics
		for _, t := range away {
			t.holder.wake()
		}
	})
	l.notifyIfChanged()
}
