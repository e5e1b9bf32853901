package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

// The documents that show calls and what they answer.
const (
	readmeFile   = "../../README.md"
	contractFile = "../../docs/contract.md"
)

// blocks gives a document's blocks that begin so, in their order.
func blocks(t *testing.T, file, opening string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, block := range strings.Split(string(text), "\n```"+opening+"\n")[1:] {
		code, _, ended := strings.Cut(block, "\n```\n")
		if !ended {
			t.Fatalf("a block %s has no end", opening)
		}
		found = append(found, code+"\n")
	}
	return found
}

// The documents show what the calls answer.
func TestTheDocumentsShowTheVendorsExample(t *testing.T) {
	for file, calls := range map[string][]string{readmeFile: {"curl"}, contractFile: {"grpcurl", "curl"}} {
		shown := slices.DeleteFunc(blocks(t, file, "console"), func(block string) bool { return strings.HasPrefix(block, "$ go run") })
		if len(shown) != len(calls) {
			t.Fatalf("%s has %d calls, want %v", file, len(shown), calls)
		}
		for i, block := range shown {
			call, output, _ := strings.Cut(block, "\n")
			if !strings.HasPrefix(call, "$ "+calls[i]+" ") {
				t.Errorf("%s: call %d is %s, want one of %s", file, i, call, calls[i])
			}
			got := parse(t, []byte(output))
			ignoreTimes := protocmp.IgnoreFields(&usagev1.GetDeviceUsageInZoneResponse{}, "timestamp", "billing_cycle")
			if diff := cmp.Diff(vendorExample(), got, protocmp.Transform(), ignoreTimes); diff != "" {
				t.Errorf("%s: %s (-want +got)\n%s", file, call, diff)
			}
		}
	}
}

// The README's table is the one that get prints.
func TestTheREADMEShowsWhatGetPrints(t *testing.T) {
	want, found := "", false
	for _, block := range blocks(t, readmeFile, "console") {
		if table, ok := strings.CutPrefix(block, "$ go run ./cmd/zoneusage get 8988217755520000031\n"); ok {
			want, found = table, true
		}
	}
	if !found {
		t.Fatal("the README does not show get")
	}
	_, grpcAddr, _ := serve(t, nil)
	got, err := command(t.Context(), "get", "--addr", grpcAddr, "8988217755520000031").Output()
	if err != nil {
		t.Fatal(err)
	}
	rows := func(text string) string { _, table, _ := strings.Cut(text, "\n\n"); return table } // times stand above
	if diff := cmp.Diff(rows(want), rows(string(got))); diff != "" {
		t.Errorf("(-README +got)\n%s", diff)
	}
}

// What docs/get.md has to paste works, on the lists that it names.
func TestTheDocumentsCommandsOfGet(t *testing.T) {
	_, grpcAddr, _ := serve(t, nil)
	out := filepath.Join(t.TempDir(), "usage.csv")
	lines := strings.Split(strings.TrimSpace(blocks(t, "../../docs/get.md", "sh")[0]), "\n")
	for _, line := range lines {
		line, _, _ = strings.Cut(line, " #")
		line, _, _ = strings.Cut(line, " | ") // jq is not everywhere
		args := strings.Fields(strings.ReplaceAll(strings.ReplaceAll(line, "@examples", "@../../examples"), "usage.csv", out))
		if len(args) < 3 || args[0] != "zoneusage" || args[1] != "get" {
			t.Fatalf("%q is no command of get", line)
		}
		cmd := command(t.Context(), append(args[1:], "--addr", grpcAddr)...)
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", line, err, said)
		}
	}
	if len(lines) != 4 {
		t.Errorf("%d commands were tried", len(lines))
	}
}

// The contract's program compiles and prints what is said there.
func TestTheContractsProgram(t *testing.T) {
	program, want := blocks(t, contractFile, "go")[0], blocks(t, contractFile, "text")[0]
	_, grpcAddr, _ := serve(t, nil)
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(program, "127.0.0.1:9090", grpcAddr)), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := exec.CommandContext(t.Context(), "go", "run", file).CombinedOutput()
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}
