package main

import (
	"os"
	"path/filepath"
	"testing"
)

// The file of --out is changed once there is an answer. A device that it has in part is asked about, whatever the list is, so that
// no row is lost.
func TestGetGoesOnWithATornFile(t *testing.T) {
	addr := serveAt(t)
	for _, output := range []string{"json", "csv", "yaml"} {
		_, whole, _ := ask(t, nil, "", "--addr", addr, "--output", output, vendorDevice, zerosDevice)
		torn := whole[:len(whole)-10]
		file := writeFile(t, torn)
		goOn := func(wantCode int, want string, args ...string) {
			t.Helper()
			code, _, stderr := ask(t, nil, "", append(args, "--output", output, "--out", file, "--resume")...)
			if got := readFile(t, file); code != wantCode || got != want {
				t.Errorf("%s: exit status %d, said\n%s\nand the file is\n%s\nwant\n%s", output, code, stderr, got, want)
			}
		}
		goOn(1, torn, "--addr=127.0.0.1:1", "--retries=0", vendorDevice, zerosDevice)
		goOn(0, whole, "--addr", addr, vendorDevice)
		goOn(0, whole, "--addr", addr, vendorDevice, zerosDevice)
	}
}

func TestGetWritesATableToAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "usage.txt")
	code, _, stderr := ask(t, nil, "", "--addr", serveAt(t), "--out", file, vendorDevice)
	if code != 0 || stderr != "" {
		t.Fatalf("exit status %d, said\n%s", code, stderr)
	}
	if got := readFile(t, file); got != exampleTable {
		t.Errorf("got\n%s\nwant\n%s", got, exampleTable)
	}
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
