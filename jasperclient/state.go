package jasperclient

import "time"

// LaneState is an account's lane at one moment.
type LaneState struct {
	// Waiting and WaitingBulk are how many interactive and how many bulk calls wait for their turn.
	Waiting, WaitingBulk int
	// InFlight is how many calls are under way.
	InFlight int
	// Spacing is the time between two calls now, AllowedSpacing what the account is said to allow, with the lane's room
	// for the network's unevenness. Spacing is the longer one after calls were refused for coming too often.
	Spacing, AllowedSpacing time.Duration
	// Closed is why the lane is closed, until the answer of a call that probes opens it; empty while it is open.
	Closed ClosedReason
	// Reopens is when a call may probe, in the past once one may; the zero time while the lane is open.
	Reopens time.Time
}

// Shut reports whether a question is turned away now, and not let in to find out whether the reason is gone.
func (s LaneState) Shut() bool { return s.Closed != "" && time.Now().Before(s.Reopens) }

// A ClosedReason is why a lane is closed.
type ClosedReason string

// The reasons for which a lane is closed.
const (
	ClosedFailing     ClosedReason = "failing"     // Control Center failed again and again
	ClosedCredentials ClosedReason = "credentials" // it refused the account's credentials
)

// Lane is the account's lane at this moment.
func (c *Client) Lane() LaneState {
	c.lane.mu.Lock()
	defer c.lane.mu.Unlock()
	return c.lane.state()
}

func (l *lane) state() LaneState {
	s := LaneState{
		Waiting: l.interactive.waiting, WaitingBulk: l.bulk.waiting, InFlight: len(l.inFlight),
		Spacing: l.pace.spacing, AllowedSpacing: l.pace.base,
		Closed: l.gate.closedReason(),
	}
	for element := l.refused.Front(); element != nil; element = element.Next() { // few: they were under way together
		if element.Value.(*turn).caller.Bulk {
			s.WaitingBulk++
		} else {
			s.Waiting++
		}
	}
	if s.Closed != "" {
		s.Reopens = l.gate.reopens
	}
	return s
}

// notify tells of the lane, under its mutex, so that what is told last is what is true.
func (l *lane) notify() {
	if l.onChanged != nil {
		l.lastNotified = l.state()
		l.onChanged(l.lastNotified)
	}
}

// notifyIfChanged tells of the lane if its spacing or its gate is not what was last told.
func (l *lane) notifyIfChanged() {
	now, last := l.state(), l.lastNotified
	paced := now.Spacing == last.Spacing && now.AllowedSpacing == last.AllowedSpacing
	if !paced || now.Closed != last.Closed || !now.Reopens.Equal(last.Reopens) {
		l.notify()
	}
}
