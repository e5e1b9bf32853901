package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is the CPU time that all threads of a process have used so far. It reads the CPU clock of the process, and computes
// the clock's number as clock_getcpuclockid(3) does: the clock counts nanoseconds, and /proc/PID/stat only hundredths of a
// second.
func cpuTime(pid int) (time.Duration, error) {
	const processClock, scheduled = 3, 2 // CLOCKFD_SHIFT and CPUCLOCK_SCHED of Linux
	var used unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<processClock|scheduled), &used); err != nil {
		return 0, fmt.Errorf("the CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(used.Nano()), nil
}
