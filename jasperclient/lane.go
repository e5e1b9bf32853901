package jasperclient

import (
	"container/list"
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
