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

// patience is how long anything may take that has to come soon.
const patience = 30 * time.Second

// A process is a running server.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
}

// start starts a server, with the environment given beside this one's, and waits for the line of its output that find
// takes; all that comes later is read and dropped. The server ends with ctx, or with stop.
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
			_, _ = io.Copy(io.Discard, lines) // it ends with the process
		}
		_ = cmd.Wait() // it was killed, or said why it ends
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

// stop ends the process without a word, and waits until it has ended.
func (p *process) stop() {
	_ = p.cmd.Process.Kill() // fails when it has ended
	<-p.exited
}

// ownEnvironment is this process's, without what would change how the servers run.
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

// startRole starts this program in a role, and returns the address that it serves.
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

// cpuTime is what the process has used so far.
func (p *process) cpuTime() (time.Duration, error) { return cpuTime(p.cmd.Process.Pid) }
