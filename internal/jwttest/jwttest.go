// Package jwttest is an issuer of JWTs for tests.
package jwttest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Audience is the audience in [Claims].
const Audience = "zoneusage"

// A Key signs tokens.
type Key struct {
	private crypto.Signer
	id      string
}

// NewKey makes a key for ES256.
func NewKey(tb testing.TB, id string) *Key {
	tb.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return &Key{private, id}
}

// Public is the public key as a JWK.
func (k *Key) Public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.private.Public(), KeyID: k.id, Algorithm: string(jose.ES256), Use: "sig"}
}

// Sign makes a token.
func (k *Key) Sign(tb testing.TB, claims map[string]any) string {
	tb.Helper()
	return SignWith(tb, jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: k.private, KeyID: k.id}}, claims)
}

// SignWith makes a token with any key.
func SignWith(tb testing.TB, key jose.SigningKey, claims map[string]any) string {
	tb.Helper()
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		tb.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

// Claims are the claims of a valid token, with changes. A change to nil leaves the claim out.
func Claims(issuer string, changes map[string]any) map[string]any {
	claims := map[string]any{
		"iss": issuer, "aud": Audience, "sub": "reports",
		"exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(),
	}
	for name, value := range changes {
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
	}
	return claims
}

// WriteKeys writes a JWK set, and returns its path.
func WriteKeys(tb testing.TB, dir string, keys ...*Key) string {
	tb.Helper()
	file := filepath.Join(dir, "jwks.json")
	if err := os.WriteFile(file, keySet(keys), 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}

func keySet(keys []*Key) []byte {
	var set jose.JSONWebKeySet
	for _, key := range keys {
		set.Keys = append(set.Keys, key.Public())
	}
	content, err := json.Marshal(set)
	if err != nil {
		panic(err)
	}
	return content
}

// An Issuer publishes its keys by OpenID Connect Discovery.
type Issuer struct {
	// URL identifies the issuer, and is its address.
	URL string
	// Asked counts the times that the keys were asked for.
	Asked atomic.Int32

	mu   sync.Mutex
	keys []*Key
	down bool
}

// NewIssuer serves an issuer until the test ends.
func NewIssuer(tb testing.TB, keys ...*Key) *Issuer {
	tb.Helper()
	i := &Issuer{keys: keys}
	server := httptest.NewServer(i)
	tb.Cleanup(server.Close)
	i.URL = server.URL
	return i
}

// Publish replaces the keys.
func (i *Issuer) Publish(keys ...*Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

// SetDown says whether the issuer answers everything with an error.
func (i *Issuer) SetDown(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// ServeHTTP implements http.Handler.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case i.down:
		http.Error(w, "down", http.StatusServiceUnavailable)
	case r.URL.Path == "/.well-known/openid-configuration":
		_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, i.URL, i.URL+"/keys")
	case r.URL.Path == "/keys":
		i.Asked.Add(1)
		_, _ = w.Write(keySet(i.keys))
	default:
		http.NotFound(w, r)
	}
}
