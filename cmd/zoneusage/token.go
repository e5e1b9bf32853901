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

// tokenVariable can hold the caller's token.
const tokenVariable = "ZONEUSAGE_TOKEN"

// bearer is the caller's token, where there is one. It is never sent where others can read it.
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
		b.file = f.TokenFile // a pipe is read once: another read would wait for ever
	}
	return b, nil
}

// readToken reads a token from a file.
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

// checkToken refuses a token that gRPC would refuse with each call. It does not tell the token.
func checkToken(token string) error {
	if strings.ContainsFunc(token, func(r rune) bool { return r < ' ' || r > '~' }) {
		return errors.New("the token has a character that no header can carry; give the token alone, on one line of ASCII")
	}
	return nil
}

// A bearer sends a token with each call. One in a file may be renewed there: a long list outlives many tokens.
type bearer struct {
	file   string // empty for a token that stays
	secure bool

	mu    sync.Mutex
	token string // the last one that was read
}

// GetRequestMetadata implements [credentials.PerRPCCredentials]. A file that has no token, as for a moment while it is renewed,
// leaves the last one.
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
