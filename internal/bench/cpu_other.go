//go:build !linux

package main

import (
	"errors"
	"time"
)

// cpuTime fails: it is only available on Linux.
func cpuTime(int) (time.Duration, error) {
	return 0, errors.New("the CPU time of another process is measured on Linux alone")
}
