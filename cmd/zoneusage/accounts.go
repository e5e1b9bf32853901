package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/zoneusage/zoneusage/internal/yamlfile"
	"github.com/zoneusage/zoneusage/jasperclient"
	"github.com/zoneusage/zoneusage/service"
)

// accountEntry is one account of the file of --accounts.
type accountEntry struct {
	Name           string   `yaml:"name"`           // that callers ask for
	URL            string   `yaml:"url"`            // Control Center's base URL
	Username       string   `yaml:"username"`       // at Control Center
	APIKeyFile     string   `yaml:"apiKeyFile"`     // relative to the file of accounts
	CallsPerSecond *float64 `yaml:"callsPerSecond"` // absent: as the flags say
	CallsInFlight  *float64 `yaml:"callsInFlight"`  // whole; YAML's decoder would cut an int silently
}

// An upstreamUser is an account as Control Center knows it, however its URL is written.
type upstreamUser struct{ baseURL, username string }

// A roster is the accounts of a file, and their clients. A client, and with it its lane, stays until the end: so the calls
// of an account that is taken out go on, and one that comes back finds what it has used.
type roster struct {
	command *serveCommand
	clients map[upstreamUser]*accountClient
	keys    []string // the files of the keys
}

// files are those that the accounts are read from.
func (r *roster) files() []string { return append([]string{r.command.Accounts}, r.keys...) }

// A checkedEntry is an entry with what it takes to call its account.
type checkedEntry struct {
	accountEntry
	credentials jasperclient.Credentials
	fair        jasperclient.FairUse
	connected   *accountClient
	user        upstreamUser
}

// read reads the file. It fails, and changes nothing, for anything in it that cannot work.
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

// resolve makes the entry's client, by which everything in it is checked.
func (r *roster) resolve(entry accountEntry) (checkedEntry, error) {
	a := checkedEntry{accountEntry: entry, fair: r.command.fairUse()}
	if entry.CallsPerSecond != nil {
		a.fair.CallsPerSecond = *entry.CallsPerSecond
	}
	if entry.CallsInFlight != nil {
		a.fair.CallsInFlight = int(*entry.CallsInFlight)
		if float64(a.fair.CallsInFlight) != *entry.CallsInFlight {
			return a, fmt.Errorf("callsInFlight: %v is no whole number", *entry.CallsInFlight)
		}
	}
	key, err := readKeyFile(r.keyFile(entry))
	if err != nil {
		return a, fmt.Errorf("apiKeyFile: %w", err)
	}
	a.credentials = jasperclient.Credentials{Username: entry.Username, APIKey: key}
	if a.connected, err = r.command.newClient(entry.URL, a.credentials, a.fair); err != nil {
		return a, err
	}
	a.user = upstreamUser{a.connected.client.BaseURL(), entry.Username}
	return a, nil
}

// keyFile is the file of the entry's API key.
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

// readAccounts reads a file of accounts, the first of which is the default one.
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

// check refuses a name that does not fit into a header, and fields that are left out.
func (e accountEntry) check() error {
	const longest = 100
	if e.Name == "*" || len(e.Name) > longest || strings.ContainsFunc(e.Name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("the name %q is not fit for a header; give up to %d letters, digits and signs without spaces", e.Name, longest)
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
