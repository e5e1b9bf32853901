package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// A report holds everything that was measured.
type report struct {
	Machine machine   `json:"machine"`
	Command string    `json:"command"`
	Rounds  int       `json:"rounds"`
	Seconds float64   `json:"secondsPerSide"`
	Date    time.Time `json:"date"`
	Cells   []cell    `json:"rows"`
	StartUp *startUp  `json:"startUp,omitempty"`
}

// bench measures the rows that are asked for, and prints each as soon as it is measured.
func (s *stage) bench(ctx context.Context, o options, out io.Writer) error {
	rep := report{Command: o.command, Rounds: o.rounds, Seconds: o.time.Seconds(), Date: time.Now().UTC()}
	var err error
	if rep.Machine, err = thisMachine(); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(out, rep.Machine)
	for _, r := range allRows() {
		if o.noise {
			r = r.againstItself()
		}
		for _, callers := range r.callers {
			if !o.rows.MatchString(fmt.Sprintf("%s, %d callers", r.name, callers)) {
				continue
			}
			c, err := s.measure(ctx, r, callers, o.rounds, o.time)
			if err != nil {
				return err
			}
			rep.Cells = append(rep.Cells, c)
			_, _ = fmt.Fprintln(out, c)
		}
	}
	if o.rows.MatchString(startUpName) && !o.noise {
		if rep.StartUp, err = s.measureStartUp(ctx); err != nil {
			return err
		}
		_, _ = fmt.Fprintln(out, rep.StartUp)
	}
	if len(rep.Cells) == 0 && rep.StartUp == nil {
		return errors.New("-run matches no row")
	}
	return rep.write(o)
}

// againstItself is the row with its reference on both sides, to show the noise. It has no goals.
func (r row) againstItself() row {
	r.noise, r.goals = true, nil
	return r
}

func (r report) write(o options) error {
	if o.json != "" {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.json, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	if o.markdown != "" {
		return os.WriteFile(o.markdown, []byte(r.markdown()), 0o644)
	}
	return nil
}
