package main

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCPUTime: the clock of a busy process says what the kernel says of it at its end.
func TestCPUTime(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := startRole(t.Context(), self, nil, spinRole)
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	const enough = 300 * time.Millisecond
	var used time.Duration
	for end := time.Now().Add(patience); used < enough; {
		if used, err = p.cpuTime(); err != nil || time.Now().After(end) {
			t.Fatalf("it has used %s: %v", used, err)
		}
	}
	if memory, err := p.peakMemory(); err != nil || memory < 1<<20 || memory > 1<<30 {
		t.Errorf("its memory is %d, %v", memory, err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for before := time.Duration(-1); before != used; { // until it has really stopped
		before = used
		if used, err = p.cpuTime(); err != nil {
			t.Fatal(err)
		}
	}
	p.stop()
	whole := p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
	const tick = 10 * time.Millisecond // in which some kernels count
	if (used - whole).Abs() > 2*tick {
		t.Errorf("its clock says %s, and the kernel %s", used, whole)
	}
	if used, err := p.cpuTime(); err == nil {
		t.Errorf("a process that has ended has used %s", used)
	}
}

// TestMeasure measures a row of each kind for a moment, with the real binary: both sides give the same answers, and every
// figure is there.
func TestMeasure(t *testing.T) {
	s, err := openStage(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	s.warmup = 20 * time.Millisecond
	rep := report{Rounds: 2}
	for _, name := range []string{"gRPC large, TLS", "gRPC small, chain alone", "REST large, TLS", "gRPC uncached", "REST uncached", "REST small, noise"} {
		rows := allRows()
		r := rows[slices.IndexFunc(rows, func(r row) bool { return r.name == name })]
		c, err := s.measure(t.Context(), r, 2, 2, 20*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(c)
		want := 4
		if r.direct() {
			want = 3 // no server's CPU to compare with
		}
		if len(c.Ratios) != want || c.Service.CPU <= 0 || c.Service.PeakBytes <= 0 || len(c.Met) != len(r.goals) {
			t.Errorf("%s: %+v", name, c)
		}
		rep.Cells = append(rep.Cells, c)
	}
	if rep.StartUp, err = s.measureStartUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Log(rep.StartUp)
	if rep.Machine, err = thisMachine(); err != nil || rep.Machine.MemoryMiB == 0 {
		t.Errorf("%+v, %v", rep.Machine, err)
	}
	for _, want := range []string{"| gRPC large, TLS | 2 | bare grpc-go | rps ≥ 2.00 | ", startUpName, rep.Machine.String()} {
		if page := rep.markdown(); !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}
