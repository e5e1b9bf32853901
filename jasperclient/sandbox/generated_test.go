package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

func TestGeneratedICCID(t *testing.T) {
	for i, want := range map[int]string{
		0:         "8999900000000000000",
		7:         "8999900000000000007",
		1_000_000: "8999900000001000000",
	} {
		if got := sandbox.GeneratedICCID(i); got != want {
			t.Errorf("device %d: %s, want %s", i, got, want)
		}
	}
	for _, device := range sandbox.Fleet() {
		if strings.HasPrefix(device.ICCID, sandbox.GeneratedICCID(0)[:7]) {
			t.Errorf("%s of the built-in fleet could be generated", device.ICCID)
		}
	}
}

func TestGeneratedDevicesEnd(t *testing.T) {
	s := newSandbox(t, sandbox.WithDevices(3))
	for iccid, code := range map[string]string{
		sandbox.GeneratedICCID(0):       "",
		sandbox.GeneratedICCID(2):       "",
		sandbox.GeneratedICCID(3):       "20000001",
		sandbox.GeneratedICCID(2) + "0": "20000001",
		"8999900+00000000002":           "20000001",
		"89999002":                      "20000001",
	} {
		if got := ask(s, usage(iccid)).code(t); got != code {
			t.Errorf("%s: code %q, want %q", iccid, got, code)
		}
	}
	if got := ask(newSandbox(t), usage(sandbox.GeneratedICCID(0))).code(t); got != "20000001" {
		t.Errorf("no devices asked for: code %q", got)
	}
}

func TestGeneratedUsageRepeats(t *testing.T) {
	first := newSandbox(t, sandbox.WithDevices(1_000_000), sandbox.WithSeed(7))
	again := newSandbox(t, sandbox.WithDevices(2_000_000), sandbox.WithSeed(7))
	other := newSandbox(t, sandbox.WithDevices(1_000_000), sandbox.WithSeed(8))
	target := usage(sandbox.GeneratedICCID(999_998))
	if diff := cmp.Diff(ask(first, target), ask(again, target), cmp.AllowUnexported(reply{})); diff != "" {
		t.Errorf("the same seed: (-first +again)\n%s", diff)
	}
	if ask(first, target).body == ask(other, target).body {
		t.Error("another seed has the same usage")
	}
}

// What was used in a cycle stays when the cycle becomes the one before.
func TestGeneratedUsageStaysWithItsCycle(t *testing.T) {
	now := newSandbox(t, sandbox.WithDevices(20))
	later := newSandbox(t, sandbox.WithDevices(20), at(exampleTime.AddDate(0, 1, 0)))
	for i := range 20 {
		iccid := sandbox.GeneratedICCID(i)
		current := ask(now, usage(iccid)).answer(t)
		before := ask(later, usage(iccid, "cycleStartDate", "2016-11-01Z")).answer(t)
		if diff := cmp.Diff(current.Usage, before.Usage); diff != "" {
			t.Errorf("%s: (-current +a month later)\n%s", iccid, diff)
		}
	}
}

func TestGeneratedUsageDiffersByCycle(t *testing.T) {
	s := newSandbox(t, sandbox.WithDevices(20))
	alike := 0
	for i := range 20 {
		iccid := sandbox.GeneratedICCID(i)
		current := ask(s, usage(iccid)).answer(t)
		before := ask(s, usage(iccid, "cycleStartDate", "2016-10-01Z")).answer(t)
		if cmp.Equal(current.Usage, before.Usage) {
			alike++
		}
	}
	if alike > 2 { // a device may use nothing in both
		t.Errorf("%d of 20 devices have the same usage in two cycles", alike)
	}
}

// A fleet looks like one: few devices without usage, few answers alike.
func TestGeneratedUsageVaries(t *testing.T) {
	const devices = 3200
	s := newSandbox(t, sandbox.WithDevices(devices))
	unused, plans, amounts := 0, make(map[string]bool), make(map[int64]bool)
	for i := range devices {
		got := ask(s, usage(sandbox.GeneratedICCID(i))).answer(t)
		if len(got.Usage) == 0 {
			unused++
		}
		for key, records := range got.Usage {
			plans[key] = true
			for _, r := range records {
				amounts[*r.DataUsage] = true
			}
		}
	}
	if unused < devices/32 || unused > devices/8 {
		t.Errorf("%d of %d devices used nothing, want about one in sixteen", unused, devices)
	}
	if len(plans) != 3 || len(amounts) < devices*9/10 {
		t.Errorf("%d rate plans, %d different amounts", len(plans), len(amounts))
	}
}

func TestGeneratedNamesAreKnownWithDevices(t *testing.T) {
	for devices, code := range map[int]string{0: "10000013", 1: ""} {
		s := newSandbox(t, sandbox.WithDevices(devices))
		if got := ask(s, usage(exampleICCID, "ratePlan", "Vehicle", "zone", "Rest of World")).code(t); got != code {
			t.Errorf("with %d devices: code %q, want %q", devices, got, code)
		}
	}
}

func TestGeneratedDevicesCostNothing(t *testing.T) {
	allocations := func(devices int) float64 {
		return testing.AllocsPerRun(10, func() {
			if _, err := sandbox.New(sandbox.WithDevices(devices), at(time.Time{})); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := allocations(1), allocations(1_000_000); many > few+10 {
		t.Errorf("%v allocations for a million devices, %v for one", many, few)
	}
}
