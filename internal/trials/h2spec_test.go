package trials_test

import (
	"encoding/xml"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
)

// What HTTP/2 asks of a server, as h2spec tries it: our doors have to pass what the libraries behind them pass.
func TestHTTP2(t *testing.T) {
	long(t)
	t.Parallel()
	r := newRig(t)
	s := r.serve(t)
	const streams = 1000 // that our gRPC door has, too: one test is about them
	var trying sync.WaitGroup
	for _, door := range []struct{ name, ours, bare, path string }{
		{"gRPC", s.grpc, r.bareGRPC(t, grpc.MaxConcurrentStreams(streams)), "/"},
		{"REST", s.http, r.bareHTTP(t), "/livez"},
	} {
		trying.Go(func() { compare(t, door.name, h2specOf(t, door.ours, door.path), h2specOf(t, door.bare, door.path)) })
	}
	trying.Wait()
}

func compare(t *testing.T, door string, ours, bare h2spec) {
	t.Helper()
	var other verdict
	var beside sync.WaitGroup
	beside.Go(func() { other = bare.try() })
	all := ours.try()
	beside.Wait()
	t.Logf("%s: ours: %s; bare: %s", door, all, other)
	if all.passed == 0 || all.tests() != other.tests() {
		t.Errorf("%s: these are not the same tests", door)
	}
	for name, failure := range all.failed {
		if _, too := other.failed[name]; !too && !ours.passesAgain(t, name) {
			t.Errorf("%s: %s: the bare server passes, and ours does not: %s", door, name, failure)
		}
	}
}

// h2spec is the program, and what it tries.
type h2spec struct {
	args   []string
	report string // its file
}

func h2specOf(t *testing.T, addr, path string) h2spec {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(t.TempDir(), "report.xml")
	return h2spec{[]string{"tool", "-modfile=../../tools/go.mod", "h2spec", "-t", "-k", "-h", host, "-p", port, "-P", path, "-j", report}, report}
}

// passesAgain tries the test's section some times more: some of the tests pass only when a frame of theirs comes before the
// answer to the one before, which a server that answers quickly does not let them choose.
func (h h2spec) passesAgain(t *testing.T, name string) bool {
	t.Helper()
	const tries = 5
	section, _, _ := strings.Cut(name, ": ")
	h.args = append(h.args, section)
	for range tries {
		v := h.try()
		if _, failed := v.failed[name]; !failed && v.passed > 0 {
			t.Logf("%s passes at another try", name)
			return true
		}
	}
	return false
}

// A verdict is h2spec's of a server.
type verdict struct {
	passed, skipped int
	failed          map[string]string // the tests' names, and why
}

func (v verdict) tests() int { return v.passed + v.skipped + len(v.failed) }

func (v verdict) String() string {
	return fmt.Sprintf("%d passed, %d skipped, %d failed", v.passed, v.skipped, len(v.failed))
}

// try runs it. Without a report there are no tests in the verdict.
func (h h2spec) try() verdict {
	v := verdict{failed: map[string]string{}}
	_ = os.Remove(h.report)                 // of the try before
	_ = exec.Command("go", h.args...).Run() // it fails when a test does
	content, err := os.ReadFile(h.report)
	if err != nil {
		return v
	}
	var report struct {
		Suites []struct {
			Cases []struct {
				Package string  `xml:"package,attr"`
				Class   string  `xml:"classname,attr"`
				Failure *string `xml:"failure"`
				Error   *string `xml:"error"`
				Skipped *string `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if xml.Unmarshal(content, &report) != nil {
		return v
	}
	for _, suite := range report.Suites {
		for _, test := range suite.Cases {
			name := test.Package + ": " + test.Class
			switch {
			case test.Failure != nil:
				v.failed[name] = *test.Failure
			case test.Error != nil:
				v.failed[name] = *test.Error
			case test.Skipped != nil:
				v.skipped++
			default:
				v.passed++
			}
		}
	}
	return v
}
