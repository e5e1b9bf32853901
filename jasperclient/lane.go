package jasperclient

import (
	"container/list"
	"sync"
	"time"
)

// A lane lets the calls of one account through, as many at once and as often as its fair use allows. Calls that Control
// Center refused for coming too often go first, then interactive calls, then bulk calls, which also get a share before that.
// Within a class the callers take turns.
type lane struct {
	mu         sync.Mutex
	fair       FairUse
	pace       pace
	slowedAt   time.Time // when a refusal last lengthened the pace
	updatedAt  time.Time // when the account last got new credentials
	nextTurn   time.Time // no call starts before it
	lastSent   time.Time // when the last call was sent
	quietUntil time.Time // until then Control Center asked for no call
	quietFor   error     // the failure that asked so; nil if it was a call too many
	sending    *turn     // the turn last granted, until its call is sent
	inFlight   map[*turn]struct{}
	typical    time.Duration // how long a call takes, a moving average
	gate       gate
	timer      *time.Timer // wakes the lane at nextTurn

	// lastGranted is the turn last granted; the others are nextTurn before and after that.
	lastGranted                   *turn
	nextTurnBefore, nextTurnAfter time.Time

	onChanged    func(LaneState) // gets the state when the spacing or the gate changes; may be nil
	lastNotified LaneState       // what onChanged last got

	refused     list.List // of *turn: calls that Control Center refused for coming too often
	interactive queue
	bulk        queue
	// credit is what bulk calls are owed: each interactive turn that they wait through adds BulkShare, and each bulk turn
	// that goes before an interactive one costs 100 - BulkShare.
	credit int

	paused     map[*turn]*time.Timer // of calls that failed and pause before they enter again
	stopped    bool                  // by close
	goroutines sync.WaitGroup        // in which calls go on; a call that waits has none
}

// A turn is a call's place in the lane for one attempt. The lane's mutex guards it until it is granted.
type turn struct {
	caller Caller
	holder holder
	err    error // why there will be no turn

	number         int           // orders the turns of one caller
	queued         bool          // whether it waits in its class's queue
	refusedElement *list.Element // its element of lane.refused; nil if it is not in there
	start          time.Time     // when it was granted
}

// The lane calls the holder of a turn, in a goroutine of the lane, when a wait has ended.
type holder interface {
	// wake is called when the turn is granted, or when there will be none: then the turn's err is set, and wake must not block.
	wake()
	// resume is called when a pause is over. It must not block.
	resume()
}

func newTurn(caller Caller, holder holder) *turn {
	return &turn{caller: caller, holder: holder}
}

// waits reports whether the turn has a place and is not granted yet.
func (t *turn) waits() bool { return t.queued || t.refusedElement != nil }

// A rank is where a turn enters the lane.
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

// update changes what the account is allowed. Renewed credentials open a lane that closed because the old ones were refused.
// What was learnt about the pace is kept if the account is allowed the same pace as before.
func (l *lane) update(fair FairUse, renewed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if base := fair.spacing(); base != l.pace.base {
		l.pace = newPace(base)
		l.nextTurn = l.lastSent.Add(base)
		l.holdUntil(l.quietUntil) // which does not depend on the pace
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

// close turns away all calls that wait or pause, and lets none in any more.
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

// remove takes out a waiting turn.
func (l *lane) remove(t *turn) {
	if t.refusedElement != nil {
		l.refused.Remove(t.refusedElement)
		t.refusedElement = nil
		return
	}
	l.queueOf(t).remove(t)
}
