package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// patience is how long to wait for anything that should come soon.
const patience = 30 * time.Second

// A process is a running server.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
}

// start starts a server, with env added to this process's environment, and waits for a line of its output that find accepts.
// It reads and drops all later output. The server ends with ctx, or with stop.
func start(ctx context.Context, cmd *exec.Cmd, env []string, output io.Reader, find func(line string) bool) (*process, error) {
	cmd.Env = append(ownEnvironment(), env...)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, exited: make(chan struct{})}
	found := make(chan struct{})
	var said strings.Builder
	go func() {
		defer close(p.exited)
		lines := bufio.NewReader(output)
		if findLine(lines, &said, find) {
			close(found)
			_, _ = io.Copy(io.Discard, lines) // until the process ends
		}
		_ = cmd.Wait() // the process was killed, or its output says why it ended
	}()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-found:
		return p, nil
	case <-p.exited:
		return nil, fmt.Errorf("%s ended: %s", strings.Join(cmd.Args[1:], " "), &said)
	case <-late.C:
	case <-ctx.Done():
	}
	p.stop()
	return nil, fmt.Errorf("%s does not serve: %s", strings.Join(cmd.Args[1:], " "), &said)
}

func findLine(lines *bufio.Reader, said *strings.Builder, find func(line string) bool) bool {
	for {
		line, err := lines.ReadString('\n')
		said.WriteString(line)
		if err != nil || find(line) {
			return err == nil
		}
	}
}

// stop kills the process, and waits until it has ended.
func (p *process) stop() {
	_ = p.cmd.Process.Kill() // fails if the process has ended already
	<-p.exited
}

// ownEnvironment is this process's environment, without variables that would change how the servers run.
func ownEnvironment() []string {
	var env []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "ZONEUSAGE_") || strings.HasPrefix(name, "OTEL_") ||
			name == "GOGC" || name == "GOMEMLIMIT" || name == "GODEBUG" {
			continue
		}
		env = append(env, variable)
	}
	return env
}

// startRole starts this program in a role, and returns the address on which the role serves.
func startRole(ctx context.Context, self string, env []string, args ...string) (*process, string, error) {
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stderr = os.Stderr
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	var addr string
	p, err := start(ctx, cmd, env, output, func(line string) bool {
		addr = strings.TrimSpace(line)
		return true
	})
	return p, addr, err
}

// peakMemory is the most memory that the process has had so far, in bytes.
func (p *process) peakMemory() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kibibytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(text), " kB"), 10, 64)
			return kibibytes << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no VmHWM: has it ended?", p.cmd.Process.Pid)
}

// cpuTime is the CPU time that the process has used so far.
func (p *process) cpuTime() (time.Duration, error) { return cpuTime(p.cmd.Process.Pid) }
