package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// gcHeadroom is how much garbage may pile up at least before it is collected. Go's own rule, as much as is in use, has a
	// small heap collected a hundred times a second under load, which takes a quarter of the CPU.
	gcHeadroom = 64 << 20
	// gcPercent is Go's own rule, from which a heap of that size on follows it.
	gcPercent = 100
	// gcLook is how often the heap is looked at.
	gcLook = time.Second
)

// tuneGC lets garbage pile up to the headroom, until ctx ends. An operator's GOGC goes before it, and GOMEMLIMIT bounds it.
func tuneGC(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	defer debug.SetGCPercent(gcPercent)
	ticker := time.NewTicker(gcLook)
	defer ticker.Stop()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for now := 0; ; {
		metrics.Read(live)
		// A change stops the world for a moment: a small one is not worth it.
		if next := percentFor(live[0].Value.Uint64()); next < now*9/10 || next > now*11/10 {
			debug.SetGCPercent(next)
			now = next
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// percentFor gives a heap with so many bytes in use the headroom.
func percentFor(live uint64) int {
	const least = 4 << 20 // of what Go takes for a heap
	return max(gcPercent, int(gcHeadroom*100/max(live, least)))
}
