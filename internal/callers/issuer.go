package callers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/zoneusage/zoneusage/internal/loopback"
)

// IssuerSettings say which JWTs are accepted.
type IssuerSettings struct {
	// URL is the issuer's URL, as in OpenID Connect Discovery: https, or http on loopback. It must be the iss of the tokens.
	URL string
	// Audience must be in the aud of the tokens.
	Audience string
	// JWKS is the URL or the file of the issuer's keys. If it is empty, the issuer's discovery document gives the URL.
	JWKS string
	// Algorithms are the signature algorithms that are accepted.
	Algorithms []string
}

// Algorithms are the signatures that can be taken, all asymmetric: whoever can verify one cannot forge one.
func Algorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// An Issuer signs JWTs (OpenID Connect, RFC 7519).
type Issuer struct {
	settings IssuerSettings
	config   *oidc.Config
	signed   []jose.SignatureAlgorithm // the algorithms that are accepted
	keys     *keySet
	file     string // the file of the keys; empty if they come by HTTP
}

const (
	// issuerTimeout bounds a request to the issuer, because a call may be waiting for the answer.
	issuerTimeout = 5 * time.Second
	// maxAnswerBytes is far above the size of any set of keys or discovery document.
	maxAnswerBytes = 1 << 20
)

// NewIssuer makes an issuer. It reads a file of keys, but sends no request yet.
func NewIssuer(settings IssuerSettings) (*Issuer, error) {
	if err := checkURL(settings.URL); err != nil {
		return nil, fmt.Errorf("the issuer's URL %w", err)
	}
	if settings.Audience == "" {
		return nil, errors.New("an issuer needs an audience: else a token for any other service of its would do")
	}
	if len(settings.Algorithms) == 0 {
		return nil, errors.New("there is no signature algorithm")
	}
	for _, name := range settings.Algorithms {
		if !slices.Contains(Algorithms(), name) {
			return nil, fmt.Errorf("there is no signature algorithm %q here; there are %s", name, strings.Join(Algorithms(), ", "))
		}
	}
	i := &Issuer{settings: settings, config: &oidc.Config{ClientID: settings.Audience, SupportedSigningAlgs: settings.Algorithms}}
	for _, name := range settings.Algorithms {
		i.signed = append(i.signed, jose.SignatureAlgorithm(name))
	}
	switch {
	case settings.JWKS == "":
		i.keys = newKeySet(i.discover)
	case strings.Contains(settings.JWKS, "://"):
		if err := checkURL(settings.JWKS); err != nil {
			return nil, fmt.Errorf("the URL of the keys %w", err)
		}
		i.keys = newKeySet(func(ctx context.Context) ([]jose.JSONWebKey, error) { return fetchKeys(ctx, settings.JWKS) })
	default:
		i.file = settings.JWKS
		i.keys = newKeySet(func(context.Context) ([]jose.JSONWebKey, error) { return readKeys(settings.JWKS) })
		if err := i.Reload(); err != nil {
			return nil, fmt.Errorf("the file of the keys: %w", err)
		}
		return i, nil
	}
	i.keys.wanted = make(chan struct{}, 1)
	return i, nil
}

// File is the file of the keys; empty if they come by HTTP.
func (i *Issuer) File() string { return i.file }

// Reload reads the file of the keys again. If that fails, the present keys stay.
func (i *Issuer) Reload() error { return i.keys.refresh(context.Background()) }

// Run keeps keys that come by HTTP fresh until ctx ends. It calls fetched with the result of each try.
func (i *Issuer) Run(ctx context.Context, fetched func(err error)) {
	if i.file == "" {
		i.keys.run(ctx, fetched)
	}
}

// verify checks the signature, issuer, audience and times of a JWT, and returns its claims.
func (i *Issuer) verify(ctx context.Context, token string) (map[string]any, error) {
	check := &signatureCheck{keys: i.keys, algorithms: i.signed}
	checked, err := oidc.NewVerifier(i.settings.URL, check, i.config).Verify(ctx, token)
	claims := map[string]any{}
	if err == nil {
		err = checked.Claims(&claims)
	}
	switch {
	case check.unavailable != nil:
		return nil, &UnavailableError{check.unavailable}
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, &UnauthenticatedError{Err: fmt.Errorf("it is not a listed static token, and as a JWT: %w", err)}
	}
	return claims, nil
}

// checkURL refuses a URL for which an attacker on the network path could answer.
func checkURL(raw string) error {
	parsed, err := url.Parse(raw)
	if err != nil || parsed.Host == "" {
		return errors.New("cannot be read; give one like https://login.example.com")
	}
	if parsed.User != nil {
		return errors.New("has a user or a password in it, which do not belong there")
	}
	if parsed.Scheme != "https" && (parsed.Scheme != "http" || !loopback.Is(parsed.Hostname())) {
		return errors.New("has to begin with https://: whoever can answer in its place decides who may call")
	}
	return nil
}

// discover asks the issuer where its keys are (OpenID Connect Discovery 1.0), and fetches them.
func (i *Issuer) discover(ctx context.Context) ([]jose.JSONWebKey, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, issuerClient()), i.settings.URL)
	if err != nil {
		return nil, err
	}
	var found struct {
		Keys string `json:"jwks_uri"`
	}
	if err := provider.Claims(&found); err != nil {
		return nil, err
	}
	if err := checkURL(found.Keys); err != nil {
		return nil, fmt.Errorf("the jwks_uri of the issuer %w", err)
	}
	return fetchKeys(ctx, found.Keys)
}

// issuerClient makes a client for requests to the issuer, which cuts off long answers and follows only safe redirects.
func issuerClient() *http.Client {
	return &http.Client{
		Timeout:   issuerTimeout,
		Transport: boundedAnswers{http.DefaultTransport},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			const most = 5
			if len(via) > most {
				return errors.New("it redirects again and again")
			}
			return checkURL(req.URL.String())
		},
	}
}

// boundedAnswers cuts answers off after maxAnswerBytes.
type boundedAnswers struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b boundedAnswers) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxAnswerBytes), resp.Body}
	return resp, nil
}

func fetchKeys(ctx context.Context, from string) ([]jose.JSONWebKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Cache-Control", "no-cache")
	resp, err := issuerClient().Do(req)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // without the URL, which can have a secret in its query
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", req.URL.Host, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", req.URL.Host, resp.Status)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	return parseKeys(body)
}

func readKeys(file string) ([]jose.JSONWebKey, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	keys, err := parseKeys(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return keys, nil
}

// parseKeys reads a JWK set (RFC 7517). It skips keys that are not for signatures, or of an unknown kind, as section 5 asks.
// It fails if no other key is left.
func parseKeys(content []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(content, &set); err != nil {
		return nil, errors.New("it is not a JWK set")
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if err := key.UnmarshalJSON(raw); err == nil && key.IsPublic() && (key.Use == "" || key.Use == "sig") {
			keys = append(keys, key)
		}
	}
	if keys == nil {
		return nil, errors.New("there is no public key for signatures in it")
	}
	return keys, nil
}
