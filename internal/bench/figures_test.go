package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestQuantile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, tt := range []struct {
		sorted []time.Duration
		share  float64
		want   time.Duration
	}{
		{nil, 0.5, 0},
		{[]time.Duration{7}, 0.5, 7},
		{[]time.Duration{7}, 0.99, 7},
		{[]time.Duration{1, 2}, 0.5, 1},
		{[]time.Duration{1, 2, 3}, 0.5, 2},
		{hundred, 0, 1},
		{hundred, 0.5, 50},
		{hundred, 0.99, 99},
		{hundred, 1, 100},
	} {
		if got := quantile(tt.sorted, tt.share); got != tt.want {
			t.Errorf("quantile(%d times, %v) = %d, want %d", len(tt.sorted), tt.share, got, tt.want)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		numbers []float64
		want    float64
	}{
		{nil, 0}, {[]float64{3}, 3}, {[]float64{4, 2}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{8, 1, 4, 2}, 3},
	} {
		if got := median(tt.numbers); got != tt.want {
			t.Errorf("median(%v) = %v, want %v", tt.numbers, got, tt.want)
		}
	}
}

func TestNewFigures(t *testing.T) {
	l := load{took: []time.Duration{time.Millisecond, 2 * time.Millisecond, 3 * time.Millisecond, 4 * time.Millisecond}, elapsed: 2 * time.Second}
	want := figures{RPS: 2, P50: 2000, P99: 4000, CPU: 25}
	if diff := cmp.Diff(want, newFigures(l, 100*time.Microsecond)); diff != "" {
		t.Error(diff)
	}
}

// TestCell: the ratio is the median of the pairs' own, not that of the medians.
func TestCell(t *testing.T) {
	pairs := []pair{
		{figures{RPS: 100, CPU: 10, P50: 5, PeakBytes: 3}, figures{RPS: 100, CPU: 20, P50: 5, PeakBytes: 1}},
		{figures{RPS: 300, CPU: 10, P50: 5, PeakBytes: 5}, figures{RPS: 100, CPU: 10, P50: 5, PeakBytes: 2}},
		{figures{RPS: 200, CPU: 30, P50: 5, PeakBytes: 4}, figures{RPS: 400, CPU: 10, P50: 5, PeakBytes: 1}},
	}
	r := row{name: "one", door: overGRPC, iccid: smallICCID, callers: []int{1, 64}, goals: rpsAndCPU(1.01, 1)}
	c := newCell(r, 64, pairs)
	want := map[string]ratio{figureRPS: {1, 0.5, 3}, figureCPU: {1, 0.5, 3}, figureP50: {1, 1, 1}}
	if diff := cmp.Diff(want, c.Ratios); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]bool{false, true}, c.Met); diff != "" {
		t.Error(diff)
	}
	if c.Service != (figures{RPS: 200, CPU: 10, P50: 5, PeakBytes: 5}) || c.Reference != (figures{RPS: 100, CPU: 10, P50: 5, PeakBytes: 2}) {
		t.Errorf("the medians are %+v and %+v", c.Service, c.Reference)
	}
	if other := newCell(r, 1, pairs); other.Goals != nil || other.Met != nil {
		t.Errorf("with 1 caller there are goals: %+v", other.Goals)
	}
}

// TestGoalWithoutFigure: what was not measured is not met.
func TestGoalWithoutFigure(t *testing.T) {
	for _, g := range rpsAndCPU(1, 1) {
		if g.met(nil) {
			t.Errorf("%s is met by nothing", g)
		}
	}
}

func TestEveryRowWithGoalsReachesThem(t *testing.T) {
	names := map[string]bool{}
	for _, r := range allRows() {
		if names[r.name] {
			t.Errorf("two rows are named %q", r.name)
		}
		names[r.name] = true
		goals := 0
		for _, callers := range r.callers {
			goals += len(r.goalsFor(callers))
		}
		if goals != len(r.goals) {
			t.Errorf("%s: %d of its goals are looked at, want %d", r.name, goals, len(r.goals))
		}
	}
	if !names[guardGRPC] || !names[guardREST] {
		t.Error("the guard's rows are missing")
	}
}

func TestGuard(t *testing.T) {
	before := known{RPS: 1, CPU: 2}
	for _, tt := range []struct {
		rps, cpu float64
		ok       bool
	}{{1, 2, true}, {0.51, 3.9, true}, {0.49, 2, false}, {1, 4.1, false}, {5, 0.1, true}} {
		c := cell{Ratios: map[string]ratio{figureRPS: {Median: tt.rps}, figureCPU: {Median: tt.cpu}}}
		if err := before.check(c); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}
