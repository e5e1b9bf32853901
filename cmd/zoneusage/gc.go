package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
)

// ballastBytes is how much garbage may pile up beyond Go's own rule, as much again as is live: under load a small heap would
// be collected a hundred times a second, for a quarter of the CPU.
const ballastBytes = 16 << 20

// takeBallast allocates the ballast until drop is called. Nothing ever touches it: the garbage collector counts it as live,
// but it takes no memory of the machine. (Adapting the percentage to the live heap instead would be too late when the heap
// grows tenfold in a moment, as under attack.) An operator's GOGC takes precedence over the ballast.
func takeBallast() (drop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	ballast := make([]byte, ballastBytes)
	limit := debug.SetMemoryLimit(-1)
	if limit <= math.MaxInt64-ballastBytes {
		debug.SetMemoryLimit(limit + ballastBytes) // GOMEMLIMIT is meant for the machine's memory
	}
	return func() {
		debug.SetMemoryLimit(limit)
		runtime.KeepAlive(ballast)
	}
}
