package jasperclient

import (
	"fmt"
	"io"
)

// Credentials are a Control Center user and its API key. Formatted or marshalled they show the user name alone.
type Credentials struct {
	Username string // without a colon
	APIKey   string // the user's API key, not its password
}

// Format keeps the API key out of every verb of fmt.
func (c Credentials) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, c.redacted())
}

// MarshalText keeps the API key out of JSON and of slog's handlers.
func (c Credentials) MarshalText() ([]byte, error) {
	return []byte(c.redacted()), nil
}

func (c Credentials) redacted() string {
	return fmt.Sprintf("{Username:%q APIKey:redacted}", c.Username)
}
