package trials_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// binaryVariable names the zoneusage that is tried, which TestMain builds without the race detector: its figures are those of
// what people run.
const binaryVariable = "TRIALS_ZONEUSAGE"

// longVariable is set by `make trials`, for the trials that take long or all of the machine.
const longVariable = "TRIALS"

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "trials")
	if err == nil {
		err = build(filepath.Join(dir, "zoneusage"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir) // what is left is temporary
		os.Exit(code)
	}))
}

func build(binary string) error {
	command := exec.Command("go", "build", "-o", binary, "../../cmd/zoneusage")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, output)
	}
	return os.Setenv(binaryVariable, binary)
}

// long skips the test unless the longer trials are wanted.
func long(t *testing.T) {
	t.Helper()
	if os.Getenv(longVariable) == "" {
		t.Skipf("it takes long; `make trials` runs it, with %s=1", longVariable)
	}
}
