package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
)

// ballastBytes are how much garbage may pile up more than Go's own rule has it, which is as much as is in use: a small heap
// would be collected a hundred times a second under load, which takes a quarter of the CPU.
const ballastBytes = 16 << 20

// takeBallast allocates so much that nobody ever touches, until the function that it returns. The garbage collector counts it as
// in use, but it is no memory of the machine's. (To set the percentage instead, by what is in use, comes too late when that grows
// tenfold in a moment, as under attack.) An operator's GOGC goes before it.
func takeBallast() (drop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	ballast := make([]byte, ballastBytes)
	limit := debug.SetMemoryLimit(-1)
	if limit <= math.MaxInt64-ballastBytes {
		debug.SetMemoryLimit(limit + ballastBytes) // GOMEMLIMIT is about the machine's memory
	}
	return func() {
		debug.SetMemoryLimit(limit)
		runtime.KeepAlive(ballast)
	}
}
