package main

import (
	"os"
	"path/filepath"
	"strings"
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

// A list of devices is not written to, by whatever name it is given, and whether it is a file that could be gone on with or not.
func TestGetDoesNotWriteToItsList(t *testing.T) {
	addr := serveAt(t)
	_, usage, _ := ask(t, nil, "", "--addr", addr, "--output=csv", vendorDevice)
	for _, content := range []string{"", vendorDevice, usage + zerosDevice} {
		file := writeFile(t, content)
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(file, link); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"@" + file, "--resume"}, {"--file", link, "--resume"}, {zerosDevice, "@" + file}} {
			code, stdout, stderr := ask(t, nil, "", append(args, "--addr", addr, "--output=csv", "--column=iccid", "--out", file)...)
			if want := "--out: the devices are read from " + file; code == 0 || stdout != "" || !strings.Contains(stderr, want) {
				t.Errorf("%v: exit status %d, printed\n%s\nand said\n%s", args, code, stdout, stderr)
			}
			if got := readFile(t, file); got != content {
				t.Errorf("%v: the file is\n%s\nwant\n%s", args, got, content)
			}
		}
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
