package jasperclient

import (
	"fmt"
	"math"
	"time"
)

// FairUse is what Control Center allows an account, over all its users, and how its callers share that. Control Center's
// fair use policy is one call at a time, and a number of calls a second that the operator sets: 1 is usual, 5 is seen on
// larger accounts.
type FairUse struct {
	// CallsInFlight is how many calls may be under way at once.
	CallsInFlight int
	// CallsPerSecond is how many calls may start in a second, evenly spaced; it may be a fraction.
	CallsPerSecond float64
	// MaxWaiting is how many calls of each class may wait for their turn.
	MaxWaiting int
	// BulkShare is the least part of the turns, in percent, that bulk calls get while other calls wait too: 0 to 99. At 0
	// they get only the turns that other calls leave.
	BulkShare int
}

// DefaultFairUse is for an account of which nothing else is known: one call at a time and one a second, at most 1,000
// calls of each class waiting, and a tenth of the turns for bulk calls.
func DefaultFairUse() FairUse {
	return FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 1000, BulkShare: 10}
}

// The possible rates: from about one call in twelve days to as many as the clock can tell apart.
const (
	minCallsPerSecond = 1e-6
	maxCallsPerSecond = 1e6
)

func (f FairUse) check() error {
	switch {
	case f.CallsInFlight < 1:
		return fmt.Errorf("jasperclient: the number of calls in flight must be 1 or more, but it is %d", f.CallsInFlight)
	case !(f.CallsPerSecond >= minCallsPerSecond && f.CallsPerSecond <= maxCallsPerSecond): // so NaN fails too
		return fmt.Errorf("jasperclient: %v calls a second are not possible; give %v to %v", f.CallsPerSecond, minCallsPerSecond, maxCallsPerSecond)
	case f.MaxWaiting < 1:
		return fmt.Errorf("jasperclient: a queue of %d lets nobody wait; give 1 or more", f.MaxWaiting)
	case f.BulkShare < 0 || f.BulkShare > 99:
		return fmt.Errorf("jasperclient: a share of %d %% is not possible; give 0 to 99", f.BulkShare)
	}
	return nil
}

// unevenness is the part by which a lane is slower than the account allows: calls that are sent evenly arrive unevenly,
// and a call that arrives a moment too early is a call too many. It is 9 ms in a second: more than the difference between
// two calls on most networks, and it costs less than a hundredth of the calls.
const unevenness = 0.009

// careful is the fair use with room for the unevenness.
func (f FairUse) careful() FairUse {
	f.CallsPerSecond /= 1 + unevenness
	return f
}

// spacing is the time between two calls, rounded up: otherwise a second would hold one call more.
func (f FairUse) spacing() time.Duration {
	return time.Duration(math.Ceil(float64(time.Second) / f.CallsPerSecond))
}

// A Caller identifies who waits for an answer.
type Caller struct {
	// Name tells callers apart. Callers take turns; calls of the same name are first come, first served.
	Name string
	// Bulk calls get the turns that other calls leave, and never less than [FairUse.BulkShare].
	Bulk bool
}
