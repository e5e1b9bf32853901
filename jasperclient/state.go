package jasperclient

import "time"

// LaneState is an account's lane at one moment.
type LaneState struct {
	// Waiting and WaitingBulk are how many interactive and how many bulk calls wait for their turn.
	Waiting, WaitingBulk int
	// InFlight is how many calls are under way.
	InFlight int
	// Spacing is the time between two calls now. AllowedSpacing is what the account is said to allow, plus the lane's room
	// for the network's unevenness. Spacing is longer after calls were refused for coming too often.
	Spacing, AllowedSpacing time.Duration
	// Closed is why the lane is closed, until the answer to a probing call opens it; empty while it is open.
	Closed ClosedReason
	// Reopens is when a call may probe, in the past once one may; the zero time while the lane is open.
	Reopens time.Time
}

// Shut reports whether calls are turned away now; from Reopens on, they are let in to probe.
func (s LaneState) Shut() bool { return s.Closed != "" && time.Now().Before(s.Reopens) }

// A ClosedReason is why a lane is closed.
type ClosedReason string

// The reasons for which a lane is closed.
const (
	ClosedFailing     ClosedReason = "failing"     // Control Center failed again and again
	ClosedCredentials ClosedReason = "credentials" // it refused the account's credentials
)

// Lane is the present state of the account's lane.
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
	for element := l.refused.Front(); element != nil; element = element.Next() { // few: these calls were under way together
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

// notify passes the state to onChanged. It runs under the lane's mutex, so that the state passed last is the present one.
func (l *lane) notify() {
	if l.onChanged != nil {
		l.lastNotified = l.state()
		l.onChanged(l.lastNotified)
	}
}

// notifyIfChanged calls notify if the spacing or the gate is not what onChanged last got.
func (l *lane) notifyIfChanged() {
	now, last := l.state(), l.lastNotified
	paced := now.Spacing == last.Spacing && now.AllowedSpacing == last.AllowedSpacing
	if !paced || now.Closed != last.Closed || !now.Reopens.Equal(last.Reopens) {
		l.notify()
	}
}
