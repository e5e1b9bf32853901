package main

import (
	"math"
	"slices"
	"time"
)

// figures are those of one side, in one round or as the medians of all.
type figures struct {
	RPS       float64 `json:"rps"`
	P50       float64 `json:"p50Micros"`
	P99       float64 `json:"p99Micros"`
	CPU       float64 `json:"cpuMicrosPerCall"` // of the server; 0 where there is none
	PeakBytes int64   `json:"peakBytes"`        // of the server since its start
}

// newFigures are those of a load, for which the server used so much CPU time.
func newFigures(l load, cpu time.Duration) figures {
	calls := float64(len(l.took))
	return figures{
		RPS: calls / l.elapsed.Seconds(), P50: micros(quantile(l.took, 0.5)), P99: micros(quantile(l.took, 0.99)), CPU: micros(cpu) / calls,
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// quantile is the least time that so great a share of the sorted times does not exceed; 0 of none.
func quantile(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(share * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// median is the middle of the numbers, or of the two in the middle; 0 of none.
func median(numbers []float64) float64 {
	if len(numbers) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(numbers))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// A pair is one round.
type pair struct {
	Service   figures `json:"service"`
	Reference figures `json:"reference"`
}

// A ratio is the service's figure by the reference's: the median of the pairs, and between what they lie.
type ratio struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// ratioOf leaves out pairs whose reference has no such figure; without any pair it is all 0.
func ratioOf(pairs []pair, get func(figures) float64) ratio {
	var ratios []float64
	for _, p := range pairs {
		if of := get(p.Reference); of > 0 {
			ratios = append(ratios, get(p.Service)/of)
		}
	}
	if len(ratios) == 0 {
		return ratio{}
	}
	return ratio{median(ratios), slices.Min(ratios), slices.Max(ratios)}
}

// ratiosOf are all that there are, by figure.
func ratiosOf(pairs []pair) map[string]ratio {
	all := map[string]ratio{}
	for name, get := range map[string]func(figures) float64{
		figureRPS: func(f figures) float64 { return f.RPS },
		figureCPU: func(f figures) float64 { return f.CPU },
		figureP50: func(f figures) float64 { return f.P50 },
		figureP99: func(f figures) float64 { return f.P99 },
	} {
		if r := ratioOf(pairs, get); r != (ratio{}) {
			all[name] = r
		}
	}
	return all
}

// medians are those of one side.
func medians(pairs []pair, side func(pair) figures) figures {
	of := func(get func(figures) float64) float64 {
		var all []float64
		for _, p := range pairs {
			all = append(all, get(side(p)))
		}
		return median(all)
	}
	var m figures
	m.RPS = of(func(f figures) float64 { return f.RPS })
	m.P50 = of(func(f figures) float64 { return f.P50 })
	m.P99 = of(func(f figures) float64 { return f.P99 })
	m.CPU = of(func(f figures) float64 { return f.CPU })
	for _, p := range pairs {
		m.PeakBytes = max(m.PeakBytes, side(p).PeakBytes)
	}
	return m
}

// met reports whether the ratio is as the goal wants it.
func (g goal) met(ratios map[string]ratio) bool {
	r, known := ratios[g.Figure]
	if g.AtLeast {
		return known && r.Median >= g.Bound
	}
	return known && r.Median <= g.Bound
}
