package callers

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/zoneusage/zoneusage/internal/jwttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const issuerURL = "https://login.example.com"

func sum(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// newGuard makes a guard with a policy, for client certificates and for JWTs of issuerURL that the key signs.
func newGuard(t *testing.T, policy string, key *jwttest.Key) (*Guard, string, error) {
	t.Helper()
	dir := t.TempDir()
	issuer, err := NewIssuer(IssuerSettings{
		URL: issuerURL, Audience: jwttest.Audience, JWKS: jwttest.WriteKeys(t, dir, key), Algorithms: []string{"ES256"},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "callers.yaml")
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	guard, err := New(Settings{File: file, Certificates: true, Issuer: issuer})
	return guard, file, err
}

func TestCallersAreRecognised(t *testing.T) {
	key := jwttest.NewKey(t, "one")
	guard, _, err := newGuard(t, fmt.Sprintf(`callers:
- {name: billing, tokenSHA256: [%s, %s], accounts: [emea, apac]}
- {name: dashboard, certificate: dashboard.internal, accounts: ["*"]}
- {name: both, certificate: [both.internal, again.internal], tokenSHA256: %s, accounts: [emea]}
- {name: reports, claims: {sub: reports, groups: readers}, accounts: [emea]}
- {name: scoped, claims: {scope: usage.read}, accounts: [emea]}
- {name: verified, claims: {email_verified: true, level: 5}, accounts: [latam]}
`, sum("old"), sum("new"), sum("both")), key)
	if err != nil {
		t.Fatal(err)
	}
	jwt := func(claims map[string]any) []string {
		return []string{"Bearer " + key.Sign(t, jwttest.Claims(issuerURL, claims))}
	}
	for name, test := range map[string]struct {
		shown Credentials
		want  string // a name, or what the error says
	}{
		"nothing":                     {Credentials{}, "unauthenticated: the call has no credentials"},
		"a token":                     {Credentials{Authorization: []string{"Bearer new"}}, "billing"},
		"a token's other one":         {Credentials{Authorization: []string{"bearer  old"}}, "billing"},
		"a token that is none":        {Credentials{Authorization: []string{"Bearer other"}}, "it is not a listed static token, and as a JWT: oidc: malformed jwt"},
		"a token's hash":              {Credentials{Authorization: []string{"Bearer " + sum("new")}}, "unauthenticated: "},
		"two tokens":                  {Credentials{Authorization: []string{"Bearer new", "Bearer new"}}, "more than one"},
		"another scheme":              {Credentials{Authorization: []string{"Basic bmV3"}}, "not a bearer token"},
		"an empty token":              {Credentials{Authorization: []string{"Bearer "}}, "not a bearer token"},
		"an empty authorization":      {Credentials{Authorization: []string{""}, Certificate: []string{"dashboard.internal"}}, "not a bearer token"},
		"a certificate":               {Credentials{Certificate: []string{"dashboard.internal"}}, "dashboard"},
		"a certificate's second name": {Credentials{Certificate: []string{"other", "again.internal"}}, "both"},
		"a certificate of nobody":     {Credentials{Certificate: []string{"billing"}}, `not allowed: the certificate of ["billing"]`},
		"a token over a certificate":  {Credentials{Certificate: []string{"dashboard.internal"}, Authorization: []string{"Bearer new"}}, "billing"},
		"a bad token over a good certificate": {
			Credentials{Certificate: []string{"dashboard.internal"}, Authorization: []string{"Bearer x"}}, "unauthenticated: "},
		"a JWT":                  {Credentials{Authorization: jwt(map[string]any{"groups": []string{"readers", "others"}})}, "reports"},
		"a JWT with one group":   {Credentials{Authorization: jwt(map[string]any{"groups": "readers"})}, "reports"},
		"a JWT without a group":  {Credentials{Authorization: jwt(nil)}, `claims that are all in the token of the subject "reports"`},
		"a JWT of another":       {Credentials{Authorization: jwt(map[string]any{"sub": "x", "groups": "readers"})}, "not allowed: "},
		"a JWT with scopes":      {Credentials{Authorization: jwt(map[string]any{"scope": "openid usage.read"})}, "scoped"},
		"a part of a scope":      {Credentials{Authorization: jwt(map[string]any{"scope": "usage.reader"})}, "not allowed: "},
		"a boolean and a number": {Credentials{Authorization: jwt(map[string]any{"email_verified": true, "level": 5})}, "verified"},
		"another number":         {Credentials{Authorization: jwt(map[string]any{"email_verified": true, "level": 5.5})}, "not allowed: "},
		"a claim that is a map":  {Credentials{Authorization: jwt(map[string]any{"scope": map[string]any{"usage.read": true}})}, "not allowed: "},
	} {
		t.Run(name, func(t *testing.T) {
			caller, err := guard.Identify(t.Context(), test.shown)
			got := fmt.Sprint(err)
			if err == nil {
				got = caller.Name
			}
			if (err == nil && got != test.want) || !strings.Contains(got, test.want) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
	billing, err := guard.Identify(t.Context(), Credentials{Authorization: []string{"Bearer new"}})
	if err != nil {
		t.Fatal(err)
	}
	dashboard, err := guard.Identify(t.Context(), Credentials{Certificate: []string{"dashboard.internal"}})
	if err != nil {
		t.Fatal(err)
	}
	for account, want := range map[string]bool{"emea": true, "apac": true, "latam": false, "": false, "*": false} {
		if billing.MayAsk(account) != want || !dashboard.MayAsk(account) {
			t.Errorf("account %q: %v and %v, want %v and true", account, billing.MayAsk(account), dashboard.MayAsk(account), want)
		}
	}
}

// HTTP Basic is a name and a static token of one entry; where there is no policy, any that are there.
func TestCallersAreRecognisedByBasic(t *testing.T) {
	key := jwttest.NewKey(t, "one")
	guard, _, err := newGuard(t, fmt.Sprintf(`callers:
- {name: billing, tokenSHA256: [%s, %s], accounts: [emea, apac]}
- {name: export, tokenSHA256: %s, accounts: [apac, latam]}
- {name: dashboard, certificate: dashboard.internal, accounts: ["*"]}
- {name: reports, claims: {sub: reports}, accounts: [emea]}
`, sum("old"), sum("to:ken"), sum("export")), key)
	if err != nil {
		t.Fatal(err)
	}
	everybody, err := New(Settings{})
	if err != nil {
		t.Fatal(err)
	}
	basic := func(text string) []string {
		return []string{"Basic " + base64.StdEncoding.EncodeToString([]byte(text))}
	}
	const missing, none, another = "the call has no credentials", "not Basic with", "not of one entry"
	for name, test := range map[string]struct {
		authorization []string
		want, anybody string // what the error says with a policy, and without; empty for none
	}{
		"a name and its token":    {basic("billing:old"), "", ""},
		"a token with a colon":    {basic("billing:to:ken"), "", ""},
		"another's token":         {basic("billing:export"), another, ""},
		"a wrong token":           {basic("billing:new"), another, ""},
		"a token's hash":          {basic("billing:" + sum("old")), another, ""},
		"a name without a token":  {basic("dashboard:old"), another, ""},
		"a JWT for a token":       {basic("reports:" + key.Sign(t, jwttest.Claims(issuerURL, nil))), another, ""},
		"no name":                 {basic(":old"), none, none},
		"no token":                {basic("billing:"), none, none},
		"no colon":                {basic("old"), none, none},
		"no base64":               {[]string{"Basic billing:old"}, none, none},
		"another scheme":          {[]string{"Bearer old"}, none, none},
		"nothing":                 {nil, missing, missing},
		"nothing in the header":   {[]string{""}, missing, missing},
		"two headers, both right": {append(basic("billing:old"), basic("billing:old")...), "more than one", "more than one"},
	} {
		t.Run(name, func(t *testing.T) {
			shown := Credentials{Host: "192.0.2.1", Certificate: []string{"dashboard.internal"}, Authorization: test.authorization}
			for guard, want := range map[*Guard]string{guard: test.want, everybody: test.anybody} {
				_, err := guard.IdentifyBasic(shown)
				var unauthenticated *UnauthenticatedError
				if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || !errors.As(err, &unauthenticated)) {
					t.Errorf("got %v, want %q", err, want)
				} else if err != nil && unauthenticated.Missing != (want == missing) {
					t.Errorf("%v: missing %v", err, unauthenticated.Missing)
				}
			}
		})
	}
	for text, want := range map[string]string{"billing:old": "emea", "export:export": "apac"} {
		caller, err := guard.IdentifyBasic(Credentials{Authorization: basic(text)})
		if err != nil || caller.Account("emea") != want {
			t.Errorf("%s: %+v, %v; want the account %s", text, caller, err, want)
		}
	}
}

func TestACallersSubjectAndAccounts(t *testing.T) {
	key := jwttest.NewKey(t, "one")
	guard, _, err := newGuard(t, `callers:
- {name: readers, claims: {groups: readers}, accounts: [emea, apac]}
- {name: all, certificate: all.internal, accounts: ["*", latam]}
`, key)
	if err != nil {
		t.Fatal(err)
	}
	token := key.Sign(t, jwttest.Claims(issuerURL, map[string]any{"groups": "readers", "sub": "somebody"}))
	caller, err := guard.Identify(t.Context(), Credentials{Authorization: []string{"Bearer " + token}})
	if err != nil || caller.Subject != "somebody" || caller.Name != "readers" {
		t.Errorf("got %+v, %v", caller, err)
	}
	if got := fmt.Sprint(guard.Accounts()); got != "[apac emea latam]" {
		t.Errorf("the policy names the accounts %s", got)
	}
}

// What has nothing to do with a caller's rate does not begin it anew.
func TestARateOutlivesAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const policy = "callers: [{name: a, certificate: a, accounts: [e], requestsPerSecond: %s}, {name: b, certificate: b%s, accounts: [e]}]"
		guard, file, err := newGuard(t, fmt.Sprintf(policy, "0.01", ""), jwttest.NewKey(t, "one"))
		if err != nil {
			t.Fatal(err)
		}
		take := func() error {
			t.Helper()
			caller, err := guard.Identify(t.Context(), Credentials{Certificate: []string{"a"}})
			if err != nil {
				t.Fatal(err)
			}
			return caller.CountRequest()
		}
		reload := func(rate, other string) {
			t.Helper()
			if err := os.WriteFile(file, []byte(fmt.Sprintf(policy, rate, other)), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := guard.Reload(); err != nil {
				t.Fatal(err)
			}
		}
		if err := take(); err != nil {
			t.Error(err)
		}
		reload("0.01", "2")
		if take() == nil {
			t.Error("another entry's change gave it another request")
		}
		reload("0.02", "2")
		if err := take(); err != nil {
			t.Errorf("another rate: %v", err)
		}
	})
}

func TestATokenIsTakenAway(t *testing.T) {
	guard, file, err := newGuard(t, "callers: [{name: a, tokenSHA256: "+sum("token")+", accounts: [emea]}]", jwttest.NewKey(t, "one"))
	if err != nil {
		t.Fatal(err)
	}
	shown := Credentials{Authorization: []string{"Bearer token"}}
	write := func(policy string) error {
		t.Helper()
		if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
			t.Fatal(err)
		}
		return guard.Reload()
	}
	if err := write("callers: []"); err == nil {
		t.Error("a policy of nobody is taken")
	}
	if _, err := guard.Identify(t.Context(), shown); err != nil {
		t.Errorf("the policy there was is gone: %v", err)
	}
	if err := write("callers: [{name: a, tokenSHA256: " + sum("other") + ", accounts: [emea]}]"); err != nil {
		t.Error(err)
	}
	_, err = guard.Identify(t.Context(), shown)
	if refused, ok := errors.AsType[*UnauthenticatedError](err); !ok || refused.Missing {
		t.Errorf("a token that was taken away: %v", err)
	}
}

func TestThePolicyIsChecked(t *testing.T) {
	token := sum("token")
	for name, test := range map[string]struct{ policy, want string }{
		"no YAML":             {"[", "callers.yaml: "},
		"nothing":             {"{}", "there is no caller in it"},
		"an empty file":       {"", "there is no caller in it"},
		"a token as a rate":   {"callers: [{name: a, requestsPerSecond: secret-token}]", "cannot unmarshal !!str into float64"},
		"an empty claim":      {"callers: [{name: a, claims: {sub: }, accounts: [e]}]", "has no name or no value"},
		"claims twice":        {"callers: [{name: a, claims: {sub: s}, accounts: [e]}, {name: b, claims: {sub: s}, accounts: [e]}]", "another entry has the same ones"},
		"two documents":       {"callers: [{name: a, certificate: a, accounts: [e]}]\n---\n{}", "more in it than one document"},
		"a misspelt field":    {"callers: [{name: a, account: [e]}]", "account"},
		"no name":             {"callers: [{certificate: a, accounts: [e]}]", `caller 1, "": name: `},
		"a name with a space": {"callers: [{name: a b, certificate: a, accounts: [e]}]", "name: give 1 to 100 letters"},
		"one name twice":      {"callers: [{name: a, certificate: a, accounts: [e]}, {name: a, certificate: b, accounts: [e]}]", `two callers have the name "a"`},
		"no account":          {"callers: [{name: a, certificate: a}]", "accounts: without one it may do nothing"},
		"an empty account":    {`callers: [{name: a, certificate: a, accounts: [""]}]`, "accounts: a name is empty"},
		"no credentials":      {"callers: [{name: a, accounts: [e]}]", "nothing tells who it is"},
		"a token itself":      {"callers: [{name: a, tokenSHA256: secret-token, accounts: [e]}]", "it is not a valid SHA-256"},
		"a longer hash":       {"callers: [{name: a, tokenSHA256: " + token + "00, accounts: [e]}]", "it is not a valid SHA-256"},
		"one token twice":     {"callers: [{name: a, tokenSHA256: " + token + ", accounts: [e]}, {name: b, tokenSHA256: " + token + ", accounts: [e]}]", "another entry has the same token"},
		"one name of two":     {"callers: [{name: a, certificate: c, accounts: [e]}, {name: b, certificate: c, accounts: [e]}]", `certificate: "c" is that of "a" too`},
		"a negative rate":     {"callers: [{name: a, certificate: a, accounts: [e], requestsPerSecond: -1}]", "requestsPerSecond: -1 requests a second are not possible"},
		"no number":           {"callers: [{name: a, certificate: a, accounts: [e], requestsPerSecond: .nan}]", "NaN requests a second are not possible"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := newGuard(t, test.policy, jwttest.NewKey(t, "one"))
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret-token") {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "callers.yaml")
	for policy, want := range map[string]string{
		"callers: [{name: a, certificate: a, accounts: [e]}]":   "give --client-ca",
		"callers: [{name: a, claims: {sub: a}, accounts: [e]}]": "give --oidc-issuer",
	} {
		if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := New(Settings{File: file}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", policy, err, want)
		}
	}
	if _, err := New(Settings{File: "nowhere"}); err == nil {
		t.Error("a policy that is nowhere is taken")
	}
	if _, err := New(Settings{Certificates: true}); err == nil {
		t.Error("client certificates are taken without a policy")
	}
}

// A caller has its rate, and a second's requests at once; what is refused is not counted.
func TestTheRateOfACaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, guard := range map[string]func() (*Caller, error){
			"in the policy": func() (*Caller, error) {
				guard, _, err := newGuard(t, "callers: [{name: a, certificate: a, accounts: [e], requestsPerSecond: 5}]", jwttest.NewKey(t, "one"))
				if err != nil {
					return nil, err
				}
				return guard.Identify(t.Context(), Credentials{Certificate: []string{"a"}})
			},
			"a host": func() (*Caller, error) {
				guard, err := New(Settings{RequestsPerSecond: 5})
				if err != nil {
					return nil, err
				}
				if _, err := guard.Identify(t.Context(), Credentials{Host: "192.0.2.1"}); err != nil {
					return nil, err
				}
				return guard.Identify(t.Context(), Credentials{Host: "192.0.2.1"})
			},
		} {
			caller, err := guard()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			passed := 0
			var refused *RateError
			for range 100 {
				err := caller.CountRequest()
				if err == nil {
					passed++
				} else if !errors.As(err, &refused) || refused.Wait != 200*time.Millisecond {
					t.Fatalf("%s: %v, want a wait of 200 ms", name, err)
				}
			}
			time.Sleep(refused.Wait)
			if err := caller.CountRequest(); err != nil || passed != 5 {
				t.Errorf("%s: %d requests passed and then %v, want 5 and none", name, passed, err)
			}
		}
	})
	guard, err := New(Settings{})
	if err != nil {
		t.Fatal(err)
	}
	caller, err := guard.Identify(context.Background(), Credentials{Host: "192.0.2.1"})
	if err != nil || caller.Name != "" || !caller.MayAsk("any") || caller.CountRequest() != nil {
		t.Errorf("without bounds: %+v, %v", caller, err)
	}
}
