package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const startUpName = "start to first answer, sandbox mode"

// startUpGoal is the longest acceptable time.
const startUpGoal = 150 * time.Millisecond

// A startUp holds the times from the start of the program, with nothing configured, to the first answer over REST.
type startUp struct {
	MedianMillis float64 `json:"medianMillis"`
	MinMillis    float64 `json:"minMillis"`
	MaxMillis    float64 `json:"maxMillis"`
	GoalMillis   float64 `json:"goalMillis"`
	Met          bool    `json:"met"`
}

func (s *stage) measureStartUp(ctx context.Context) (*startUp, error) {
	const starts = 10
	var took []float64
	for range starts {
		d, err := s.startOnce(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", startUpName, err)
		}
		took = append(took, millis(d))
	}
	m := median(took)
	return &startUp{m, slices.Min(took), slices.Max(took), millis(startUpGoal), m <= millis(startUpGoal)}, nil
}

func (s *stage) startOnce(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	service, err := s.serve(ctx, nil, "serve")
	if err != nil {
		return 0, err
	}
	defer service.stop()
	_, err = fetchBody(ctx, service.http, nil, smallICCID)
	return time.Since(begin), err
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// String is a line of output about the times.
func (u *startUp) String() string {
	return fmt.Sprintf("%s: %.0f ms (%.0f–%.0f), goal at most %.0f ms: %s",
		startUpName, u.MedianMillis, u.MinMillis, u.MaxMillis, u.GoalMillis, verdict(u.Met))
}
