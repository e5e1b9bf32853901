package jasperclient

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Credentials are a Control Center user and its API key. Formatted or marshalled, they show only the user name.
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

func (c Credentials) check() error {
	switch {
	case c.Username == "" || c.APIKey == "":
		return errors.New("jasperclient: credentials need a user name and an API key")
	case !printable(c.Username) || !printable(c.APIKey):
		return errors.New("jasperclient: the user name or the API key has characters that cannot be seen, such as a line's end")
	case strings.Contains(c.Username, ":"):
		return errors.New("jasperclient: HTTP Basic allows no colon in a user name (RFC 7617, section 2)")
	}
	return nil
}
