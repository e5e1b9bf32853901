package sandbox_test

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// askAt calls at instants counted from now and returns the indexes of those that were refused.
func askAt(t *testing.T, s *sandbox.Sandbox, instants ...time.Duration) []int {
	t.Helper()
	var refused []int
	began := time.Now()
	for i, instant := range instants {
		time.Sleep(instant - time.Since(began))
		if got := ask(s, exampleDevice); got.status == http.StatusTooManyRequests && got.code(t) == "40000029" {
			refused = append(refused, i)
		} else if got.status != http.StatusOK {
			t.Errorf("call %d: status %d, %s", i, got.status, got.body)
		}
	}
	return refused
}

func TestCallsPerSecond(t *testing.T) {
	const ns, ms, s = time.Nanosecond, time.Millisecond, time.Second
	for _, test := range []struct {
		rate    float64
		at      []time.Duration
		refused []int
	}{
		{5, []time.Duration{0, 0, 0, 0, 0, 0, s - ns, s, s, s, s, s, s}, []int{5, 6, 12}},
		{5, []time.Duration{0, 200 * ms, 400 * ms, 600 * ms, 800 * ms, s - ns, s, s + 199*ms, s + 200*ms}, []int{5, 7}},
		{1, []time.Duration{0, s - ns, s, 2*s - ns, 2 * s, 3 * s}, []int{1, 3}},
		{0.5, []time.Duration{0, s, 2*s - ns, 2 * s, 4*s - ns, 4 * s}, []int{1, 2, 4}},
		{2.5, []time.Duration{0, 0, 0, 400 * ms, 1200*ms - ns, 1200 * ms, 1200 * ms, 1200 * ms, 1200 * ms}, []int{3, 4, 8}},
		{2.5, []time.Duration{0, 400 * ms, 800 * ms, 1200*ms - ns, 1200 * ms, 1600*ms - ns, 1600 * ms}, []int{3, 5}},
		{0, make([]time.Duration, 100), nil},
	} {
		t.Run(fmt.Sprint(test.rate), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSandbox(t, sandbox.WithFairUse(0, test.rate))
				if got := askAt(t, s, test.at...); !slices.Equal(got, test.refused) {
					t.Errorf("refused %v, want %v", got, test.refused)
				}
				checkLedger(t, s, sandbox.Counts{Calls: len(test.at), Overruns: len(test.refused), MostInFlight: 1})
			})
		})
	}
}

// Who asks all the time still gets every call the rate allows.
func TestRefusedCallsAreNotInTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, sandbox.WithFairUse(0, 1))
		const calls = 101 // ten a second, for ten seconds
		instants := make([]time.Duration, calls)
		for i := range instants {
			instants[i] = time.Duration(i) * 100 * time.Millisecond
		}
		if got := askAt(t, s, instants...); len(got) != calls-11 {
			t.Errorf("%d of %d calls refused", len(got), calls)
		}
	})
}

func TestCallsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, sandbox.WithFairUse(2, 0), sandbox.WithLatency(time.Second))
		var group sync.WaitGroup
		var statuses [5]int
		for i := range statuses {
			group.Go(func() { statuses[i] = ask(s, exampleDevice).status })
			synctest.Wait() // it has arrived
		}
		group.Wait()
		if want := [5]int{200, 200, 429, 429, 429}; statuses != want {
			t.Errorf("statuses %v, want %v", statuses, want)
		}
		if got := ask(s, exampleDevice); got.status != http.StatusOK {
			t.Errorf("afterwards: status %d", got.status)
		}
		checkLedger(t, s, sandbox.Counts{Calls: 6, Overruns: 3, MostInFlight: 5})
	})
}

// The clock of the answers has no part in the law: here it stands still.
func TestFairUseStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, sandbox.WithFairUse(1, 1), sandbox.WithRateLimitStatus(http.StatusBadRequest))
		for _, status := range []int{200, 400} {
			if got := ask(s, exampleDevice); got.status != status {
				t.Errorf("status %d, want %d: %s", got.status, status, got.body)
			}
		}
		time.Sleep(time.Second)
		if got := ask(s, exampleDevice); got.status != http.StatusOK {
			t.Errorf("a second later: status %d", got.status)
		}
	})
}

func TestImpossibleFairUse(t *testing.T) {
	for _, rate := range []float64{-1, math.NaN(), math.Inf(1), math.Inf(-1), 1e-7, 1e7} {
		if _, err := sandbox.New(sandbox.WithFairUse(1, rate)); err == nil {
			t.Errorf("%v calls per second", rate)
		}
	}
	if _, err := sandbox.New(sandbox.WithFairUse(-1, 1)); err == nil {
		t.Error("-1 calls in flight")
	}
}

// Whatever the arrivals, the calls refused are those that counting all earlier calls anew would refuse.
func TestFairUseAgainstCountingAnew(t *testing.T) {
	type law struct {
		rate  float64
		calls int
		in    time.Duration
	}
	laws := []law{{5, 5, time.Second}, {1, 1, time.Second}, {0.5, 1, 2 * time.Second}, {2.5, 3, 1200 * time.Millisecond}, {0, 1 << 30, time.Hour}}
	rapid.Check(t, func(rt *rapid.T) {
		law := rapid.SampledFrom(laws).Draw(rt, "law")
		atOnce := rapid.IntRange(1, 4).Draw(rt, "at once")
		// Between two steps of the arrivals, so that no call ends as another begins.
		latency := time.Duration(rapid.IntRange(0, 9).Draw(rt, "latency"))*100*time.Millisecond + 50*time.Millisecond
		gaps := rapid.SliceOfN(rapid.SampledFrom([]time.Duration{0, 0, 1, 2, 3, 4, 8, 12, 20}), 1, 40).Draw(rt, "gaps")

		refused := make([]bool, len(gaps))
		var counts sandbox.Counts
		synctest.Test(t, func(t *testing.T) {
			s := newSandbox(t, sandbox.WithFairUse(atOnce, law.rate), sandbox.WithLatency(latency))
			var group sync.WaitGroup
			for i, gap := range gaps {
				time.Sleep(gap * 100 * time.Millisecond)
				group.Go(func() { refused[i] = ask(s, exampleDevice).status == http.StatusTooManyRequests })
				synctest.Wait() // it has arrived
			}
			group.Wait()
			counts = s.Ledger().Counts
		})

		arrived, want := make([]time.Duration, len(gaps)), sandbox.Counts{Calls: len(gaps)}
		var now time.Duration
		for i, gap := range gaps {
			now += gap * 100 * time.Millisecond
			arrived[i] = now
			inFlight, inWindow := 1, 0
			for j := range i {
				if now < arrived[j]+latency {
					inFlight++
				}
				if !refused[j] && now-arrived[j] < law.in {
					inWindow++
				}
			}
			want.MostInFlight = max(want.MostInFlight, inFlight)
			tooMany := inFlight > atOnce || inWindow >= law.calls
			if refused[i] != tooMany {
				rt.Fatalf("call %d at %v: refused %t, want %t", i, now, refused[i], tooMany)
			}
			if tooMany {
				want.Overruns++
			}
		}
		if counts != want {
			rt.Fatalf("counted %+v, want %+v", counts, want)
		}
	})
}
