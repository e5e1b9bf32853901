package openapi

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// printed is what each client prints of the vendor's example, and of a device that there is not.
const printed = `Rate Plan A, version 1, default zone: no data reported
Rate Plan B, version 2, default zone: 943718 bytes
DEVICE_NOT_FOUND
`

// A client that oapi-codegen makes of the document compiles, and asks the server.
func TestClientInGo(t *testing.T) {
	url := serve(t)
	dir := copyClient(t, url, "../openapi-go")
	run(t, dir, "go", "generate")
	expect(t, run(t, dir, "go", "run", ".", url))
}

// A client with the types that openapi-typescript makes of the document passes TypeScript's check, and asks the server.
func TestClientInTypeScript(t *testing.T) {
	if _, err := exec.LookPath("npm"); err != nil {
		t.Fatal("there is no npm: install Node.js 20 or later, or run the other tests alone with -skip TypeScript")
	}
	url := serve(t)
	dir := copyClient(t, url, "../openapi-typescript")
	run(t, dir, "npm", "ci", "--no-audit", "--no-fund")
	run(t, dir, "npm", "run", "generate")
	run(t, dir, "npm", "run", "build")
	expect(t, run(t, dir, "npm", "start", "--silent", url))
}

// generated are the files that may stand in a client's directory and are not its own.
var generated = []string{"openapi.d.ts", "usage.gen.go", "usage.js"}

// copyClient copies a client's own files, and not what was generated beside them, to another directory, and puts there the
// document that the server serves.
func copyClient(t *testing.T, url, from string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() || slices.Contains(generated, entry.Name()) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(from, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, entry.Name()), content)
	}
	write(t, filepath.Join(dir, "openapi.yaml"), ask(t, url, "GET /openapi.yaml").body)
	return dir
}

func write(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs a program to its end, and gives what it prints.
func run(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	cmd.Stderr = t.Output()
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, output)
	}
	return string(output)
}

func expect(t *testing.T, output string) {
	t.Helper()
	if output != printed {
		t.Errorf("it printed\n%s\nwant\n%s", output, printed)
	}
}
