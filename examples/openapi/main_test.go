// Package openapi has no code but tests: they check the answers of a running server against the OpenAPI document that it
// serves, and the clients beside this directory that are generated of it. It is a module of its own for what that needs.
package openapi

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// binary is the zoneusage that TestMain builds.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "zoneusage")
	if err == nil {
		binary = filepath.Join(dir, "zoneusage")
		err = build()
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
func build() error {
	cmd := exec.Command("go", "build", "-o", binary, "./cmd/zoneusage")
	cmd.Dir = "../.."
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd.Args, err, output)
	}
	return nil
}
