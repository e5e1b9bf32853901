package main

import (
	"math"
	"slices"
	"time"
)

// figures are the figures of one side, of one round or as the medians of all rounds.
type figures struct {
	RPS       float64 `json:"rps"`
	P50       float64 `json:"p50Micros"`
	P99       float64 `json:"p99Micros"`
	CPU       float64 `json:"cpuMicrosPerCall"` // the server's; 0 without a server
	PeakBytes int64   `json:"peakBytes"`        // the server's since its start
}

// newFigures makes the figures of a load, for which the server used this CPU time.
func newFigures(l load, cpu time.Duration) figures {
	calls := float64(len(l.took))
	return figures{
		RPS: calls / l.elapsed.Seconds(), P50: micros(quantile(l.took, 0.5)), P99: micros(quantile(l.took, 0.99)), CPU: micros(cpu) / calls,
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// quantile is the least time that this share of the sorted times does not exceed; 0 without any times.
func quantile(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(share * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// median is the middle number, or the mean of the two in the middle; 0 without any numbers.
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

// A pair holds the figures of one round.
type pair struct {
	Service   figures `json:"service"`
	Reference figures `json:"reference"`
}

// A ratio is the service's figure divided by the reference's: the median of all pairs, the least and the greatest.
type ratio struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// ratioOf computes the ratio of a figure. It leaves out pairs whose reference does not have the figure; without any pair all
// is 0.
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

// ratiosOf computes the ratios of all figures, by the name of the figure.
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

// medians computes the medians of one side's figures, and the maximum of its memory.
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

// met reports whether the ratios meet the goal.
func (g goal) met(ratios map[string]ratio) bool {
	r, known := ratios[g.Figure]
	if g.AtLeast {
		return known && r.Median >= g.Bound
	}
	return known && r.Median <= g.Bound
}
