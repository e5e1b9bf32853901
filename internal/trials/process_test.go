package trials_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a trial waits for what has to come soon, on a busy machine.
const patience = 30 * time.Second

// A process is a running zoneusage.
type process struct {
	cmd    *exec.Cmd
	output string // the file of all that it prints and logs
	exited chan struct{}

	mu   sync.Mutex
	said []string // the same, without the lines of calls
	more *sync.Cond
}

// start starts zoneusage, in an environment without settings of its own, and ends it with the test.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{
		cmd:    exec.Command(os.Getenv(binaryVariable), args...),
		output: filepath.Join(t.TempDir(), "output"),
		exited: make(chan struct{}),
	}
	p.more = sync.NewCond(&p.mu)
	p.cmd.Env = append(ownEnvironment(), env...)
	// No other process holds its ends of the pipe: so the pipe ends with it.
	pipe, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = p.cmd.Stdout
	file, err := os.Create(p.output)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.read(bufio.NewReader(pipe), file)
		_ = p.cmd.Wait() // exitCode tells
		_ = file.Close() // a test that misses something in it fails
		p.mu.Lock()
		defer p.mu.Unlock()
		close(p.exited)
		p.more.Broadcast()
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s said\n%s", args[0], strings.Join(p.said[max(0, len(p.said)-5):], ""))
		}
	})
	return p
}

// ownEnvironment is this process's, without settings of zoneusage's or OpenTelemetry's.
func ownEnvironment() []string {
	var env []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "ZONEUSAGE_") && !strings.HasPrefix(variable, "OTEL_") {
			env = append(env, variable)
		}
	}
	return env
}

func (p *process) read(output *bufio.Reader, file *os.File) {
	for {
		line, err := output.ReadString('\n')
		_, _ = file.WriteString(line)
		if !strings.Contains(line, `"msg":"call"`) {
			p.mu.Lock()
			p.said = append(p.said, line)
			p.more.Broadcast()
			p.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}

// kill ends the process without a word, if it has not ended.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// terminate asks the process to end, and waits until it has.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.exited:
	case <-time.After(patience):
		t.Fatal("zoneusage does not end")
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("zoneusage ended with exit status %d", code)
	}
}

// lines is how much the process has said, to wait for what it says after that.
func (p *process) lines() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.said)
}

// says waits for a line with the text after the first lines, and returns it.
func (p *process) says(t *testing.T, after int, text string) string {
	t.Helper()
	late := time.AfterFunc(patience, p.more.Broadcast)
	defer late.Stop()
	deadline := time.Now().Add(patience)
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		for ; after < len(p.said); after++ {
			if strings.Contains(p.said[after], text) {
				return p.said[after]
			}
		}
		select {
		case <-p.exited:
			t.Fatalf("zoneusage ended before it said %q", text)
		default:
		}
		if !time.Now().Before(deadline) {
			t.Fatalf("zoneusage did not say %q in %s", text, patience)
		}
		p.more.Wait()
	}
}

// logged is the next line of the log with the message.
func (p *process) logged(t *testing.T, after int, message string) map[string]any {
	t.Helper()
	var attrs map[string]any
	line := p.says(t, after, `"msg":"`+message)
	if err := json.Unmarshal(bytes.TrimSpace([]byte(line)), &attrs); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return attrs
}

// until asks again and again until met returns nil, and tells how long that took.
func until(t *testing.T, bound time.Duration, what string, met func() error) time.Duration {
	t.Helper()
	begin := time.Now()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := met()
		if err == nil {
			return time.Since(begin)
		}
		if time.Since(begin) > bound {
			t.Fatalf("%s: not in %s: %v", what, bound, err)
		}
		<-ticker.C
	}
}
