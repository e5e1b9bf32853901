package main

import (
	"fmt"
	"strings"
)

// String is the line of a cell, which is printed as soon as it is measured.
func (c cell) String() string {
	line := fmt.Sprintf("%-27s %3d callers  service %s  reference %s ", c.Row, c.Callers, c.Service, c.Reference)
	for _, figure := range []string{figureRPS, figureCPU, figureP50, figureP99} {
		if r, ok := c.Ratios[figure]; ok {
			line += fmt.Sprintf("  %s ×%s", figure, r)
		}
	}
	for i, g := range c.Goals {
		line += fmt.Sprintf("  [%s: %s]", g, verdict(c.Met[i]))
	}
	return line
}

// String is one side's part of the line.
func (f figures) String() string {
	text := fmt.Sprintf("%6.0f/s, p50 %s, p99 %s", f.RPS, latency(f.P50), latency(f.P99))
	if f.CPU > 0 {
		text += fmt.Sprintf(", %.1f µs CPU, %d MiB", f.CPU, f.PeakBytes>>20)
	}
	return text
}

// String is the median of the ratio, with the least and the greatest.
func (r ratio) String() string { return fmt.Sprintf("%.2f (%.2f–%.2f)", r.Median, r.Min, r.Max) }

// String is the goal as the report shows it.
func (g goal) String() string {
	sign := "≤"
	if g.AtLeast {
		sign = "≥"
	}
	return fmt.Sprintf("%s %s %.2f", g.Figure, sign, g.Bound)
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "not met"
}

// latency formats a time, which is given in microseconds.
func latency(micros float64) string {
	if micros < 1000 {
		return fmt.Sprintf("%.0f µs", micros)
	}
	return fmt.Sprintf("%.2f ms", micros/1000)
}

// markdown is the report as a page.
func (r report) markdown() string {
	var page strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&page, format+"\n", args...) }
	say("# Benchmarks\n")
	say("zoneusage against the least that could stand in its place, on one machine. `make bench` writes this page.\n")
	say("- Machine: %s", r.Machine)
	say("- Date: %s", r.Date.Format("2006-01-02"))
	say("- Command: `%s`\n", r.Command)
	r.sayInShort(say)
	r.explain(say)
	r.sayGoals(say)
	r.sayFigures(say)
	return page.String()
}

// sayInShort says what an answer from the cache costs.
func (r report) sayInShort(say func(string, ...any)) {
	for _, c := range r.Cells {
		if c.Callers == goalCallers && (c.Row == guardGRPC || c.Row == guardREST) {
			say("%s: **%.0f** kept answers a second for %d callers, %.0f µs of CPU each, half of them in %s.\n",
				strings.TrimSuffix(c.Row, " small, equal settings"), c.Service.RPS, c.Callers, c.Service.CPU, latency(c.Service.P50))
		}
	}
}

// explain says how the figures were measured.
func (r report) explain(say func(string, ...any)) {
	say("The load generator runs on the same machine, and each of its callers asks again as soon as it has its answer. Callers over REST have a")
	say("connection each, those over gRPC share at most %d; both are written by hand, for the usual clients cost more than the servers. A row", maxConnections)
	say("has %d rounds: in each the service is asked for %g s, after a moment that does not count, and then the reference, or the other way", r.Rounds, r.Seconds)
	say("round. A ratio is the service's figure by the reference's in the same round; given are the median of the rounds, and between what")
	say("they lie. CPU is the server's, per call; memory is the most that its process had. The generator uses the same cores, and for a call")
	say("as much of them whoever answers, which draws the ratio of the calls a second towards 1.\n")
	say("The service has on what an operator has on: a log line for every call, metrics, traces of one call in a hundred, and with TLS a")
	say("file of callers. The references have nothing: *bare grpc-go* answers with one message, made before, that it marshals every time;")
	say("*bare net/http* encodes Go structs with encoding/json every time. Small is the answer of Control Center's documentation; large has")
	say("%d rate plans of %d zones. With equal settings both sides run with GOGC=%s, the rest as shipped; as shipped, nothing is set for either. Noise is a", largePlans, largeZones, equalGOGC)
	say("reference against itself: a difference as small says nothing.\n")
}

// sayGoals writes the table of the goals.
func (r report) sayGoals(say func(string, ...any)) {
	say("## Goals\n")
	say("| row | callers | against | goal | measured | |")
	say("|---|---:|---|---|---|---|")
	for _, c := range r.Cells {
		for i, g := range c.Goals {
			say("| %s | %d | %s | %s | %s | %s |", c.Row, c.Callers, c.ReferenceName, g, c.Ratios[g.Figure], verdict(c.Met[i]))
		}
	}
	if u := r.StartUp; u != nil {
		say("| %s | 1 | | ≤ %.0f ms | %.0f ms (%.0f–%.0f) | %s |", startUpName, u.GoalMillis, u.MedianMillis, u.MinMillis, u.MaxMillis, verdict(u.Met))
	}
}

// sayFigures writes the table of everything that was measured: each figure of the service, and after it the reference's.
func (r report) sayFigures(say func(string, ...any)) {
	say("\n## Figures\n")
	say("Each is the service's / the reference's.\n")
	say("| row | callers | calls a second | × | p50 | × | p99 | × | CPU µs a call | × | MiB |")
	say("|---|---:|---:|---|---:|---|---:|---|---:|---|---:|")
	for _, c := range r.Cells {
		s, b := c.Service, c.Reference
		cpu, memory := fmt.Sprintf("%.1f / %.1f", s.CPU, b.CPU), fmt.Sprintf("%d / %d", s.PeakBytes>>20, b.PeakBytes>>20)
		times := c.Ratios[figureCPU].String()
		if b.CPU == 0 {
			cpu, memory, times = fmt.Sprintf("%.1f / –", s.CPU), fmt.Sprintf("%d / –", s.PeakBytes>>20), "–"
		}
		say("| %s | %d | %.0f / %.0f | %s | %s / %s | %s | %s / %s | %s | %s | %s | %s |", c.Row, c.Callers, s.RPS, b.RPS, c.Ratios[figureRPS],
			latency(s.P50), latency(b.P50), c.Ratios[figureP50], latency(s.P99), latency(b.P99), c.Ratios[figureP99], cpu, times, memory)
	}
}
