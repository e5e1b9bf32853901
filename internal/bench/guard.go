package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"time"
)

// A baseline holds the ratios of an earlier measurement, by row.
type baseline map[string]known

type known struct {
	RPS float64 `json:"rps"`
	CPU float64 `json:"cpu"`
}

// farWorse is the factor by which a ratio may be worse than in the baseline: one short round on a busy machine is not more
// precise.
const farWorse = 2

// guard measures two rows for a moment, and fails if one of them is far worse than in the file.
func (s *stage) guard(ctx context.Context, file string, out io.Writer) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var base baseline
	if err := json.Unmarshal(text, &base); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	var all []error
	for _, name := range []string{guardGRPC, guardREST} {
		c, err := s.measureNamed(ctx, name, 1, time.Second)
		if err != nil {
			return err
		}
		before, ok := base[name]
		if !ok {
			return fmt.Errorf("%s: it has no row %q", file, name)
		}
		_, _ = fmt.Fprintf(out, "%s: %.2f times the calls a second of the reference, %.2f times its CPU a call; before it was %.2f and %.2f\n",
			name, c.Ratios[figureRPS].Median, c.Ratios[figureCPU].Median, before.RPS, before.CPU)
		all = append(all, before.check(c))
	}
	return errors.Join(all...)
}

// check fails if the cell is far worse than the known ratios.
func (k known) check(c cell) error {
	rps, cpu := c.Ratios[figureRPS].Median, c.Ratios[figureCPU].Median
	if rps < k.RPS/farWorse {
		return fmt.Errorf("%s: the service answers %.2f times the calls a second of the reference, and before it was %.2f: less than half",
			c.Row, rps, k.RPS)
	}
	if cpu > k.CPU*farWorse {
		return fmt.Errorf("%s: the service uses %.2f times the reference's CPU a call, and before it was %.2f: more than double",
			c.Row, cpu, k.CPU)
	}
	return nil
}

// writeBaseline measures the rows of the guard with all rounds, and writes the baseline.
func (s *stage) writeBaseline(ctx context.Context, o options, out io.Writer) error {
	base := baseline{}
	for _, name := range []string{guardGRPC, guardREST} {
		c, err := s.measureNamed(ctx, name, o.rounds, o.time)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintln(out, c)
		base[name] = known{hundredths(c.Ratios[figureRPS].Median), hundredths(c.Ratios[figureCPU].Median)}
	}
	text, err := json.MarshalIndent(base, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.baseline, append(text, '\n'), 0o644)
}

func (s *stage) measureNamed(ctx context.Context, name string, rounds int, d time.Duration) (cell, error) {
	rows := allRows()
	i := slices.IndexFunc(rows, func(r row) bool { return r.name == name })
	return s.measure(ctx, rows[i], goalCallers, rounds, d)
}

// hundredths rounds the number to two decimals: more would be noise.
func hundredths(n float64) float64 { return math.Round(n*100) / 100 }
