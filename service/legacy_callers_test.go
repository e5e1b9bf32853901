package service_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/zoneusage/zoneusage/internal/jwttest"
	"github.com/zoneusage/zoneusage/service"
)

// Who may ask: the name and a token of one entry of the policy, and nobody by anything else.
func TestWhoMayAskTheLegacyDoor(t *testing.T) {
	g := newGuardedRig(t, legacy)
	dashboard := g.ca.Issue(t, nil, "dashboard.internal")
	const badPath = "/rws/api/v2/devices/12/usageInZone?x"
	for name, test := range map[string]struct {
		authorization string
		pair          *tls.Certificate
		want          string // empty for an answer
		target        string
	}{
		"a name and its token":           {basic("billing", "billing-token"), nil, "", legacyPath},
		"with a certificate of another":  {basic("billing", "billing-token"), &dashboard, "", legacyPath},
		"a name in other letters":        {basic("Billing", "billing-token"), nil, saysStranger, legacyPath},
		"a wrong token":                  {basic("billing", "x"), nil, saysStranger, legacyPath},
		"the token of another":           {basic("billing", "seldom-token"), nil, saysStranger, legacyPath},
		"the name of another":            {basic("dashboard", "billing-token"), nil, saysStranger, legacyPath},
		"a token's hash":                 {basic("billing", sha("billing-token")), nil, saysStranger, legacyPath},
		"a token alone":                  {basic("", "billing-token"), nil, saysStranger, legacyPath},
		"a bearer token":                 {"Bearer billing-token", nil, saysStranger, legacyPath},
		"a JWT":                          {"Bearer " + g.key.Sign(t, jwttest.Claims(g.issuer, nil)), nil, saysStranger, legacyPath},
		"a JWT as the token":             {basic("reports", g.key.Sign(t, jwttest.Claims(g.issuer, nil))), nil, saysStranger, legacyPath},
		"a certificate":                  {"", &dashboard, saysNobody, legacyPath},
		"nothing":                        {"", nil, saysNobody, legacyPath},
		"only an account there is not":   {basic("elsewhere", "elsewhere-token"), nil, saysNoAccount, legacyPath},
		"nothing, with a bad path":       {"", nil, saysNobody, badPath},
		"a wrong token, with a bad path": {basic("billing", "x"), nil, saysStranger, badPath},
	} {
		t.Run(name, func(t *testing.T) {
			seen := g.as(t, "", test.pair)
			calls := g.calls.Load()
			q := legacyQuestion{http.MethodGet, test.target, nil}
			if test.authorization != "" {
				q.authorization = []string{test.authorization}
			}
			got, err := q.ask(seen.http, seen.url)
			if err != nil {
				t.Fatal(err)
			}
			if test.want == "" {
				if got.Status != http.StatusOK {
					t.Errorf("%+v", got)
				}
				return
			}
			if got.refusal() != test.want || g.calls.Load() != calls {
				t.Errorf("got %s, want %s, and no call of Control Center", got.refusal(), test.want)
			}
			if challenged := got.Header.Get("WWW-Authenticate") == `Basic realm="Jasper"`; challenged != (got.Status == http.StatusUnauthorized) {
				t.Errorf("%+v", got)
			}
		})
	}
	for _, want := range []int{http.StatusOK, http.StatusTooManyRequests, http.StatusTooManyRequests} { // one in a thousand seconds
		got, err := legacyQuestion{http.MethodGet, legacyPath, []string{basic("seldom", "seldom-token")}}.ask(g.as(t, "", nil).http, strings.Replace(g.url, "http:", "https:", 1))
		if err != nil || got.Status != want || (want != http.StatusOK && got.refusal() != saysBusy) {
			t.Errorf("%+v, %v; want %d", got, err, want)
		}
	}
	if log := g.log.String(); !strings.Contains(log, `"door":"legacy"`) || !strings.Contains(log, `"caller":"billing"`) || strings.Contains(log, "billing-token") {
		t.Error("the log lacks the door or the caller, or has a token")
	}
}

// The path names no account: it is the default one, or the first of a caller's who may not ask that.
func TestTheAccountOfTheLegacyDoor(t *testing.T) {
	first, second := httptest.NewServer(newSandbox(t)), httptest.NewServer(newSandbox(t))
	defer first.Close()
	defer second.Close()
	usage, err := service.New(keep, service.Account{Name: "first", Client: newClient(t, first.URL)}, service.Account{Name: "second", Client: newClient(t, second.URL)})
	if err != nil {
		t.Fatal(err)
	}
	guard := newPolicy(t, `callers:
- {name: all, tokenSHA256: `+sha("1")+`, accounts: ["*"]}
- {name: both, tokenSHA256: `+sha("2")+`, accounts: [second, first]}
- {name: one, tokenSHA256: `+sha("3")+`, accounts: [second, third]}
`)
	r := newRigFor(t, usage, legacy, func(cfg *service.Config) { cfg.Callers = guard })
	for credentials, want := range map[[2]string]string{{"all", "1"}: "first", {"both", "2"}: "first", {"one", "3"}: "second"} {
		req, err := http.NewRequest(http.MethodGet, r.url+legacyPath, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(credentials[0], credentials[1])
		resp, err := r.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("X-Usage-Account"); resp.StatusCode != http.StatusOK || got != want {
			t.Errorf("%s: HTTP status %d of account %q, want %s", credentials[0], resp.StatusCode, got, want)
		}
	}
}

// Without a policy everybody may ask who shows what Control Center wants to see.
func TestTheLegacyDoorWithoutAPolicy(t *testing.T) {
	r := newRig(t, newSandbox(t), legacy)
	for authorization, want := range map[string]string{
		basic("anybody", "anything"): "", "": saysNobody, "Bearer x": saysStranger, basic("", ""): saysStranger, basic("anybody", ""): saysStranger,
	} {
		got, err := legacyQuestion{http.MethodGet, legacyPath, []string{authorization}}.ask(r.http, r.url)
		if err != nil || (want == "" && got.Status != http.StatusOK) || (want != "" && got.refusal() != want) {
			t.Errorf("%q: %+v, %v; want %s", authorization, got, err, want)
		}
	}
}
