package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func writeFile(t *testing.T, content string) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestSandboxAccounts(t *testing.T) {
	file := writeFile(t, "first:key-of-first\r\n\n second:key:of:second")
	for name, test := range map[string]struct{ env, args []string }{
		"the flag":     {nil, []string{"--accounts-file", file}},
		"the variable": {[]string{"ZONEUSAGE_SANDBOX_ACCOUNTS_FILE=" + file}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			url := startSandbox(t, test.env, append(test.args, "--calls-per-second=0.001")...)
			for _, asked := range []struct {
				username, apiKey string
				status           int
			}{
				{"first", "key-of-first", http.StatusOK},
				{"first", "key-of-first", http.StatusTooManyRequests},
				{"second", "key:of:second", http.StatusOK},
				{"sandbox", "sandbox", http.StatusOK},
				{"second", "key-of-first", http.StatusUnauthorized},
			} {
				if status, body := call(t, url, asked.username, asked.apiKey); status != asked.status {
					t.Errorf("%s: HTTP status %d, want %d\n%s", asked.username, status, asked.status, body)
				}
			}
			const want = `{"calls":4,"overruns":1,"mostInFlight":1,"byAccount":{` +
				`"first":{"calls":2,"overruns":1,"mostInFlight":1},` +
				`"sandbox":{"calls":1,"overruns":0,"mostInFlight":1},` +
				`"second":{"calls":1,"overruns":0,"mostInFlight":1}}}`
			if _, body := get(t, request(t, url+"/ledger")); strings.TrimSpace(body) != want {
				t.Errorf("%s\nwant\n%s", body, want)
			}
		})
	}
}

func TestSandboxAccountsThatAreNone(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"an empty file":      {"\n", "has no account; write one NAME:KEY a line"},
		"no key":             {"first:key\n\nsecret\n", "--accounts-file: line 3 of "},
		"an empty key":       {"secret:\n", "--accounts-file: line 1 of "},
		"an empty name":      {":secret\n", "--accounts-file: line 1 of "},
		"a name given twice": {"first:secret\nfirst:another secret\n", `two accounts have the user name "first"`},
		"the first's name":   {"sandbox:secret\n", `two accounts have the user name "sandbox"`},
	} {
		t.Run(name, func(t *testing.T) {
			code, output := run(t, nil, "sandbox", "--addr=127.0.0.1:0", "--accounts-file", writeFile(t, test.content))
			if code == 0 || !strings.Contains(output, test.want) || strings.Contains(output, "secret") {
				t.Errorf("exit status %d, want another than 0 and %q in\n%s", code, test.want, output)
			}
		})
	}
	if code, output := run(t, nil, "sandbox", "--accounts-file=nowhere"); code == 0 || !strings.Contains(output, "--accounts-file: open nowhere") {
		t.Errorf("no file: exit status %d\n%s", code, output)
	}
}
