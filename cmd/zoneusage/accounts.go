package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/zoneusage/zoneusage/internal/callers"
	"github.com/zoneusage/zoneusage/internal/yamlfile"
	"github.com/zoneusage/zoneusage/jasperclient"
	"github.com/zoneusage/zoneusage/service"
)

// accountEntry is one account of the file of --accounts.
type accountEntry struct {
	Name           string   `yaml:"name"`           // the name by which callers ask for the account
	URL            string   `yaml:"url"`            // Control Center's base URL
	Username       string   `yaml:"username"`       // at Control Center
	APIKeyFile     string   `yaml:"apiKeyFile"`     // relative to the file of accounts
	CallsPerSecond *float64 `yaml:"callsPerSecond"` // nil: as the flags say
	CallsInFlight  *float64 `yaml:"callsInFlight"`  // a whole number; for an int, YAML's decoder would silently drop a fraction
}

// An upstreamUser identifies an account as Control Center does. The URL is normalized, so that two spellings are one user.
type upstreamUser struct{ baseURL, username string }

// A roster is the accounts of a file, and their clients. A client and its lane stay until the end: calls of an account that
// is removed from the file go on, and an account that comes back still counts the calls it has used.
type roster struct {
	command  *serveCommand
	observer *observer
	clients  map[upstreamUser]*accountClient
	keys     []string // the files of the keys
}

// files are the files that the accounts and their keys are read from.
func (r *roster) files() []string { return append([]string{r.command.Accounts}, r.keys...) }

// A checkedEntry is an entry with everything that a call of its account needs.
type checkedEntry struct {
	accountEntry
	credentials jasperclient.Credentials
	fair        jasperclient.FairUse
	connected   *accountClient
	user        upstreamUser
}

// read reads the file. If anything in the file cannot work, it fails and changes no client.
func (r *roster) read() ([]service.Account, error) {
	entries, err := readAccounts(r.command.Accounts)
	if err != nil {
		return nil, fmt.Errorf("--accounts: %w", err)
	}
	r.keys = nil
	for _, entry := range entries {
		r.keys = append(r.keys, r.keyFile(entry))
	}
	all, used := make([]checkedEntry, len(entries)), map[upstreamUser]string{}
	for i, entry := range entries {
		if all[i], err = r.resolve(entry); err != nil {
			return nil, fmt.Errorf("--accounts: account %d, %q: %w", i+1, entry.Name, err)
		}
		if other, ok := used[all[i].user]; ok {
			return nil, fmt.Errorf("--accounts: %q and %q are the same user of %s, whose calls one account has to count",
				other, entry.Name, all[i].user.baseURL)
		}
		used[all[i].user] = entry.Name
	}
	accounts := make([]service.Account, len(all))
	for i, a := range all {
		connected := r.clients[a.user]
		if connected == nil {
			connected = a.connected
			r.clients[a.user] = connected
		} else if err := connected.client.Update(a.credentials, a.fair); err != nil {
			return nil, fmt.Errorf("--accounts: %q: %w", a.Name, err)
		}
		accounts[i] = connected.named(a.Name)
	}
	return accounts, nil
}

// resolve makes a client for the entry, which checks everything in the entry.
func (r *roster) resolve(entry accountEntry) (checkedEntry, error) {
	a := checkedEntry{accountEntry: entry, fair: r.command.fairUse()}
	if entry.CallsPerSecond != nil {
		a.fair.CallsPerSecond = *entry.CallsPerSecond
	}
	if entry.CallsInFlight != nil {
		a.fair.CallsInFlight = int(*entry.CallsInFlight)
		if float64(a.fair.CallsInFlight) != *entry.CallsInFlight {
			return a, fmt.Errorf("callsInFlight: %v is not a whole number", *entry.CallsInFlight)
		}
	}
	key, err := readKeyFile(r.keyFile(entry))
	if err != nil {
		return a, fmt.Errorf("apiKeyFile: %w", err)
	}
	a.credentials = jasperclient.Credentials{Username: entry.Username, APIKey: key}
	if a.connected, err = r.command.newClient(r.observer, entry.URL, a.credentials, a.fair); err != nil {
		return a, err
	}
	a.user = upstreamUser{a.connected.client.BaseURL(), entry.Username}
	return a, nil
}

// keyFile is the path of the file with the entry's API key.
func (r *roster) keyFile(entry accountEntry) string {
	if filepath.IsAbs(entry.APIKeyFile) {
		return entry.APIKeyFile
	}
	return filepath.Join(filepath.Dir(r.command.Accounts), entry.APIKeyFile)
}

func (r *roster) close() {
	for _, connected := range r.clients {
		connected.client.Close()
	}
}

// readAccounts reads a file of accounts. The first account is the default.
func readAccounts(file string) ([]accountEntry, error) {
	var list struct {
		Accounts []accountEntry `yaml:"accounts"`
	}
	if err := yamlfile.Read(file, &list); err != nil {
		return nil, err
	}
	if len(list.Accounts) == 0 {
		return nil, fmt.Errorf("%s: there is no account in it; write a list, accounts", file)
	}
	named := map[string]bool{}
	for i, entry := range list.Accounts {
		if err := entry.check(); err != nil {
			return nil, fmt.Errorf("%s: account %d: %w", file, i+1, err)
		}
		if named[entry.Name] {
			return nil, fmt.Errorf("%s: two accounts have the name %q", file, entry.Name)
		}
		named[entry.Name] = true
	}
	return list.Accounts, nil
}

// check refuses a name that does not fit into a header, and missing fields.
func (e accountEntry) check() error {
	if e.Name == "*" || !callers.FitsHeader(e.Name) {
		return fmt.Errorf("the name %q is not fit for a header; give up to %d letters, digits and signs without spaces",
			e.Name, callers.MaxNameLength)
	}
	for _, field := range []struct{ name, value string }{
		{"name", e.Name}, {"url", e.URL}, {"username", e.Username}, {"apiKeyFile", e.APIKeyFile},
	} {
		if field.value == "" {
			return errors.New("it has no " + field.name)
		}
	}
	return nil
}
