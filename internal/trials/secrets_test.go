package trials_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

func TestNothingTellsASecret(t *testing.T) {
	for name, configure := range map[string]func(t *testing.T, s *stage) []string{
		"the key in a file": func(t *testing.T, s *stage) []string {
			t.Helper()
			file := filepath.Join(s.dir, "api-key")
			writeFile(t, file, s.key+"\n")
			return []string{"ZONEUSAGE_CONTROL_CENTER_URL=" + s.upURL, "ZONEUSAGE_USERNAME=" + username, "ZONEUSAGE_API_KEY_FILE=" + file}
		},
		"the key in a variable": func(_ *testing.T, s *stage) []string {
			return []string{"ZONEUSAGE_CONTROL_CENTER_URL=" + s.upURL, "ZONEUSAGE_USERNAME=" + username, "ZONEUSAGE_API_KEY=" + s.key}
		},
		"a file of accounts": func(t *testing.T, s *stage) []string {
			t.Helper()
			writeFile(t, filepath.Join(s.dir, "good"), s.key)
			writeFile(t, filepath.Join(s.dir, "refused"), s.another("the key that is refused"))
			file := filepath.Join(s.dir, "accounts.yaml")
			writeFile(t, file, fmt.Sprintf("accounts:\n- {name: one, url: %[1]s, username: %[2]s, apiKeyFile: good}\n"+
				"- {name: two, url: %[1]s/rws, username: %[2]s, apiKeyFile: refused}\n", s.upURL, username))
			return []string{"ZONEUSAGE_ACCOUNTS=" + file}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.env = append(s.env, configure(t, s)...)
			s.play(t)
		})
	}
}

// play does all that can make the server speak, and looks through what it said.
func (s *stage) play(t *testing.T) {
	t.Helper()
	server := s.serve(t, "--call-timeout=1s")
	iccids := s.askAll(t, server)
	s.breakFiles(t, server)
	s.askREST(t, s.caller(t, server.addresses, billingToken), usagePath(sandbox.TroublePrefix+"10000001"), nil) // the credentials are refused
	s.inspect(t, server)
	until(t, patience, "spans", func() error {
		if !strings.Contains(s.of(toCollector), "GET usageInZone") {
			return fmt.Errorf("none in %d bytes", len(s.of(toCollector)))
		}
		return nil
	})
	// As a panic of the whole process would.
	if err := server.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	<-server.exited
	output := readFile(t, server.output)
	if !strings.Contains(output, "SIGQUIT: quit") || !strings.Contains(output, "goroutine 1 ") {
		t.Error("there are no stacks in the output")
	}
	s.add(toOperators, output)

	for _, whom := range []string{toCallers, toOperators, toCollector} {
		if found := s.find(whom, s.needles); found != nil {
			t.Errorf("%s were told %q", whom, found)
		}
	}
	for _, whom := range []string{toOperators, toCollector} {
		if found := s.find(whom, iccids); found != nil {
			t.Errorf("%s were told of %q", whom, found)
		}
	}
	s.control(t, iccids)
	t.Logf("looked for %d secrets and %d ICCIDs: callers were told %d KiB, operators %d KiB, the collector %d KiB", len(s.needles), len(iccids),
		len(s.of(toCallers))/1024, len(s.of(toOperators))/1024, len(s.of(toCollector))/1024)
}

// control makes sure that what was looked for would have been found.
func (s *stage) control(t *testing.T, iccids map[string]string) {
	t.Helper()
	if found := s.find(toUpstream, s.needles); !slices.Contains(found, "user and key in base64") {
		t.Errorf("what Control Center was sent has its credentials in it, but %q were found there", found)
	}
	if found := s.find(toUpstream, iccids); len(found) == 0 {
		t.Error("what Control Center was asked has ICCIDs in it, but none were found there")
	}
	if found := s.find(toCollector+"'s door", s.needles); !slices.Contains(found, "the collector's token") {
		t.Errorf("the collector was sent its token, but %q were found there", found)
	}
	whole := &evidence{}
	for _, needle := range s.needles {
		whole.add(toOperators, `{"time":"`+time.Now().String()+`","cause":"`+needle+`"}`)
	}
	if found := whole.find(toOperators, s.needles); len(found) != len(s.needles) {
		t.Errorf("only %q were found in a log with all of them", found)
	}
	for _, text := range []string{"goroutine profile", "zoneusage_requests_total", `"code":"Unauthenticated"`, "serve\x00"} {
		if !strings.Contains(s.of(toOperators), text) {
			t.Errorf("%q is missing in what operators were told: it is not all", text)
		}
	}
	for _, text := range []string{"CREDENTIALS_MISSING", "CREDENTIALS_INVALID", "UPSTREAM_CREDENTIALS_REJECTED", "UPSTREAM_INVALID_RESPONSE", "ratePlanUsages"} {
		if !strings.Contains(s.of(toCallers), text) {
			t.Errorf("%q is missing in what callers were told: it is not all", text)
		}
	}
}
