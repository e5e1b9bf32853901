package sandbox_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

const challenge = `Basic realm="Jasper"`

// Some HTTP libraries send credentials only after a challenge: the vendor's own
// Node sample does.
func TestChallengeThenCredentials(t *testing.T) {
	server := serve(t)
	first := do(t, server, http.MethodGet, exampleDevice, func(*http.Request) {})
	checkError(t, first, http.StatusUnauthorized, `{"errorMessage":"Full authentication is required to access this resource"}`)
	if got := first.header.Get("WWW-Authenticate"); got != challenge {
		t.Fatalf("challenge %q, want %q", got, challenge)
	}
	if second := get(t, server, exampleDevice); second.status != http.StatusOK {
		t.Errorf("status %d with credentials", second.status)
	}
}

func TestWrongCredentials(t *testing.T) {
	server := serve(t, sandbox.WithCredentials("someone", "00000000-0000-4000-8000-000000000000"))
	for name, change := range map[string]func(*http.Request){
		"user name":    func(r *http.Request) { r.SetBasicAuth("other", "00000000-0000-4000-8000-000000000000") },
		"API key":      func(r *http.Request) { r.SetBasicAuth("someone", "") },
		"the defaults": func(r *http.Request) { r.SetBasicAuth("sandbox", "sandbox") },
		"scheme":       func(r *http.Request) { r.Header.Set("Authorization", "Bearer token") },
		"not base64":   func(r *http.Request) { r.Header.Set("Authorization", "Basic ???") },
	} {
		t.Run(name, func(t *testing.T) {
			got := do(t, server, http.MethodGet, exampleDevice, change)
			checkError(t, got, http.StatusUnauthorized, `{"errorMessage":"Invalid credentials.","errorCode":"10000001"}`)
			if got.header.Get("WWW-Authenticate") != challenge {
				t.Error("a 401 without a challenge")
			}
		})
	}
	right := func(r *http.Request) { r.SetBasicAuth("someone", "00000000-0000-4000-8000-000000000000") }
	if got := do(t, server, http.MethodGet, exampleDevice, right); got.status != http.StatusOK {
		t.Errorf("status %d with the right credentials", got.status)
	}
}

// Whoever has no credentials learns nothing about the request.
func TestCredentialsComeFirst(t *testing.T) {
	server := serve(t)
	for _, target := range []string{
		"/rws/api/v2/devices/1/usageInZone?unknown=x",
		usage(sandbox.TroublePrefix + "30000001"),
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if got := do(t, server, method, target, func(*http.Request) {}); got.status != http.StatusUnauthorized {
				t.Errorf("%s %s: status %d", method, target, got.status)
			}
		}
	}
}

func TestOtherPathsAreHTML(t *testing.T) {
	server := serve(t)
	for _, path := range []string{
		"/",
		"/rws/api/v1/devices/" + exampleICCID,
		"/rws/api/v1/devices/" + exampleICCID + "/usageInZone/",
		"/rws/api/v1/devices//usageInZone",
		"/rws/api/1/devices/" + exampleICCID + "/usageInZone",
		"/rws/api/v/devices/" + exampleICCID + "/usageInZone",
		"//rws/api/v1/devices/" + exampleICCID + "/usageInZone",
		"/RWS/api/v1/devices/" + exampleICCID + "/usageInZone",
	} {
		checkHTML(t, path, get(t, server, path), http.StatusNotFound)
	}
}

func TestOtherMethodsAreHTML(t *testing.T) {
	server := serve(t)
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		got := do(t, server, method, exampleDevice, func(r *http.Request) { r.SetBasicAuth("sandbox", "sandbox") })
		checkHTML(t, method, got, http.StatusMethodNotAllowed)
		if allow := got.header.Get("Allow"); allow != "GET, HEAD" {
			t.Errorf("%s: Allow %q", method, allow)
		}
	}
}

func checkHTML(t *testing.T, name string, got reply, status int) {
	t.Helper()
	if got.status != status || got.header.Get("Content-Type") != "text/html" || !strings.HasPrefix(got.body, "<html>") {
		t.Errorf("%s: status %d, type %q, body %q", name, got.status, got.header.Get("Content-Type"), got.body)
	}
}

func TestHead(t *testing.T) {
	got := do(t, serve(t), http.MethodHead, exampleDevice, func(r *http.Request) { r.SetBasicAuth("sandbox", "sandbox") })
	if got.status != http.StatusOK || got.body != "" || got.header.Get("Content-Length") != "704" {
		t.Errorf("status %d, body %q, length %s", got.status, got.body, got.header.Get("Content-Length"))
	}
}

func TestPathSegmentsAreDecoded(t *testing.T) {
	s := newSandbox(t)
	if got := ask(s, "/rws/api/%761/devices/%38988217755520000031/usageIn%5aone"); got.status != http.StatusOK {
		t.Errorf("encoded letters: status %d", got.status)
	}
	if got := ask(s, devices+"1%2F2/usageInZone"); got.code(t) != "20000001" {
		t.Errorf("an encoded slash: %s, want an unknown device", got.body)
	}
}
