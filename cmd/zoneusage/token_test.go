package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A token in a file may be renewed during a long list. The last one is sent while the file has none.
func TestATokenIsRenewed(t *testing.T) {
	file := writeFile(t, "first\n")
	bearer, err := callerFlags{Addr: "127.0.0.1:9090", TokenFile: file}.bearer()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ content, want string }{
		{"first\n", "first"}, {"", "first"}, {" second ", "second"}, {"two\nlines", "second"}, {"third", "third"},
	} {
		if err := os.WriteFile(file, []byte(step.content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := bearer.GetRequestMetadata(t.Context())
		if err != nil || got["authorization"] != "Bearer "+step.want {
			t.Errorf("%q: %v, %v", step.content, got, err)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if got, err := bearer.GetRequestMetadata(t.Context()); err != nil || got["authorization"] != "Bearer third" {
		t.Errorf("%v, %v", got, err)
	}
}

// A token may come from a pipe, as that of <(…), or from a named one. Each has it once.
func TestATokenFromAPipe(t *testing.T) {
	f := newSecurityFiles(t)
	addr := serveAt(t, "--tls-cert", f.cert, "--tls-key", f.key, "--callers", f.callers)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	named := filepath.Join(t.TempDir(), "token")
	if output, err := exec.CommandContext(t.Context(), "mkfifo", named).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	var writing sync.WaitGroup
	defer writing.Wait()
	writing.Go(func() { // it waits for the reader
		if err := os.WriteFile(named, []byte("token-of-the-test\n"), 0); err != nil {
			t.Error(err)
		}
	})
	if _, err := write.WriteString("token-of-the-test\n"); err != nil {
		t.Fatal(err)
	}
	write.Close()
	for _, file := range []string{"/dev/fd/3", named} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		cmd := command(ctx, "get", "--addr", addr, "--ca-cert", f.ca.File, "--token-file", file, "--output=json", vendorDevice, zerosDevice)
		cmd.ExtraFiles = []*os.File{read}
		if output, err := cmd.CombinedOutput(); err != nil || strings.Count(string(output), "\n") != 2 {
			t.Errorf("%s: %v, said\n%s", file, err, output)
		}
		cancel()
	}
}

// What no header can carry is told at the beginning, and not with each device.
func TestATokenThatCannotBeSent(t *testing.T) {
	for _, token := range []string{"to\x01ken", "to\nken", "tökén", "\ufefftoken", "tok\xffen"} {
		file := writeFile(t, token)
		const want = "the token has a character that no header can carry; give the token alone, on one line of ASCII"
		for place, run := range map[string]struct{ env, args []string }{
			"ZONEUSAGE_TOKEN":       {env: []string{"ZONEUSAGE_TOKEN=" + token}},
			"--token-file: " + file: {args: []string{"--token-file", file}},
		} {
			code, _, stderr := ask(t, run.env, "", append(run.args, vendorDevice)...)
			if code == 0 || !strings.Contains(stderr, place+": "+want) || strings.Contains(stderr, token) {
				t.Errorf("exit status %d, said\n%s", code, stderr)
			}
		}
	}
}
