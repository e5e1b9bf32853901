package sandbox

import (
	"fmt"
	"math"
	"time"
)

// The rates that [WithFairUse] accepts: from about one call in twelve days to as
// many calls as can be remembered.
const (
	minCallsPerSecond = 1e-6
	maxCallsPerSecond = 1e6
)

// fairUse is what Control Center allows an account.
type fairUse struct {
	inFlight int // 0 for any number
	window   window
}

// newFairUse refuses numbers that are not a limit. No comparison holds for NaN.
func newFairUse(callsInFlight int, callsPerSecond float64) (fairUse, error) {
	if callsInFlight < 0 {
		return fairUse{}, fmt.Errorf("fair use: %d calls in flight is negative", callsInFlight)
	}
	law := fairUse{inFlight: callsInFlight}
	if callsPerSecond == 0 {
		return law, nil
	}
	if !(callsPerSecond >= minCallsPerSecond && callsPerSecond <= maxCallsPerSecond) {
		return fairUse{}, fmt.Errorf("fair use: %v calls per second is neither 0 nor between %v and %v",
			callsPerSecond, minCallsPerSecond, maxCallsPerSecond)
	}
	calls := math.Ceil(callsPerSecond)
	law.window.calls = int(calls)
	law.window.length = time.Duration(math.Round(calls / callsPerSecond * float64(time.Second)))
	return law, nil
}

// admit says whether a call is allowed now; inFlight counts it too.
func (law *fairUse) admit(inFlight int, now time.Time) bool {
	if law.inFlight > 0 && inFlight > law.inFlight {
		return false
	}
	return law.window.admit(now)
}

// window admits no more than some number of calls in any half-open interval of
// its length.
type window struct {
	calls    int // 0 for any number
	length   time.Duration
	admitted []time.Time // when the last calls came, at most as many as calls, in a ring
	oldest   int         // the index of the oldest once the ring is full
}

func (w *window) admit(now time.Time) bool {
	switch {
	case w.calls == 0:
	case len(w.admitted) < w.calls:
		w.admitted = append(w.admitted, now)
	case now.Sub(w.admitted[w.oldest]) < w.length:
		return false
	default:
		w.admitted[w.oldest] = now
		w.oldest = (w.oldest + 1) % w.calls
	}
	return true
}
