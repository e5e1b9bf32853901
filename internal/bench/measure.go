package main

import (
	"context"
	"fmt"
	"time"
)

// A cell holds what was measured for one row with one number of callers.
type cell struct {
	Row           string           `json:"row"`
	ReferenceName string           `json:"referenceName"`
	Callers       int              `json:"callers"`
	Service       figures          `json:"service"`
	Reference     figures          `json:"reference"`
	Ratios        map[string]ratio `json:"ratios"`
	Goals         []goal           `json:"goals,omitempty"`
	Met           []bool           `json:"met,omitempty"`
	Pairs         []pair           `json:"pairs"`
}

func newCell(r row, callers int, pairs []pair) cell {
	c := cell{
		Row: r.name, ReferenceName: r.reference(), Callers: callers, Pairs: pairs, Ratios: ratiosOf(pairs), Goals: r.goalsFor(callers),
		Service:   medians(pairs, func(p pair) figures { return p.Service }),
		Reference: medians(pairs, func(p pair) figures { return p.Reference }),
	}
	for _, g := range c.Goals {
		c.Met = append(c.Met, g.met(c.Ratios))
	}
	return c
}

// A side is a server and the crowd that asks it.
type side struct {
	server *server // nil for a crowd that asks the upstream itself
	crowd  *crowd
}

// measure measures a cell. It starts all servers anew, so that their peak memory belongs to this cell.
func (s *stage) measure(ctx context.Context, r row, callers, rounds int, d time.Duration) (c cell, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s, %d callers: %w", r.name, callers, err)
		}
	}()
	set, err := s.open(ctx, r, callers)
	if err != nil {
		return cell{}, err
	}
	defer set.close()
	pairs := make([]pair, rounds)
	for i := range pairs {
		service := func() (err error) { pairs[i].Service, err = set.service.measure(ctx, s.warmup, d); return err }
		reference := func() (err error) { pairs[i].Reference, err = set.reference.measure(ctx, s.warmup, d); return err }
		first, second := service, reference
		if i%2 == 1 { // the order changes, because the second side finds a warmer machine
			first, second = reference, service
		}
		if err := first(); err != nil {
			return cell{}, err
		}
		if err := second(); err != nil {
			return cell{}, err
		}
	}
	return newCell(r, callers, pairs), nil
}

// measure runs the crowd, and counts the CPU time that the server uses after the warm-up.
func (s side) measure(ctx context.Context, warmup, d time.Duration) (figures, error) {
	if _, err := s.crowd.run(ctx, warmup); err != nil {
		return figures{}, err
	}
	if s.server == nil {
		l, err := s.crowd.run(ctx, d)
		return newFigures(l, 0), err
	}
	before, err := s.server.cpuTime()
	if err != nil {
		return figures{}, err
	}
	l, err := s.crowd.run(ctx, d)
	if err != nil {
		return figures{}, err
	}
	after, err := s.server.cpuTime()
	if err != nil {
		return figures{}, err
	}
	f := newFigures(l, after-before)
	f.PeakBytes, err = s.server.peakMemory()
	return f, err
}
