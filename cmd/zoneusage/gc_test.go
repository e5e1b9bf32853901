package main

import (
	"context"
	"runtime/debug"
	"testing"
)

func TestTheHeadroomOfTheHeap(t *testing.T) {
	for live, want := range map[uint64]int{0: 1600, 1 << 20: 1600, 8 << 20: 800, 64 << 20: 100, 1 << 30: 100} {
		if got := percentFor(live); got != want {
			t.Errorf("with %d bytes in use: %d %%, want %d", live, got, want)
		}
	}
}

func TestAnOperatorsGOGCGoesFirst(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	before := debug.SetGCPercent(77)
	defer debug.SetGCPercent(before)
	t.Setenv("GOGC", "77")
	tuneGC(ended)
	if got := debug.SetGCPercent(77); got != 77 {
		t.Errorf("GOGC is %d now", got)
	}
	t.Setenv("GOGC", "")
	tuneGC(ended)
	if got := debug.SetGCPercent(77); got != gcPercent {
		t.Errorf("at the end it is %d, want Go's own %d", got, gcPercent)
	}
}
