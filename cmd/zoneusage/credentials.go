package main

import (
	"fmt"
	"os"
	"strings"
)

// readAPIKey reads an API key from the file, or from the environment variable where no file is named; empty when neither
// has one. There is no flag for a key: a process list shows flags.
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
