// Package deploy has no code but tests: they check the alerts, the dashboard, the manifests and docs/operations.md against
// each other and against a running server. It is a module of its own for what that needs, Prometheus above all.
package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// binaryVariable tells the tests where the zoneusage is that TestMain builds.
const binaryVariable = "TEST_ZONEUSAGE"

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "zoneusage")
	if err == nil {
		err = build(filepath.Join(dir, "zoneusage"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// build builds the service, which is another module, from the tree around this one.
func build(binary string) error {
	cmd := exec.Command("go", "build", "-o", binary, "./cmd/zoneusage")
	cmd.Dir = ".."
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd.Args, err, output)
	}
	return os.Setenv(binaryVariable, binary)
}

// read reads a file of the repository; its name is relative to this directory.
func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.FromSlash(name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}
