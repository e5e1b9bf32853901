package examples_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// preparedVariable names the folder of what .ci/test-clients prepared: the service, the client in Go, the stubs for Python,
// grpcurl and the contract's descriptor set.
const preparedVariable = "CLIENTS"

// prepared is the path of something in that folder. Without it the test is skipped.
func prepared(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv(preparedVariable)
	if dir == "" {
		t.Skip("it needs other languages; `make test-clients` runs it")
	}
	return filepath.Join(dir, name)
}

// What the processes print when they can be asked.
var (
	serving   = regexp.MustCompile(`"msg":"serving".*"grpc_addr":"([^"]+)","http_addr":"([^"]+)"`)
	listening = regexp.MustCompile(`sandbox listens on (http://[0-9.:]+)\. `)
)

// start starts zoneusage without settings of whoever runs the tests, waits for a line, gives what the pattern found in it, and
// ends the process with the test.
func start(t *testing.T, pattern *regexp.Regexp, args ...string) []string {
	t.Helper()
	cmd := exec.Command(prepared(t, "zoneusage"), args...)
	cmd.Env = []string{}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found, ended := make(chan []string, 1), make(chan struct{})
	var said bytes.Buffer
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			fmt.Fprintln(&said, lines.Text())
			if match := pattern.FindStringSubmatch(lines.Text()); match != nil {
				select {
				case found <- match[1:]:
				default:
				}
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails when it has ended
		<-ended
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("zoneusage %q said\n%s", args, said.String())
		}
	})
	select {
	case match := <-found:
		return match
	case <-ended:
		t.Fatalf("zoneusage %q ended before it could be asked", args)
		return nil
	}
}

// serve starts the service on free ports, and gives the addresses of its two doors.
func serve(t *testing.T, args ...string) (grpcAddr, restAddr string) {
	t.Helper()
	doors := start(t, serving, append([]string{"serve", "--grpc-addr=127.0.0.1:0", "--http-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0"}, args...)...)
	return doors[0], doors[1]
}

// A program is a client.
type program struct {
	command []string
	env     []string
}

// patience is how long a client may take, on a busy machine.
const patience = time.Minute

// run runs the client and gives what it printed and its exit status. What it has to say on standard error fails the test.
func (p program) run(t *testing.T, env []string, args ...string) (output string, exitCode int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := append(append([]string{}, p.command...), args...)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(append([]string{"PATH=" + os.Getenv("PATH"), "PYTHONDONTWRITEBYTECODE=1"}, p.env...), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	printed, err := cmd.Output()
	t.Logf("%q\n%s", command, printed)
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if stderr.Len() > 0 {
		t.Errorf("%q said on standard error\n%s", command, &stderr)
	}
	return string(printed), cmd.ProcessState.ExitCode()
}

// times are what a call's output has that is never the same, and what stands in its stead.
var times = []struct {
	found *regexp.Regexp
	stead string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "TIME"},
	{regexp.MustCompile(`\b[0-9.]+ s\b`), "N s"},
}

func withoutTimes(text string) string {
	for _, kind := range times {
		text = kind.found.ReplaceAllString(text, kind.stead)
	}
	return text
}
