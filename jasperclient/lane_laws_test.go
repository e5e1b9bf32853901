package jasperclient

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A passenger comes to the lane, may leave it before its turn, and calls for so long when it has one.
type passenger struct {
	arrival time.Duration
	leaves  time.Duration // 0: never
	call    time.Duration
}

// passengers come at different times, and none leaves in the very moment of a turn: then either may happen.
func passengers(rt *rapid.T) []passenger {
	const tick = 10 * time.Millisecond
	var all []passenger
	arrival := time.Duration(0)
	for range rapid.IntRange(1, 40).Draw(rt, "passengers") {
		arrival += time.Duration(rapid.IntRange(1, 30).Draw(rt, "gap")) * tick
		p := passenger{arrival: arrival, call: time.Duration(rapid.IntRange(0, 50).Draw(rt, "call")) * tick}
		if rapid.Bool().Draw(rt, "impatient") {
			p.leaves = arrival + time.Duration(rapid.IntRange(0, 100).Draw(rt, "patience"))*tick + tick/2
		}
		all = append(all, p)
	}
	return all
}

// lawfulStarts are the times at which the passengers' calls start when the lane keeps every law and wastes no turn; -1 is
// a passenger who left before.
func lawfulStarts(fair FairUse, spacing time.Duration, all []passenger) []time.Duration {
	var starts, ends []time.Duration
	next := time.Duration(0)
	for _, p := range all {
		start := max(p.arrival, next)
		if n := len(ends) - fair.CallsInFlight; n >= 0 {
			slices.Sort(ends)
			start = max(start, ends[n]) // from then on fewer than CallsInFlight are under way
		}
		if p.leaves != 0 && p.leaves < start {
			starts = append(starts, -1)
			continue
		}
		starts = append(starts, start)
		ends = append(ends, start+p.call)
		next = start + spacing
	}
	return starts
}

func TestTheLaneKeepsItsLaws(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		fair := FairUse{
			CallsInFlight:  rapid.IntRange(1, 4).Draw(rt, "in flight"),
			CallsPerSecond: float64(rapid.SampledFrom([]int{1, 2, 5, 10}).Draw(rt, "per second")),
			MaxWaiting:     1000,
		}
		all := passengers(rt)
		var got []time.Duration
		synctest.Test(t, func(t *testing.T) { got = startsOf(t, newLane(fair), all) })
		if diff := cmp.Diff(lawfulStarts(fair, newLane(fair).pace.base, all), got); diff != "" {
			rt.Errorf("starts (-lawful +got)\n%s", diff)
		}
	})
}

// startsOf sends the passengers through the lane and tells when their calls started.
func startsOf(t *testing.T, l *lane, all []passenger) []time.Duration {
	t.Helper()
	begin := time.Now()
	starts := make([]time.Duration, len(all))
	var riding sync.WaitGroup
	for i, p := range all {
		riding.Go(func() {
			time.Sleep(p.arrival)
			ctx := t.Context()
			if p.leaves != 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithCancel(ctx)
				defer cancel()
				defer time.AfterFunc(p.leaves-p.arrival, cancel).Stop()
			}
			turn, err := enter(ctx, l, Caller{}, atEnd)
			if err != nil {
				starts[i] = -1
				return
			}
			starts[i] = turn.start.Sub(begin)
			time.Sleep(p.call)
			l.leave(turn, nil)
		})
	}
	riding.Wait()
	if l.waiting() != 0 || len(l.inFlight) != 0 {
		t.Errorf("%d still wait, %d are under way", l.waiting(), len(l.inFlight))
	}
	return starts
}
