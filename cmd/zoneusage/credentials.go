package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// readAPIKey reads an API key from the file, or from the environment variable if no file is named. The key is empty if both
// are missing. There is no flag for the key itself, because process lists show flags.
func readAPIKey(file, variable string) (string, error) {
	key := strings.TrimSpace(os.Getenv(variable))
	if file == "" {
		return key, nil
	}
	if key != "" {
		return "", fmt.Errorf("both --api-key-file and %s give an API key; keep one of them", variable)
	}
	key, err := readKeyFile(file)
	if err != nil {
		return "", fmt.Errorf("--api-key-file: %w", err)
	}
	return key, nil
}

func readKeyFile(file string) (string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	key := strings.TrimSpace(string(content))
	if key == "" {
		return "", fmt.Errorf("the file %q is empty", file)
	}
	return key, nil
}

// readSandboxAccounts reads the sandbox's further accounts from the file, if one is named: NAME:KEY on each line that is not
// empty. Errors give only the number of a line, because the line holds a key.
func readSandboxAccounts(file string) ([]sandbox.Option, error) {
	if file == "" {
		return nil, nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--accounts-file: %w", err)
	}
	var accounts []sandbox.Option
	number := 0
	for line := range strings.Lines(string(content)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, key, _ := strings.Cut(line, ":")
		if name == "" || key == "" {
			return nil, fmt.Errorf("--accounts-file: line %d of %q is not a valid account; write NAME:KEY", number, file)
		}
		accounts = append(accounts, sandbox.WithAccount(name, key))
	}
	if accounts == nil {
		return nil, fmt.Errorf("--accounts-file: the file %q has no account; write one NAME:KEY a line", file)
	}
	return accounts, nil
}
