package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// complete lets a shell complete the line, and returns what it offers.
func complete(t *testing.T, shell, script, line string) string {
	t.Helper()
	program := `source "$1"; read -ra COMP_WORDS <<<"${2//=/ = }"; [[ $2 == *" " || $2 == *= ]] && COMP_WORDS+=(""); ` +
		`COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _zoneusage; echo "${COMPREPLY[*]}"`
	args := []string{"--norc", "-c", program, "bash", script, line}
	if shell == "fish" {
		args = []string{"--no-config", "-c", `source $argv[1]; complete -C $argv[2] | string replace -r '\t.*' '' | string join ' '; true`, script, line}
	}
	output, err := exec.CommandContext(t.Context(), shell, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return strings.TrimSpace(string(output))
}

func TestShellsComplete(t *testing.T) {
	for _, shell := range []string{"bash", "fish"} {
		t.Run(shell, func(t *testing.T) {
			if _, err := exec.LookPath(shell); err != nil {
				t.Skipf("%s is not installed", shell)
			}
			code, output := run(t, nil, "completion", shell)
			if code != 0 {
				t.Fatalf("exit status %d\n%s", code, output)
			}
			script := filepath.Join(t.TempDir(), "script")
			if err := os.WriteFile(script, []byte(output), 0o600); err != nil {
				t.Fatal(err)
			}
			for line, want := range map[string]string{
				"zoneusage g":                "get",
				"zoneusage get --out":        "--output --out",
				"zoneusage get --output j":   "json",
				"zoneusage get --class=":     "auto interactive bulk",
				"zoneusage get --zone ":      "",
				"zoneusage completion z":     "zsh",
				"zoneusage sandbox --rate":   "--rate-limit-status",
				"zoneusage get --tls --reta": "",
			} {
				got := strings.ReplaceAll(complete(t, shell, script, line), "--class=", "")
				if !sameWords(got, want) {
					t.Errorf("%s: %q, want %q", line, got, want)
				}
			}
		})
	}
	code, output := run(t, nil, "completion", "zsh")
	_, bash := run(t, nil, "completion", "bash")
	if code != 0 || output != "autoload -U +X bashcompinit && bashcompinit\n"+bash {
		t.Errorf("exit status %d\n%s", code, output)
	}
	if code, output := run(t, nil, "completion", "tcsh"); code == 0 || !strings.Contains(output, "tcsh") {
		t.Errorf("exit status %d\n%s", code, output)
	}
}

// sameWords reports whether both have the same words: each shell has an order of its own.
func sameWords(a, b string) bool {
	words := map[string]int{}
	for _, word := range strings.Fields(a) {
		words[word]++
	}
	for _, word := range strings.Fields(b) {
		words[word]--
	}
	for _, n := range words {
		if n != 0 {
			return false
		}
	}
	return true
}
