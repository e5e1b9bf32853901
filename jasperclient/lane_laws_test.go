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

const tick = 10 * time.Millisecond

// A passenger comes to the lane, may leave it before its turn, and has a call and its outcome if it gets one.
type passenger struct {
	caller  Caller
	arrives time.Duration
	leaves  time.Duration // after its arrival; 0: never
	call    time.Duration
	outcome error
}

// passengers come at least minGap ticks apart. Those that leave do so offBeat before a tick: between ticks nothing else
// happens.
func passengers(rt *rapid.T, minGap int, offBeat time.Duration) []passenger {
	var all []passenger
	arrives := time.Duration(0)
	for range rapid.IntRange(1, 60).Draw(rt, "passengers") {
		arrives += time.Duration(rapid.IntRange(minGap, 30).Draw(rt, "gap")) * tick
		p := passenger{arrives: arrives, call: time.Duration(rapid.IntRange(0, 50).Draw(rt, "call")) * tick}
		if rapid.Bool().Draw(rt, "impatient") {
			p.leaves = time.Duration(rapid.IntRange(1, 300).Draw(rt, "patience"))*tick - offBeat
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
		start := max(p.arrives, next)
		if n := len(ends) - fair.CallsInFlight; n >= 0 {
			slices.Sort(ends)
			start = max(start, ends[n]) // from then on fewer than CallsInFlight are under way
		}
		if p.leaves != 0 && p.arrives+p.leaves < start {
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
		all := passengers(rt, 1, tick/2) // none comes with another, or leaves in the moment of a turn: then either may happen
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
			time.Sleep(p.arrives)
			ctx := t.Context()
			if p.leaves != 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithCancel(ctx)
				defer cancel()
				defer time.AfterFunc(p.leaves, cancel).Stop()
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
