package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

// readme gives the README's blocks that begin so, in their order.
func readme(t *testing.T, opening string) []string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, block := range strings.Split(string(text), "\n```"+opening+"\n")[1:] {
		code, _, found := strings.Cut(block, "\n```\n")
		if !found {
			t.Fatalf("a block %s has no end", opening)
		}
		blocks = append(blocks, code+"\n")
	}
	return blocks
}

// The README's first screen shows what the two calls answer.
func TestTheREADMEShowsTheVendorsExample(t *testing.T) {
	blocks := readme(t, "console")
	if len(blocks) != 2 {
		t.Fatalf("the README has %d console blocks, want one of grpcurl and one of curl", len(blocks))
	}
	for _, block := range blocks {
		call, output, _ := strings.Cut(block, "\n")
		got := parse(t, []byte(output))
		ignoreTimes := protocmp.IgnoreFields(&usagev1.GetDeviceUsageInZoneResponse{}, "timestamp", "billing_cycle")
		if diff := cmp.Diff(vendorExample(), got, protocmp.Transform(), ignoreTimes); diff != "" {
			t.Errorf("%s (-want +got)\n%s", call, diff)
		}
	}
}

// The README's program compiles and prints what the README says.
func TestTheREADMEsProgram(t *testing.T) {
	program, want := readme(t, "go")[0], readme(t, "text")[0]
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
