//go:build unix

package trials_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// soakVariable says how long a soak takes, such as 10m.
const soakVariable = "SOAK"

// What the last third of a soak may hold more than the middle one, in MiB and numbers: what is above is a leak.
const moreUsed, moreSoakedHeap, moreSoakedGoroutines, moreSoakedDescriptors = 8, 4, 30, 30

// standstill is how long the server stands still at first, so that what grows with the calls under way has grown.
const standstill = 5 * time.Second

// TestSoak asks on and on, for what is kept and what is not, while Control Center fails in all the ways it can, and looks whether
// anything grows.
func TestSoak(t *testing.T) {
	if os.Getenv(soakVariable) == "" {
		t.Skipf("`make soak` runs it, with %s=10m", soakVariable)
	}
	total, err := time.ParseDuration(os.Getenv(soakVariable))
	if err != nil || total <= 0 {
		t.Fatalf("%s: %q is not a valid duration such as 10m", soakVariable, os.Getenv(soakVariable))
	}
	const perSecond, devices, samples, rows = 500, 5000, 120, 12
	r := newRig(t, faults()...)
	s := r.serve(t, "--call-timeout=2s", "--cache-mib=2", "--max-connection-age=1m", "--log-successes=0")
	l := startLoad(t, perSecond, devices, r.soakers(t, s)...)

	l.goesOn(t, perSecond)
	s.standStill(t)
	ticker := time.NewTicker(total / samples)
	defer ticker.Stop()
	var seen []vitals
	begin := time.Now()
	for time.Since(begin) < total {
		<-ticker.C
		v := s.liveVitals(t)
		if len(seen)%(samples/rows) == 0 {
			t.Logf("%8s  %s; %d answers", time.Since(begin).Round(time.Second), v, l.calls())
		}
		seen = append(seen, v)
	}
	t.Log(l.stop())
	for _, text := range slices.Sorted(maps.Keys(l.failures)) {
		t.Logf("%6d × %.160s", l.failures[text], strings.ReplaceAll(text, "\n", " "))
	}
	t.Logf("%d MiB resident at most; %d MiB logged", s.mostResident(t), s.logSize(t))
	expectFlat(t, seen[len(seen)/4:])
	if len(l.took) == 0 {
		t.Error("no call was answered")
	}
}

// faults are flags for a sandbox that fails in every way.
func faults() []string {
	var flags []string
	for _, kind := range sandbox.FaultKinds() {
		switch kind {
		case sandbox.FaultNone:
		case sandbox.FaultSlowBody:
			flags = append(flags, fmt.Sprintf("--fault=%s=0.005,over=500ms", kind))
		case sandbox.FaultHang:
			flags = append(flags, fmt.Sprintf("--fault=%s=0.001", kind))
		default:
			flags = append(flags, fmt.Sprintf("--fault=%s=0.005,delay=10ms,jitter=50ms", kind))
		}
	}
	return flags
}

// soakers are all kinds of callers: a tenth of the questions take no kept answer, and a twentieth come over a new connection.
func (r *rig) soakers(t *testing.T, s *server) []ask {
	t.Helper()
	billing, reports, dashboard := r.caller(t, s.addresses, billingToken), r.caller(t, s.addresses, r.jwt), r.dashboard(t, s.addresses)
	fresh := func(ctx context.Context, iccid string) error {
		_, err := usagev1.NewUsageServiceClient(billing.conn).GetDeviceUsageInZone(ctx,
			&usagev1.GetDeviceUsageInZoneRequest{Iccid: iccid, MaxAge: durationpb.New(0)})
		return err
	}
	var ways []ask
	for range 3 {
		ways = append(ways, billing.overGRPC, reports.overGRPC, dashboard.overGRPC, billing.overREST, reports.overREST, dashboard.overREST)
	}
	return append(ways, fresh, fresh, billing.overNewGRPC, reports.overNewREST)
}

// standStill stops the process, and lets it go on with all that has come meanwhile.
func (p *process) standStill(t *testing.T) {
	t.Helper()
	for _, signal := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := p.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if signal == syscall.SIGSTOP {
			<-time.After(standstill)
		}
	}
}

// expectFlat compares the least of the last third with the least of the middle one: what a busy moment of the machine takes it
// gives back, and a leak it does not.
func expectFlat(t *testing.T, seen []vitals) {
	t.Helper()
	if len(seen) < 9 {
		t.Fatalf("%d samples tell nothing", len(seen))
	}
	third := len(seen) / 3
	middle, last := seen[third:2*third], seen[2*third:]
	for _, of := range []struct {
		name string
		more int
		get  func(vitals) int
	}{
		{"MiB used", moreUsed, func(v vitals) int { return v.used }},
		{"MiB heap", moreSoakedHeap, func(v vitals) int { return v.heap }},
		{"goroutines", moreSoakedGoroutines, func(v vitals) int { return v.goroutines }},
		{"descriptors", moreSoakedDescriptors, func(v vitals) int { return v.descriptors }},
	} {
		before, after := least(middle, of.get), least(last, of.get)
		t.Logf("%-11s %4d at least in the middle third, %4d in the last, which may have %d more", of.name, before, after, of.more)
		if after > before+of.more {
			t.Errorf("%s: it grows", of.name)
		}
	}
}

func least(seen []vitals, get func(vitals) int) int {
	n := get(seen[0])
	for _, v := range seen {
		n = min(n, get(v))
	}
	return n
}
