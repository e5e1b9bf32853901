package main

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/zoneusage/zoneusage/internal/inquiry"
	"github.com/zoneusage/zoneusage/internal/usageform"
)

// A mistyped name costs the calls of some devices and not of the fleet.
func TestGetEndsForAMistypedName(t *testing.T) {
	addr := serveAt(t)
	fleet := "@" + fleetFile(t, 100)
	for _, args := range [][]string{{"--rate-plan=Nothing"}, {"--zone=Nowhere"}} {
		code, _, stderr := ask(t, nil, "", append(args, "--addr", addr, "--output=json", fleet)...)
		const end = "0 answered, 20 failed: --rate-plan or --zone is unknown for each of 20 devices, so the others are not asked about"
		if code != 1 || !strings.Contains(stderr, end) {
			t.Errorf("%v: exit status %d, said\n%s", args, code, stderr)
		}
	}
	out := []string{"--addr", addr, "--output=json", "--out", filepath.Join(t.TempDir(), "usage")}
	if code, _, stderr := ask(t, nil, "", append(out, vendorDevice)...); code != 0 {
		t.Fatal(stderr)
	}
	if _, _, stderr := ask(t, nil, "", append(out, "--resume", "--zone=Nowhere", fleet)...); !strings.Contains(stderr, "0 answered, 100 failed\n") {
		t.Errorf("going on with a file that has an answer, it said\n%s", stderr)
	}
}

// Control Center may know a name for one device and not for another: who has had an answer goes on. What fails for another
// reason says nothing of the name.
func TestANameThatSomeDevicesHave(t *testing.T) {
	failed := func(reason string) inquiry.Answer {
		st, err := status.New(codes.NotFound, "no").WithDetails(&errdetails.ErrorInfo{Reason: reason})
		if err != nil {
			t.Fatal(err)
		}
		return inquiry.Answer{ICCID: vendorDevice, Err: st.Err()}
	}
	misnamed, unknown, answered := failed("RATE_PLAN_NOT_FOUND"), failed("DEVICE_NOT_FOUND"), inquiry.Answer{ICCID: vendorDevice, Response: vendorExample()}
	for name, test := range map[string]struct {
		held  bool
		first inquiry.Answer
		want  int // how many more are taken
	}{
		"none":                 {first: misnamed, want: 19},
		"unknown devices":      {first: unknown, want: 20},
		"one of them":          {first: answered, want: 100},
		"one of an older call": {held: true, first: misnamed, want: 100},
	} {
		t.Run(name, func(t *testing.T) {
			r := &report{form: usageform.JSON, answers: io.Discard, errors: io.Discard, held: test.held}
			more, taken := r.add(test.first), 0
			for more && taken < 100 {
				more = r.add(misnamed)
				taken++
			}
			if taken != test.want || more != (test.want == 100) {
				t.Errorf("%d were taken, want %d", taken, test.want)
			}
		})
	}
}
