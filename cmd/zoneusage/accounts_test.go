package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// accountsFile writes a file of accounts, and keys beside it, and returns its path.
func accountsFile(t *testing.T, dir, content string, keys ...string) string {
	t.Helper()
	for _, key := range keys {
		if err := os.WriteFile(filepath.Join(dir, key), []byte("key-of-"+key+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "accounts.yaml")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTheFileOfAccountsIsChecked(t *testing.T) {
	const good = "{name: a, url: https://restapi.example, username: u, apiKeyFile: key}"
	for name, test := range map[string]struct{ accounts, want string }{
		"no YAML":                  {"[", "accounts.yaml: "},
		"nothing":                  {"{}", "there is no account in it"},
		"a field that is misspelt": {"accounts: [{name: a, callPerSecond: 5}]", "callPerSecond"},
		"no name":                  {"accounts: [{url: https://restapi.example, username: u, apiKeyFile: key}]", "account 1: it has no name"},
		"no URL":                   {"accounts: [{name: a, username: u, apiKeyFile: key}]", "account 1: it has no url"},
		"no user name":             {"accounts: [{name: a, url: https://restapi.example, apiKeyFile: key}]", "it has no username"},
		"no key":                   {"accounts: [{name: a, url: https://restapi.example, username: u}]", "it has no apiKeyFile"},
		"a name for no header":     {"accounts: [{name: a b}]", `the name "a b" is not fit`},
		"one name twice":           {"accounts: [" + good + ", {name: a, url: https://restapi.example, username: v, apiKeyFile: key}]", `two accounts have the name "a"`},
		"one user twice":           {"accounts: [" + good + ", {name: b, url: https://RESTAPI.example/rws/api/v1/, username: u, apiKeyFile: key}]", `"a" and "b" are the same user`},
		"no file of a key":         {"accounts: [{name: a, url: https://restapi.example, username: u, apiKeyFile: nowhere}]", `account 1, "a": apiKeyFile: `},
		"plain http":               {"accounts: [{name: a, url: http://restapi.example, username: u, apiKeyFile: key}]", "use https"},
		"no calls":                 {"accounts: [{name: a, url: https://restapi.example, username: u, apiKeyFile: key, callsPerSecond: 0}]", "0 calls a second are not possible"},
		"part of a call at once":   {"accounts: [{name: a, url: https://restapi.example, username: u, apiKeyFile: key, callsInFlight: 1.5}]", "1.5 is not a whole number"},
		"two documents":            {"accounts: [" + good + "]\n---\naccounts: []", "more in it than one document"},
		"negative calls at once":   {"accounts: [{name: a, url: https://restapi.example, username: u, apiKeyFile: key, callsInFlight: -1}]", "must be 1 or more, but it is -1"},
	} {
		t.Run(name, func(t *testing.T) {
			file := accountsFile(t, t.TempDir(), test.accounts, "key")
			code, output := run(t, nil, "serve", "--grpc-addr=127.0.0.1:0", "--accounts", file)
			if code == 0 || !strings.Contains(output, test.want) || strings.Contains(output, "key-of-key") {
				t.Errorf("exit status %d, want another than 0 and %q in\n%s", code, test.want, output)
			}
		})
	}
}

// Accounts are told apart by name, and read again when the file changes, or at SIGHUP: a new key, a new account, one that is taken out. A file that
// cannot be read changes nothing.
func TestServeAsksSeveralAccounts(t *testing.T) {
	var urls []any
	for _, name := range []string{"one", "two"} {
		handler, err := sandbox.New(sandbox.WithCredentials("user", "key-of-"+name))
		if err != nil {
			t.Fatal(err)
		}
		controlCenter := httptest.NewServer(handler)
		t.Cleanup(controlCenter.Close)
		urls = append(urls, controlCenter.URL)
	}
	dir := t.TempDir()
	const one = "accounts:\n- {name: first, url: %[1]q, username: user, apiKeyFile: one, callsPerSecond: 100}\n"
	file := accountsFile(t, dir, fmt.Sprintf(one, urls...), "one", "two")
	p, _, url := serve(t, nil, "--accounts", file)
	check := func(account string, wantStatus int, wantAccount, wantBody string) {
		t.Helper()
		resp, err := http.DefaultClient.Do(request(t, url+usagePath+"?maxAge=0s&account="+account))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		http.DefaultClient.CloseIdleConnections()
		status, body := get(t, request(t, url+usagePath+"?maxAge=0s&account="+account))
		if status != wantStatus || resp.Header.Get("X-Usage-Account") != wantAccount || !strings.Contains(body, wantBody) {
			t.Errorf("account %q: HTTP status %d of %q, want %d of %q and %q in\n%s", account, status, resp.Header.Get("X-Usage-Account"), wantStatus, wantAccount, wantBody, body)
		}
	}
	reload := func(said string) {
		t.Helper()
		p.logged(t, said)
		p.forget()
	}
	check("", http.StatusOK, "first", "943718")
	check("first", http.StatusOK, "first", "943718")
	check("second", http.StatusBadRequest, "", "ACCOUNT_UNKNOWN")

	accountsFile(t, dir, fmt.Sprintf(one+"- {name: second, url: %[2]q, username: user, apiKeyFile: one}\n", urls...))
	reload("the file was reloaded")
	check("first", http.StatusOK, "first", "943718")
	check("second", http.StatusInternalServerError, "second", "UPSTREAM_CREDENTIALS_REJECTED") // and its lane is closed

	accountsFile(t, dir, "accounts: [")
	reload("the file could not be reloaded; its last good content stays in force")
	check("first", http.StatusOK, "first", "943718")

	accountsFile(t, dir, fmt.Sprintf("accounts: [{name: second, url: %[2]q, username: user, apiKeyFile: two}]", urls...))
	reload("the file was reloaded")
	check("", http.StatusOK, "second", "943718")
	check("first", http.StatusBadRequest, "", "ACCOUNT_UNKNOWN")
	p.signal(t, syscall.SIGHUP)
	reload("the file was reloaded")
	p.signal(t, syscall.SIGTERM)
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit status %d", code)
	}
}
