package main

import (
	"os"
	"strings"
	"testing"
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

// A token may come from a pipe, as that of <(…), which has it once.
func TestATokenFromAPipe(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	if _, err := write.WriteString("token-of-the-test\n"); err != nil {
		t.Fatal(err)
	}
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	f := newSecurityFiles(t)
	addr := serveAt(t, "--tls-cert", f.cert, "--tls-key", f.key, "--callers", f.callers)
	cmd := command(t.Context(), "get", "--addr", addr, "--ca-cert", f.ca.File, "--token-file=/dev/fd/3", "--output=json", vendorDevice, zerosDevice)
	cmd.ExtraFiles = []*os.File{read}
	if output, err := cmd.CombinedOutput(); err != nil || strings.Count(string(output), "\n") != 2 {
		t.Errorf("%v, said\n%s", err, output)
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
