package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"

	"google.golang.org/grpc/credentials"

	"github.com/zoneusage/zoneusage/internal/loopback"
)

// tokenVariable is the environment variable that can hold the caller's token.
const tokenVariable = "ZONEUSAGE_TOKEN"

// bearer returns the caller's token; nil if there is none. It fails if the token would be sent where others can read it.
func (f callerFlags) bearer() (credentials.PerRPCCredentials, error) {
	token := strings.TrimSpace(os.Getenv(tokenVariable))
	switch {
	case token == "" && f.TokenFile == "":
		return nil, nil
	case token != "" && f.TokenFile != "":
		return nil, fmt.Errorf("both --token-file and %s give a token; keep one of them", tokenVariable)
	}
	host, _, err := net.SplitHostPort(callable(f.Addr))
	if !f.usesTLS() && (err != nil || !loopback.Is(host)) {
		return nil, fmt.Errorf("the token would go to %s in the clear; give --tls, or --ca-cert with the roots of its certificate", f.Addr)
	}
	if f.TokenFile == "" {
		if err := checkToken(token); err != nil {
			return nil, fmt.Errorf("%s: %w", tokenVariable, err)
		}
		return &bearer{token: token, secure: f.usesTLS()}, nil
	}
	if token, err = readToken(f.TokenFile); err != nil {
		return nil, fmt.Errorf("--token-file: %w", err)
	}
	b := &bearer{token: token, secure: f.usesTLS()}
	if info, err := os.Stat(f.TokenFile); err == nil && info.Mode().IsRegular() {
		b.file = f.TokenFile // any other file, such as a pipe, is read once: a second read could wait for ever
	}
	return b, nil
}

func readToken(file string) (string, error) {
	token, err := readKeyFile(file)
	if err != nil {
		return "", err
	}
	if err := checkToken(token); err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	return token, nil
}

// checkToken refuses a token that gRPC would refuse with each call. The error does not repeat the token.
func checkToken(token string) error {
	if strings.ContainsFunc(token, func(r rune) bool { return r < ' ' || r > '~' }) {
		return errors.New("the token has a character that no header can carry; give the token alone, on one line of ASCII")
	}
	return nil
}

// A bearer sends a token with each call. It reads a token from a file again each time, because a long list outlives many
// tokens.
type bearer struct {
	file   string // empty for a token that does not change
	secure bool

	mu    sync.Mutex
	token string // the last token that was read
}

// GetRequestMetadata implements [credentials.PerRPCCredentials]. If the file has no token, for example for a moment while it
// is replaced, the last token is sent.
func (b *bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.file != "" {
		if token, err := readToken(b.file); err == nil {
			b.token = token
		}
	}
	return map[string]string{"authorization": "Bearer " + b.token}, nil
}

// RequireTransportSecurity implements [credentials.PerRPCCredentials].
func (b *bearer) RequireTransportSecurity() bool { return b.secure }
