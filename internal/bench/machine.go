package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"google.golang.org/grpc"
)

// A machine describes the machine and the versions that the figures depend on.
type machine struct {
	CPU       string `json:"cpu"`
	Cores     int    `json:"cores"`
	MemoryMiB int64  `json:"memoryMiB"`
	Kernel    string `json:"kernel"`
	Go        string `json:"go"`
	GRPC      string `json:"grpc"`
}

func thisMachine() (machine, error) {
	m := machine{Cores: runtime.NumCPU(), Go: runtime.Version(), GRPC: grpc.Version}
	cpus, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m, err
	}
	memory, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return m, err
	}
	m.CPU = field(string(cpus), "model name")
	kibibytes, err := strconv.ParseInt(strings.TrimSuffix(field(string(memory), "MemTotal"), " kB"), 10, 64)
	if err != nil {
		return m, fmt.Errorf("/proc/meminfo: %w", err)
	}
	m.MemoryMiB = kibibytes >> 10
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	m.Kernel = "Linux " + strings.TrimSpace(string(kernel))
	return m, err
}

// field is the value in the first line "name : value"; empty if there is no such line.
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// String describes the machine in one line.
func (m machine) String() string {
	return fmt.Sprintf("%s, %d cores, %d MiB, %s, %s, grpc-go %s", m.CPU, m.Cores, m.MemoryMiB, m.Kernel, m.Go, m.GRPC)
}
