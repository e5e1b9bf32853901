package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// asCommand makes this test binary the command, so that the tests run a real process with the race detector in it.
const asCommand = "TEST_AS_ZONEUSAGE"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// command is zoneusage with arguments, in an environment without settings of its own.
func command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "ZONEUSAGE_") && !strings.HasPrefix(variable, "OTEL_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, asCommand+"=1")
	return cmd
}

// A process is a running zoneusage.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // of its exit

	mu    sync.Mutex
	lines []map[string]any // of its log
	text  []string         // what else it printed
	more  *sync.Cond
}

// start starts zoneusage and ends it with the test.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	return startBinary(t, os.Args[0], env, args...)
}

// startBinary starts another build of it.
func startBinary(t *testing.T, binary string, env []string, args ...string) *process {
	t.Helper()
	p := &process{cmd: command(context.WithoutCancel(t.Context()), args...), exited: make(chan struct{})}
	p.cmd.Path = binary
	p.more = sync.NewCond(&p.mu)
	p.cmd.Env = append(p.cmd.Env, env...)
	output, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	printed, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { p.read(output) })
	reading.Go(func() { p.read(printed) })
	go func() {
		reading.Wait()
		err := p.cmd.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.err = err
		close(p.exited)
		p.more.Broadcast()
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // fails when it has ended
		<-p.exited
		if t.Failed() {
			t.Logf("%v printed\n%s\nand logged\n%v", args, strings.Join(p.text, "\n"), p.lines)
		}
	})
	return p
}

// read collects what the process prints, lines of JSON apart.
func (p *process) read(output io.Reader) {
	all := make([]byte, 0, 4096)
	chunk := make([]byte, 4096)
	for {
		n, err := output.Read(chunk)
		all = append(all, chunk[:n]...)
		for {
			line, rest, found := bytes.Cut(all, []byte("\n"))
			if !found {
				break
			}
			all = rest
			p.add(string(line))
		}
		if err != nil {
			return
		}
	}
}

func (p *process) add(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var attrs map[string]any
	if json.Unmarshal([]byte(line), &attrs) == nil {
		p.lines = append(p.lines, attrs)
	} else {
		p.text = append(p.text, line)
	}
	p.more.Broadcast()
}

// logged waits for a line of the log with the message.
func (p *process) logged(t *testing.T, message string) map[string]any {
	t.Helper()
	var found map[string]any
	p.wait(t, "the log line "+message, func() bool {
		for _, line := range p.lines {
			if line["msg"] == message {
				found = line
			}
		}
		return found != nil
	})
	return found
}

// printed waits for a line that begins with the prefix and returns what follows.
func (p *process) printed(t *testing.T, prefix string) string {
	t.Helper()
	var found string
	p.wait(t, "the line "+prefix, func() bool {
		for _, line := range p.text {
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				found = rest
				return true
			}
		}
		return false
	})
	return found
}

// forget makes logged wait for a line that comes from now on.
func (p *process) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = nil
}

func (p *process) wait(t *testing.T, what string, met func() bool) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for !met() {
		select {
		case <-p.exited:
			t.Fatalf("zoneusage ended (%v) before %s", p.err, what)
		default:
		}
		p.more.Wait()
	}
}

// signal sends a signal to the process.
func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// exitCode waits for the end of the process.
func (p *process) exitCode() int {
	<-p.exited
	return p.cmd.ProcessState.ExitCode()
}

// serve starts `zoneusage serve` on free ports, for an account that may call as it likes, and returns its addresses.
func serve(t *testing.T, env []string, args ...string) (p *process, grpcAddr, httpURL string) {
	t.Helper()
	p = start(t, env, append([]string{"serve", "--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0",
		"--calls-in-flight", "100", "--calls-per-second", "10000"}, args...)...)
	line := p.logged(t, "serving")
	return p, line["grpc_addr"].(string), "http://" + line["http_addr"].(string)
}

// startSandbox starts `zoneusage sandbox` on a free port and returns its URL.
func startSandbox(t *testing.T, env []string, args ...string) (url string) {
	t.Helper()
	p := start(t, env, append([]string{"sandbox", "--addr=127.0.0.1:0"}, args...)...)
	url, _, _ = strings.Cut(p.printed(t, "Control Center's sandbox listens on "), ". ")
	return url
}

// run runs zoneusage to its end.
func run(t *testing.T, env []string, args ...string) (code int, output string) {
	t.Helper()
	cmd := command(t.Context(), args...)
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func dial(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// get reads a page over HTTP.
func get(t *testing.T, req *http.Request) (status int, body string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(content)
}

func request(t *testing.T, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}
