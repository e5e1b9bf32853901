package sandbox_test

import (
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

func TestDelayAndJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, sandbox.WithLatency(time.Minute), sandbox.WithFaults(
			sandbox.Fault{Delay: time.Second},
			sandbox.Fault{},
			sandbox.Fault{Kind: sandbox.FaultBadGateway, Delay: 2 * time.Second},
			sandbox.Fault{Delay: time.Second, Jitter: time.Second, Share: 1},
		))
		took := func(status int) time.Duration {
			began := time.Now()
			if got := ask(s, exampleDevice); got.status != status {
				t.Errorf("status %d, want %d", got.status, status)
			}
			return time.Since(began) - time.Minute
		}
		if a, b, c := took(200), took(200), took(502); a != time.Second || b != 0 || c != 2*time.Second {
			t.Errorf("the script took %v, %v, %v", a, b, c)
		}
		seen := make(map[time.Duration]bool)
		for range 100 {
			d := took(200)
			if d < time.Second || d >= 2*time.Second {
				t.Fatalf("took %v", d)
			}
			seen[d] = true
		}
		if len(seen) < 90 {
			t.Errorf("%d different latencies of 100", len(seen))
		}
	})
}

// statuses asks so many times and returns the status of each answer.
func statuses(s *sandbox.Sandbox, calls int) []int {
	all := make([]int, calls)
	for i := range all {
		all[i] = ask(s, exampleDevice).status
	}
	return all
}

func TestScript(t *testing.T) {
	s := newSandbox(t, sandbox.WithFaults(
		sandbox.Fault{Kind: sandbox.FaultBadGateway}, sandbox.Fault{}, sandbox.Fault{Kind: sandbox.FaultServerError},
	))
	if got, want := statuses(s, 5), []int{502, 200, 500, 200, 200}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	// A script comes before the shares, wherever it stands.
	if err := s.SetFaults(sandbox.Fault{Kind: sandbox.FaultUnavailable, Share: 1}, sandbox.Fault{Kind: sandbox.FaultBadGateway}, sandbox.Fault{}); err != nil {
		t.Fatal(err)
	}
	if got, want := statuses(s, 4), []int{502, 200, 503, 503}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if err := s.SetFaults(sandbox.Fault{Kind: sandbox.FaultBadGateway}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetFaults(); err != nil {
		t.Fatal(err)
	}
	if got := statuses(s, 1); got[0] != http.StatusOK {
		t.Errorf("after the faults: %v", got)
	}
	checkLedger(t, s, sandbox.Counts{Calls: 10, MostInFlight: 1})
}

func TestSharesRepeat(t *testing.T) {
	faults := []sandbox.Fault{
		{Kind: sandbox.FaultBadGateway, Share: 0.25}, {Kind: sandbox.FaultServerError, Share: 0.5},
	}
	const calls = 2000
	seven := newSandbox(t, sandbox.WithFaults(faults...), sandbox.WithSeed(7))
	first := statuses(seven, calls)
	if again := statuses(newSandbox(t, sandbox.WithSeed(7), sandbox.WithFaults(faults...)), calls); !slices.Equal(first, again) {
		t.Error("the same seed, other faults")
	}
	if err := seven.SetFaults(faults...); err != nil {
		t.Fatal(err)
	}
	if again := statuses(seven, calls); !slices.Equal(first, again) {
		t.Error("set anew, other faults")
	}
	if slices.Equal(first, statuses(newSandbox(t, sandbox.WithFaults(faults...)), calls)) {
		t.Error("another seed, the same faults")
	}
	counted := make(map[int]int)
	for _, status := range first {
		counted[status]++
	}
	for status, want := range map[int]int{200: calls / 4, 502: calls / 4, 500: calls / 2} {
		if got := counted[status]; math.Abs(float64(got-want)) > calls/20 {
			t.Errorf("%d of status %d, want about %d", got, status, want)
		}
	}
}

// Ten tenths are every call, though their sum as floats is not 1.
func TestSharesOfEveryCall(t *testing.T) {
	faults := slices.Repeat([]sandbox.Fault{{Kind: sandbox.FaultBadGateway, Share: 0.1}}, 10)
	if got := statuses(newSandbox(t, sandbox.WithFaults(faults...)), 1000); slices.Contains(got, http.StatusOK) {
		t.Error("a call without a fault")
	}
}

func TestImpossibleFaults(t *testing.T) {
	s := newSandbox(t, everyCall(sandbox.FaultBadGateway))
	for name, faults := range map[string][]sandbox.Fault{
		"no such kind":          {{Kind: "fire"}},
		"negative share":        {{Share: -0.1}},
		"more than every call":  {{Share: 1.1}},
		"no number":             {{Share: math.NaN()}},
		"shares of more than 1": {{Share: 0.6}, {Share: 0.6}},
		"negative delay":        {{Delay: -1}},
		"negative jitter":       {{Jitter: -1}},
		"negative time":         {{Kind: sandbox.FaultSlowBody, Over: -1}},
		"slow in no time":       {{Kind: sandbox.FaultSlowBody}},
		"a slow reset":          {{Kind: sandbox.FaultReset, Over: time.Second}},
		"the second":            {{}, {Kind: "fire"}},
	} {
		if err := s.SetFaults(faults...); err == nil {
			t.Errorf("%s: set", name)
		}
		if _, err := sandbox.New(sandbox.WithFaults(faults...)); err == nil || !strings.HasPrefix(err.Error(), "sandbox: fault") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := statuses(s, 1); got[0] != http.StatusBadGateway {
		t.Errorf("an impossible fault changed the faults: status %d", got[0])
	}
}

// A call refused takes no fault, and what is nobody's call neither.
func TestFaultsAreOfCallsAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, sandbox.WithFairUse(0, 1), sandbox.WithFaults(sandbox.Fault{}, sandbox.Fault{Kind: sandbox.FaultBadGateway}))
		got := []int{ask(s, "/").status, ask(s, exampleDevice).status, ask(s, exampleDevice).status}
		time.Sleep(time.Second)
		got = append(got, ask(s, exampleDevice).status)
		if want := []int{404, 200, 429, 502}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
}
