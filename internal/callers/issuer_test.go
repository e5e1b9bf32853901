package callers

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/zoneusage/zoneusage/internal/jwttest"
)

// unsigned is a JWT of the algorithm "none".
func unsigned(t *testing.T, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + encode(payload) + "."
}

func TestWhatAJWTHasToBe(t *testing.T) {
	key, other := jwttest.NewKey(t, "one"), jwttest.NewKey(t, "one")
	issuer := jwttest.NewIssuer(t, key)
	checked, err := NewIssuer(IssuerSettings{URL: issuer.URL, Audience: jwttest.Audience, Algorithms: []string{"ES256", "RS256"}})
	if err != nil {
		t.Fatal(err)
	}
	run(t, checked)
	public, err := x509.MarshalPKIXPublicKey(key.Public().Key)
	if err != nil {
		t.Fatal(err)
	}
	good := jwttest.Claims(issuer.URL, nil)
	claims := func(name string, value any) map[string]any {
		return jwttest.Claims(issuer.URL, map[string]any{name: value})
	}
	hmac := func(secret []byte) string {
		return jwttest.SignWith(t, jose.SigningKey{Algorithm: jose.HS256, Key: secret}, good)
	}
	signed := key.Sign(t, good)
	parts := strings.Split(signed, ".")
	for name, test := range map[string]struct {
		token    string
		accepted bool
		want     string // what the error says
	}{
		"a good one":                    {signed, true, ""},
		"for several":                   {key.Sign(t, claims("aud", []string{"other", jwttest.Audience})), true, ""},
		"expired":                       {key.Sign(t, claims("exp", time.Now().Add(-time.Second).Unix())), false, "token is expired"},
		"without an end":                {key.Sign(t, claims("exp", nil)), false, "token is expired"},
		"not yet good":                  {key.Sign(t, claims("nbf", time.Now().Add(time.Hour).Unix())), false, "before the nbf"},
		"for another service":           {key.Sign(t, claims("aud", "other")), false, "expected audience"},
		"for nobody":                    {key.Sign(t, claims("aud", nil)), false, "expected audience"},
		"of another issuer":             {key.Sign(t, claims("iss", "https://login.example.com")), false, "issued by a different provider"},
		"alg none":                      {unsigned(t, good), false, "unexpected signature algorithm"},
		"HS256 with the public key":     {hmac(public), false, "unexpected signature algorithm"},
		"HS256 with the public key PEM": {hmac(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})), false, "unexpected signature algorithm"},
		"another key of the same name":  {other.Sign(t, good), false, "no key of the issuer's made the signature"},
		"a changed payload":             {parts[0] + "." + strings.Split(key.Sign(t, claims("sub", "x")), ".")[1] + "." + parts[2], false, "no key of the issuer's"},
		"without its signature":         {parts[0] + "." + parts[1] + ".", false, "no key of the issuer's"},
		"no JWT":                        {"a.b.c", false, "malformed"},
		"JSON in place of a JWT":        {`{"payload":"","signatures":[]}`, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := checked.verify(t.Context(), test.token)
			if test.accepted {
				if err != nil {
					t.Errorf("it is refused: %v", err)
				}
				return
			}
			if _, refused := errors.AsType[*UnauthenticatedError](err); !refused || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// published fetches keys in virtual time.
type published struct {
	mu      sync.Mutex
	keys    []jose.JSONWebKey
	err     error
	fetches int
}

func (p *published) fetch(context.Context) ([]jose.JSONWebKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fetches++
	return p.keys, p.err
}

func (p *published) set(err error, keys ...*jwttest.Key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err, p.keys = err, nil
	for _, key := range keys {
		p.keys = append(p.keys, key.Public())
	}
}

// most takes the fetches since the last time, and reports whether they are as many at most.
func (p *published) most(n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	fetches := p.fetches
	p.fetches = 0
	return fetches <= n
}

// newIssuer takes the tokens of issuerURL, whose keys come from remote, until the test ends.
func (p *published) newIssuer(t *testing.T) *Issuer {
	t.Helper()
	issuer, err := NewIssuer(IssuerSettings{URL: issuerURL, Audience: jwttest.Audience, Algorithms: []string{"ES256"}})
	if err != nil {
		t.Fatal(err)
	}
	issuer.keys.fetch = p.fetch
	run(t, issuer)
	return issuer
}

// run keeps the issuer's keys fresh until the test ends.
func run(t *testing.T, issuer *Issuer) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { issuer.Run(ctx, func(error) {}) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

func TestKeysAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := jwttest.NewKey(t, "one"), jwttest.NewKey(t, "two")
		remote := &published{}
		remote.set(nil, first)
		issuer := remote.newIssuer(t)
		check := func(what string, key *jwttest.Key, want string, fetches int) {
			t.Helper()
			_, err := issuer.verify(t.Context(), key.Sign(t, jwttest.Claims(issuerURL, nil)))
			if got := fmt.Sprintf("%T", err); got != want {
				t.Errorf("%s: %s, %v, want %s", what, got, err, want)
			}
			if !remote.most(fetches) {
				t.Errorf("%s: more than %d fetches", what, fetches)
			}
		}
		const good, refused, unavailable = "<nil>", "*callers.UnauthenticatedError", "*callers.UnavailableError"
		check("the first key", first, good, 1)
		check("a key of which nobody knows, just after a fetch", second, refused, 0)
		remote.set(nil, first, second)
		time.Sleep(keysNotBefore)
		check("a new key", second, good, 1)
		for range 100 { // whoever makes up names of keys makes no more fetches
			check("a made-up key", jwttest.NewKey(t, "three"), refused, 0)
		}
		remote.set(nil, second)
		time.Sleep(keysFreshFor)
		synctest.Wait()
		check("a key that was taken back", first, refused, 1)
		check("the one that stays", second, good, 0)
		remote.set(errors.New("unreachable"))
		time.Sleep(keysGoodFor - keysFreshFor)
		check("an issuer that is gone", second, good, 11)
		check("one that cannot be asked for a new key", first, unavailable, 1)
		time.Sleep(2 * keysFreshFor)
		check("one that is gone for too long", second, unavailable, 3)
		remote.set(nil, second)
		time.Sleep(keysFreshFor)
		check("one that is back", second, good, 2)
	})
}

// Who cannot be checked is not let in.
func TestAnIssuerThatCannotBeReached(t *testing.T) {
	key := jwttest.NewKey(t, "one")
	remote := jwttest.NewIssuer(t, key)
	remote.SetDown(true)
	issuer, err := NewIssuer(IssuerSettings{URL: remote.URL, Audience: jwttest.Audience, Algorithms: []string{"ES256"}})
	if err != nil {
		t.Fatal(err)
	}
	run(t, issuer)
	token := key.Sign(t, jwttest.Claims(remote.URL, nil))
	_, err = issuer.verify(t.Context(), token)
	if _, unavailable := errors.AsType[*UnavailableError](err); !unavailable {
		t.Errorf("got %v, want that the keys cannot be had", err)
	}
	left, leave := context.WithCancel(t.Context())
	leave()
	issuer.keys.known.Store(&knownKeys{next: make(chan struct{})})
	if _, err := issuer.verify(left, token); !errors.Is(err, context.Canceled) {
		t.Errorf("who left gets %v", err)
	}
}

func TestKeysOfAFile(t *testing.T) {
	first, second, dir := jwttest.NewKey(t, ""), jwttest.NewKey(t, "two"), t.TempDir()
	issuer, err := NewIssuer(IssuerSettings{
		URL: issuerURL, Audience: jwttest.Audience, Algorithms: []string{"ES256"}, JWKS: jwttest.WriteKeys(t, dir, first),
	})
	if err != nil {
		t.Fatal(err)
	}
	check := func(key *jwttest.Key, want bool) {
		t.Helper()
		if _, err := issuer.verify(t.Context(), key.Sign(t, jwttest.Claims(issuerURL, nil))); (err == nil) != want {
			t.Errorf("got %v, want success %v", err, want)
		}
	}
	check(first, true)
	check(second, false)
	jwttest.WriteKeys(t, dir, second)
	if err := issuer.Reload(); err != nil {
		t.Error(err)
	}
	check(first, false)
	check(second, true)
	if err := os.WriteFile(issuer.File(), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := issuer.Reload(); err == nil {
		t.Error("a set of no keys is taken")
	}
	check(second, true)
}

func TestAnIssuerThatCannotWork(t *testing.T) {
	file := filepath.Join(t.TempDir(), "jwks.json")
	private, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: []byte("a secret that many know")}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, private, 0o600); err != nil {
		t.Fatal(err)
	}
	es256 := []string{"ES256"}
	for want, settings := range map[string]IssuerSettings{
		"has to begin with https://":          {URL: "http://login.example.com", Audience: "a", Algorithms: es256},
		"cannot be read":                      {URL: "login", Audience: "a", Algorithms: es256},
		"needs an audience":                   {URL: issuerURL, Algorithms: es256},
		"there is no signature algorithm":     {URL: issuerURL, Audience: "a"},
		`no signature algorithm "HS256" here`: {URL: issuerURL, Audience: "a", Algorithms: []string{"ES256", "HS256"}},
		"has a user or a password in it":      {URL: "https://u:p@login.example.com", Audience: "a", Algorithms: es256},
		`no signature algorithm "none" here`:  {URL: issuerURL, Audience: "a", Algorithms: []string{"none"}},
		"the URL of the keys has to begin":    {URL: issuerURL, Audience: "a", Algorithms: es256, JWKS: "http://keys.example.com"},
		"no such file":                        {URL: issuerURL, Audience: "a", Algorithms: es256, JWKS: "nowhere"},
		"there is no public key":              {URL: issuerURL, Audience: "a", Algorithms: es256, JWKS: file},
	} {
		if _, err := NewIssuer(settings); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", settings, err, want)
		}
	}
}

// Keys come from where nobody on the way can answer, and the issuer's answers are bounded.
func TestWhereKeysComeFrom(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/plain":
			http.Redirect(w, r, "http://192.0.2.1/keys", http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		case "/large":
			_, _ = io.CopyN(w, endless{}, 2*maxAnswerBytes) // fails when the reader has had enough
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	for path, want := range map[string]string{
		"/plain":                "has to begin with https://",
		"/round":                "redirects again and again",
		"/large":                "not a JWK set",
		"/nowhere?token=s3cret": "answers 404",
		"/plain?token=s3cret":   "has to begin with https://",
	} {
		_, err := fetchKeys(t.Context(), server.URL+path)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %q and no query", path, err, want)
		}
	}
}

// endless is blanks.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// Tokens and keys without names are renewed as quickly as those with names.
func TestKeysWithoutNamesAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := jwttest.NewKey(t, ""), jwttest.NewKey(t, "")
		remote := &published{}
		remote.set(nil, first)
		issuer := remote.newIssuer(t)
		synctest.Wait()
		remote.set(nil, second)
		time.Sleep(keysNotBefore)
		if _, err := issuer.verify(t.Context(), second.Sign(t, jwttest.Claims(issuerURL, nil))); err != nil {
			t.Error(err)
		}
	})
}
