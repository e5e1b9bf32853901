package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// apiKeyVariable holds an API key. There is no flag for one: a process list shows flags.
const apiKeyVariable = "ZONEUSAGE_API_KEY"

// readAPIKey reads the key from the file, or from the environment where no file is named; empty when neither has one.
func readAPIKey(file string) (string, error) {
	key := os.Getenv(apiKeyVariable)
	if file == "" {
		return key, nil
	}
	if key != "" {
		return "", errors.New("both --api-key-file and " + apiKeyVariable + " give an API key; keep one of them")
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("--api-key-file: %w", err)
	}
	key = strings.TrimSpace(string(content))
	if key == "" {
		return "", fmt.Errorf("--api-key-file: %s is empty", file)
	}
	return key, nil
}
