package main

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
	"testing"
)

// The garbage collector has the headroom, and GOMEMLIMIT is still about the machine's memory.
func TestTheBallast(t *testing.T) {
	goal := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	heapGoal := func() uint64 {
		debug.FreeOSMemory() // collects
		metrics.Read(goal)
		return goal[0].Value.Uint64()
	}
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	for _, limit := range []int64{1 << 30, math.MaxInt64} {
		debug.SetMemoryLimit(limit)
		for gogc, taken := range map[string]bool{"": true, "100": false} {
			t.Setenv("GOGC", gogc)
			before := heapGoal()
			drop := takeBallast()
			if more := heapGoal() - before; (more > ballastBytes) != taken {
				t.Errorf("GOGC=%q: the heap may have %d bytes more", gogc, more)
			}
			if now := debug.SetMemoryLimit(-1); (now == limit+ballastBytes) != (taken && limit < math.MaxInt64) {
				t.Errorf("GOGC=%q: the limit %d is %d now", gogc, limit, now)
			}
			drop()
			if now := debug.SetMemoryLimit(-1); now != limit {
				t.Errorf("GOGC=%q: at the end the limit %d is %d", gogc, limit, now)
			}
		}
	}
}
