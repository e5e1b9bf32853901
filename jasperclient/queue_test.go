package jasperclient

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// crowd puts turns into the lane, in this order, and notes the order in which they are granted.
type crowd struct {
	lane   *lane
	riding sync.WaitGroup
	mu     sync.Mutex
	served []string
}

// add lets a call of the caller wait, and ride for so long.
func (c *crowd) add(t *testing.T, caller Caller, call time.Duration) *waiter {
	t.Helper()
	waits := newWaiter(caller)
	if err := c.lane.enter(waits.turn, atEnd); err != nil {
		t.Fatal(err)
	}
	c.riding.Go(func() {
		<-waits.granted
		if waits.err != nil {
			return
		}
		c.lane.sent(waits.turn)
		c.mu.Lock()
		c.served = append(c.served, caller.Name)
		c.mu.Unlock()
		time.Sleep(call)
		c.lane.leave(waits.turn, nil)
	})
	return waits
}

func TestCallersTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := crowd{lane: newLane(FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 100})}
		for _, name := range []string{"A", "A", "A", "A", "B", "B", "C"} {
			c.add(t, Caller{Name: name}, 0)
		}
		c.riding.Wait()
		if diff := cmp.Diff([]string{"A", "A", "B", "C", "A", "B", "A"}, c.served); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func TestBulkCallsKeepTheirShare(t *testing.T) {
	for _, share := range []int{0, 10, 25, 50, 90} {
		synctest.Test(t, func(t *testing.T) {
			c := crowd{lane: newLane(FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 1000, BulkShare: share})}
			for range 1000 {
				c.add(t, Caller{Name: "interactive"}, 0)
				c.add(t, Caller{Name: "bulk", Bulk: true}, 0)
			}
			c.riding.Wait()
			bulk := 0
			for _, name := range c.served[:1000] {
				if name == "bulk" {
					bulk++
				}
			}
			t.Logf("a share of %d %%: %d of 1,000 turns while interactive calls wait", share, bulk)
			if bulk < 10*share-1 || bulk > 10*share+1 {
				t.Errorf("a share of %d %%: bulk calls got %d of 1,000 turns", share, bulk)
			}
		})
	}
}

// A full class turns away who has most in it; the other class has places of its own.
func TestWhoHasMostGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := crowd{lane: newLane(FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 3})}
		c.add(t, Caller{Name: "A"}, 0) // goes at once
		for range 2 {
			c.add(t, Caller{Name: "A"}, 0)
		}
		last := c.add(t, Caller{Name: "A"}, 0)
		var busy *BusyError
		if err := c.lane.enter(newWaiter(Caller{Name: "A"}).turn, atEnd); !errors.As(err, &busy) || busy.Wait != 4*time.Second {
			t.Errorf("one more of A's got %v, want a BusyError of 4 s", err)
		}
		c.add(t, Caller{Name: "B"}, 0)
		<-last.granted
		if !errors.As(last.err, &busy) || busy.Wait != 4*time.Second { // B comes between
			t.Errorf("A's last call got %v, want a BusyError of 4 s", last.err)
		}
		c.add(t, Caller{Name: "C"}, 0)
		if err := c.lane.enter(newWaiter(Caller{Name: "B"}).turn, atEnd); !errors.As(err, &busy) {
			t.Errorf("where nobody has more, B's second call got %v", err)
		}
		c.add(t, Caller{Name: "D", Bulk: true}, 0)
		again := newWaiter(Caller{Name: "A"}).turn
		if err := c.lane.enter(again, atHead); err != nil {
			t.Errorf("a call that is tried again lost its place: %v", err)
		}
		c.lane.withdraw(again)
		c.riding.Wait()
		if diff := cmp.Diff([]string{"A", "A", "B", "C", "D"}, c.served); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

// An interactive caller who waits for a bulk call takes it along.
func TestABulkCallIsRaised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := crowd{lane: newLane(FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 100, BulkShare: 10})}
		var last *waiter
		for range 10 {
			last = c.add(t, Caller{Name: "bulk", Bulk: true}, 0)
		}
		start := time.Now()
		c.lane.raise(last.turn, Caller{Name: "another", Bulk: true}, time.Time{})
		c.lane.raise(last.turn, Caller{Name: "interactive"}, time.Time{})
		<-last.granted
		if took := time.Since(start); took != time.Second {
			t.Errorf("the raised call was granted after %v, want 1 s", took)
		}
		c.riding.Wait()
		if c.lane.waiting() != 0 {
			t.Errorf("%d still wait", c.lane.waiting())
		}
	})
	synctest.Test(t, func(t *testing.T) { // unless there is no place for another interactive one
		l := newLane(FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 2})
		for range 10 {
			waits := newWaiter(Caller{Name: "bulk", Bulk: true}).turn
			if err := l.enter(waits, atEnd); err == nil {
				l.raise(waits, Caller{Name: "interactive"}, time.Time{})
			}
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.interactive.waiting != 2 || l.bulk.waiting != 2 {
			t.Errorf("%d interactive and %d bulk calls wait, where two of each have a place", l.interactive.waiting, l.bulk.waiting)
		}
	})
}

// A caller who joins another's call brings it forward where its own line is shorter, and never back.
func TestACallIsRaisedToAShorterLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := crowd{lane: newLane(FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 100, BulkShare: 10})}
		var last *waiter
		for range 50 {
			last = c.add(t, Caller{Name: "A"}, 0)
		}
		start := time.Now()
		c.lane.raise(last.turn, Caller{Name: "B"}, time.Time{})
		for range 10 {
			c.add(t, Caller{Name: "C"}, 0)
		}
		c.lane.raise(last.turn, Caller{Name: "C"}, time.Time{})             // whose line is longer
		c.lane.raise(last.turn, Caller{Name: "D", Bulk: true}, time.Time{}) // who lets others go first
		<-last.granted
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("granted after %v, want 2 s", took)
		}
		c.riding.Wait()
	})
}

// The wait that a refusal tells is when the turn would have come.
func TestTheExpectedWaitIsRight(t *testing.T) {
	worst := time.Duration(0)
	rapid.Check(t, func(rt *rapid.T) {
		fair := FairUse{
			CallsInFlight:  rapid.IntRange(1, 3).Draw(rt, "in flight"),
			CallsPerSecond: float64(rapid.SampledFrom([]int{1, 2, 5}).Draw(rt, "per second")),
			MaxWaiting:     1000,
			BulkShare:      rapid.IntRange(0, 60).Draw(rt, "share"),
		}
		caller := rapid.Custom(func(rt *rapid.T) Caller {
			return Caller{Name: rapid.SampledFrom([]string{"A", "B", "C", "D"}).Draw(rt, "name"), Bulk: rapid.Bool().Draw(rt, "bulk")}
		})
		waiting := rapid.SliceOfN(caller, 0, 60).Draw(rt, "waiting")
		spacings := rapid.IntRange(0, 30).Draw(rt, "call, in tenths of the spacing")
		pause := rapid.IntRange(0, 30).Draw(rt, "pause, in tenths of the spacing")
		asks := caller.Draw(rt, "asks")
		synctest.Test(t, func(t *testing.T) {
			l := newLane(fair)
			spacing := l.pace.spacing
			call := spacing / 10 * time.Duration(spacings)
			l.typical = call // what earlier calls have shown
			c := crowd{lane: l}
			for _, caller := range waiting {
				c.add(t, caller, call)
			}
			time.Sleep(spacing / 10 * time.Duration(pause))
			synctest.Wait() // a turn that is due now is granted before both ask: after it, theirs can be another place
			told := time.Duration(0)
			hurried := newWaiter(asks).turn
			if err := l.enter(hurried, atEnd); err != nil {
				t.Fatal(err)
			}
			var busy *BusyError
			if errors.As(l.late(hurried, time.Now()), &busy) {
				told = busy.Wait
			}
			l.withdraw(hurried)
			start := time.Now()
			patient := c.add(t, asks, call)
			<-patient.granted
			off := (time.Since(start) - told).Abs()
			worst = max(worst, off)
			if off > spacing {
				rt.Errorf("told to wait %v, had the turn after %v: off by more than the spacing %v", told, time.Since(start), spacing)
			}
			c.riding.Wait()
		})
	})
	t.Logf("off by %v at most", worst)
}

// Whatever comes, leaves and fails: never more calls than the account allows at once or in a second, nobody forgotten, and
// no turn lost while somebody waits.
func TestTheLaneKeepsItsLawsWhateverHappens(t *testing.T) {
	outcomes := []error{nil, nil, nil, errRateLimit, &APIError{HTTPStatus: 500}}
	rapid.Check(t, func(rt *rapid.T) {
		fair := FairUse{
			CallsInFlight:  rapid.IntRange(1, 4).Draw(rt, "in flight"),
			CallsPerSecond: float64(rapid.SampledFrom([]int{1, 2, 5, 10}).Draw(rt, "per second")),
			MaxWaiting:     rapid.SampledFrom([]int{5, 1000}).Draw(rt, "places"),
			BulkShare:      rapid.IntRange(0, 60).Draw(rt, "share"),
		}
		all := passengers(rt, 0, 0)
		for i := range all {
			all[i].caller = Caller{Name: rapid.SampledFrom([]string{"A", "B", "C"}).Draw(rt, "name"), Bulk: rapid.Bool().Draw(rt, "bulk")}
			all[i].outcome = rapid.SampledFrom(outcomes).Draw(rt, "outcome")
		}
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			var starts []time.Time
			inFlight, settled := 0, 0
			l := newLane(fair)
			var riding sync.WaitGroup
			for _, p := range all {
				riding.Go(func() {
					time.Sleep(p.arrives)
					ctx := t.Context()
					if p.leaves > 0 {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, p.leaves)
						defer cancel()
					}
					turn, err := enter(ctx, l, p.caller, atEnd)
					mu.Lock()
					settled++
					mu.Unlock()
					if err != nil {
						return
					}
					mu.Lock()
					starts = append(starts, turn.start)
					inFlight++
					if inFlight > fair.CallsInFlight {
						rt.Errorf("%d calls at once", inFlight)
					}
					mu.Unlock()
					time.Sleep(p.call)
					mu.Lock()
					inFlight--
					mu.Unlock()
					l.leave(turn, p.outcome)
				})
			}
			ended := make(chan struct{})
			go func() { riding.Wait(); close(ended) }()
			for watching := true; watching; {
				select {
				case <-ended:
					watching = false
				case <-time.After(5 * time.Millisecond):
					synctest.Wait()
					l.mu.Lock()
					if l.waiting() > 0 && len(l.inFlight) < l.limit() && !time.Now().Before(l.nextTurn) {
						rt.Errorf("%d wait, %d of %d are under way, and the turn is lost", l.waiting(), len(l.inFlight), l.limit())
					}
					l.mu.Unlock()
				}
			}
			if settled != len(all) || l.waiting() != 0 || len(l.inFlight) != 0 {
				rt.Errorf("of %d, %d were let through or told; %d still wait, %d are under way", len(all), settled, l.waiting(), len(l.inFlight))
			}
			for i := 1; i < len(starts); i++ {
				if gap := starts[i].Sub(starts[i-1]); gap < l.pace.base {
					rt.Errorf("two calls %v apart, where the account allows one in %v", gap, l.pace.base)
				}
			}
		})
	})
}

// A call stays where it is for a caller whose deadline it could not meet at the caller's place either.
func TestACallIsRaisedOnlyInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := crowd{lane: newLane(FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 100, BulkShare: 10})}
		var last *waiter
		for range 10 {
			last = c.add(t, Caller{Name: "bulk", Bulk: true}, 0)
		}
		for range 5 {
			c.add(t, Caller{Name: "A"}, 0)
		}
		synctest.Wait()
		for _, patience := range []time.Duration{3 * time.Second, 30 * time.Second} {
			c.lane.raise(last.turn, Caller{Name: "A"}, time.Now().Add(patience))
			c.lane.mu.Lock()
			if stays := patience < 6*time.Second; last.caller.Bulk != stays { // one is granted, five wait
				t.Errorf("with a deadline in %v the call is %+v's", patience, last.caller)
			}
			c.lane.mu.Unlock()
		}
		c.lane.mu.Lock()
		if c.lane.interactive.waiting != 6 || c.lane.bulk.waiting != 8 {
			t.Errorf("%d interactive and %d bulk calls wait, want 6 and 8", c.lane.interactive.waiting, c.lane.bulk.waiting)
		}
		c.lane.mu.Unlock()
		c.riding.Wait()
	})
}

// Where the queue is full, a call is raised at the cost of whom a call of the caller's own would be.
func TestACallIsRaisedIntoAFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 10
		c := crowd{lane: newLane(FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: most, BulkShare: 10})}
		c.add(t, Caller{Name: "A"}, 0) // is granted
		var newest, last *waiter
		for range most {
			newest = c.add(t, Caller{Name: "A"}, 0)
			last = c.add(t, Caller{Name: "bulk", Bulk: true}, 0)
		}
		c.lane.raise(last.turn, Caller{Name: "B"}, time.Time{})
		<-newest.granted
		if busy := (*BusyError)(nil); !errors.As(newest.err, &busy) {
			t.Errorf("the newest call of the caller with most got %v, want a BusyError", newest.err)
		}
		c.lane.mu.Lock()
		if last.caller.Name != "B" || c.lane.interactive.waiting != most {
			t.Errorf("the call is %+v's, and %d interactive ones wait", last.caller, c.lane.interactive.waiting)
		}
		c.lane.mu.Unlock()
		c.riding.Wait()
	})
}
