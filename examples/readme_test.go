package examples_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// readme gives the README's blocks that begin so, in their order.
func readme(t *testing.T, opening string) []string {
	t.Helper()
	text, err := os.ReadFile("README.md")
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

// The README's output is what the client prints.
func TestTheREADMEsOutput(t *testing.T) {
	call, output, _ := strings.Cut(readme(t, "console")[0], "\n")
	iccids, found := strings.CutPrefix(call, "$ go run ./examples/go ")
	if !found {
		t.Fatalf("the README shows %q, want a call of the client in Go", call)
	}
	addr, _ := serve(t)
	got, _ := clients(t)["Go"].run(t, []string{"USAGE_ADDR=" + addr}, strings.Fields(iccids)...)
	if withoutTimes(got) != withoutTimes(output) {
		t.Errorf("the client prints\n%s\nthe README shows\n%s", got, output)
	}
}

// The README's commands work, in its order. What they install with apt-get is there.
func TestTheREADMEsCommands(t *testing.T) {
	addr, _ := serve(t)
	sandbox := start(t, listening, "sandbox", "--addr=127.0.0.1:0")[0]
	here := strings.NewReplacer("127.0.0.1:9090", addr, "http://127.0.0.1:8181", sandbox,
		"usage.protoset", prepared(t, "usage.protoset"), "grpcurl ", prepared(t, "grpcurl")+" ", "apt-get install ", ": ")
	for _, block := range readme(t, "sh") {
		shell := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", here.Replace(block))
		shell.Dir = ".."
		shell.Env = append(os.Environ(), "USAGE_ADDR="+addr)
		output, err := shell.CombinedOutput()
		t.Logf("%s\n%s", block, output)
		if err != nil || !strings.Contains(string(output), "8988217755520000031") {
			t.Errorf("%v after\n%s", err, block)
		}
	}
}
