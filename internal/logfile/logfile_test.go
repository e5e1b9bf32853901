package logfile

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run runs the log until the function that it returns.
func run(l *Log) (end func()) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); l.Run(ctx) }()
	return func() { stop(); <-ended }
}

func write(t *testing.T, to interface{ Write([]byte) (int, error) }, line string) {
	t.Helper()
	if n, err := to.Write([]byte(line)); n != len(line) || err != nil {
		t.Fatalf("%d bytes of %d, %v", n, len(line), err)
	}
}

func TestLinesOfCallsWaitForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := New(&out)
		defer run(l)()
		written := func() string {
			synctest.Wait()
			l.writing.Lock()
			defer l.writing.Unlock()
			return out.String()
		}
		for _, before := range []string{"", "12"} { // the second time it has waited for nothing
			time.Sleep(time.Hour)
			write(t, l.Calls(), "1")
			time.Sleep(maxDelay - 1)
			write(t, l.Calls(), "2")
			if got := written(); got != before {
				t.Errorf("%q is written before its time", got)
			}
			time.Sleep(time.Nanosecond)
			if got := written(); got != before+"12" {
				t.Errorf("%q is written", got)
			}
		}
	})
}

func TestTheOrderOfTheLinesStays(t *testing.T) {
	var out bytes.Buffer
	l := New(&out)
	write(t, l.Calls(), "1")
	write(t, l, "2")
	if out.String() != "12" {
		t.Errorf("%q", out.String())
	}
	write(t, l.Calls(), "3")
	if out.String() != "12" {
		t.Error("a line of a call is written at once")
	}
	run(l)()
	if out.String() != "123" {
		t.Errorf("at the end %q is written", out.String())
	}
}

func TestManyLinesDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := New(&out)
		defer run(l)()
		write(t, l.Calls(), strings.Repeat("x", flushBytes-1))
		synctest.Wait()
		if out.Len() > 0 {
			t.Errorf("%d bytes are written at once", out.Len())
		}
		write(t, l.Calls(), "y")
		synctest.Wait()
		if out.Len() != flushBytes {
			t.Errorf("%d bytes are written", out.Len())
		}
	})
}

// Where writing is slow, or nobody does it, who has one line too much writes them all.
func TestLinesThatWaitHaveABound(t *testing.T) {
	var out bytes.Buffer
	l := New(&out)
	half := strings.Repeat("x", maxPending/2)
	write(t, l.Calls(), half)
	write(t, l.Calls(), half)
	if out.Len() != 0 {
		t.Errorf("%d bytes are written at once", out.Len())
	}
	write(t, l.Calls(), "y")
	if out.Len() != maxPending+1 {
		t.Errorf("%d bytes are written", out.Len())
	}
}

// broken is a file that can hold no more.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestALogThatCannotBeWrittenKeepsNothing(t *testing.T) {
	l := New(broken{})
	for range 10 {
		if _, err := l.Calls().Write(make([]byte, maxPending+1)); err == nil {
			t.Error("who writes is not told")
		}
	}
	if len(l.waiting) > 0 {
		t.Errorf("%d bytes wait", len(l.waiting))
	}
	if _, err := l.Write([]byte("1")); err == nil {
		t.Error("nobody is told")
	}
}
