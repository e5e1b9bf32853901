package examples_test

import (
	"os/exec"
	"strings"
	"testing"
)

const method = "jasper.usage.v1.UsageService/GetDeviceUsageInZone"

// With a release's descriptor set the real grpcurl asks a service that has no reflection.
func TestDescriptorSet(t *testing.T) {
	program, set := prepared(t, "grpcurl"), []string{"-protoset", prepared(t, "usage.protoset")}
	addr := new(stage).listen(t)
	grpcurl := func(args ...string) (string, error) {
		output, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
		t.Logf("grpcurl %q\n%s", args, output)
		return string(output), err
	}
	ask := []string{"-plaintext", "-d", `{"iccid":"8988217755520000031"}`, addr, method}
	if output, err := grpcurl(ask...); err == nil || !strings.Contains(output, "does not support the reflection API") {
		t.Errorf("without the set: %v\n%s", err, output)
	}
	const want = `{
  "iccid": "8988217755520000031",
  "timestamp": "TIME",
  "billingCycle": {
    "startTime": "TIME",
    "endTime": "TIME"
  },
  "total": {}
}
`
	if output, err := grpcurl(append(set, ask...)...); err != nil || withoutTimes(output) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, output, want)
	}
	if output, err := grpcurl(append(set, "list")...); err != nil || output != "jasper.usage.v1.UsageService\n" {
		t.Errorf("%v, it lists %q", err, output)
	}
}
