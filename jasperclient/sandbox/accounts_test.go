package sandbox_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// askAs calls with credentials.
func askAs(s http.Handler, username, apiKey string) reply {
	r := httptest.NewRequest(http.MethodGet, exampleDevice, nil)
	r.SetBasicAuth(username, apiKey)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return reply{w.Code, w.Header(), w.Body.String()}
}

func TestAccountsHaveTheSameDevices(t *testing.T) {
	server := serve(t, sandbox.WithAccount("a", "key of a"), sandbox.WithCredentials("main", "key of main"), sandbox.WithAccount("b", "key:of:b"))
	as := func(username, apiKey string) reply {
		return do(t, server, http.MethodGet, exampleDevice, func(r *http.Request) { r.SetBasicAuth(username, apiKey) })
	}
	want := as("main", "key of main")
	for username, apiKey := range map[string]string{"a": "key of a", "b": "key:of:b"} {
		if got := as(username, apiKey); got.status != http.StatusOK || got.body != want.body {
			t.Errorf("%s: status %d, %s\nwant\n%s", username, got.status, got.body, want.body)
		}
	}
	for _, wrong := range [][2]string{{"a", "key of main"}, {"a", "key:of:b"}, {"main", "key of a"}, {"b", ""}, {"sandbox", "sandbox"}, {"nobody", ""}, {"", ""}} {
		checkError(t, as(wrong[0], wrong[1]), http.StatusUnauthorized, `{"errorMessage":"Invalid credentials.","errorCode":"10000001"}`)
	}
}

func TestLedgerByAccount(t *testing.T) {
	s := newSandbox(t, sandbox.WithAccount("a", "a"), sandbox.WithAccount("idle", "idle"))
	for _, account := range []string{"a", "sandbox", "a"} {
		askAs(s, account, account)
	}
	askAs(s, "a", "sandbox")
	ledger := s.Ledger()
	want := map[string]sandbox.Counts{"a": {Calls: 2, MostInFlight: 1}, "sandbox": {Calls: 1, MostInFlight: 1}, "idle": {}}
	if ledger.Counts != (sandbox.Counts{Calls: 3, MostInFlight: 1}) || !maps.Equal(ledger.ByAccount, want) {
		t.Errorf("%+v, want %v", ledger, want)
	}
}

// What one account calls is nothing to another: neither its calls in flight nor those of the last second.
func TestEachAccountHasALimitOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, sandbox.WithAccount("a", "a"), sandbox.WithFairUse(2, 2), sandbox.WithAccount("b", "b"))
		check := func(account string, want ...int) {
			t.Helper()
			for i, status := range want {
				if got := askAs(s, account, account); got.status != status {
					t.Errorf("call %d of %s: status %d, want %d", i, account, got.status, status)
				}
			}
		}
		check("a", 200, 200, 429)
		time.Sleep(time.Second / 2)
		check("b", 200, 200, 429)
		check("sandbox", 200)
		time.Sleep(time.Second / 2)
		check("a", 200, 200, 429)
		check("b", 429)
		check("sandbox", 200, 429)
		ledger := s.Ledger()
		want := map[string]sandbox.Counts{
			"a":       {Calls: 6, Overruns: 2, MostInFlight: 1},
			"b":       {Calls: 4, Overruns: 2, MostInFlight: 1},
			"sandbox": {Calls: 3, Overruns: 1, MostInFlight: 1},
		}
		if ledger.Counts != (sandbox.Counts{Calls: 13, Overruns: 5, MostInFlight: 1}) || !maps.Equal(ledger.ByAccount, want) {
			t.Errorf("%+v, want %v", ledger, want)
		}
	})
}

func TestCallsInFlightByAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, sandbox.WithAccount("a", "a"), sandbox.WithFairUse(1, 0), sandbox.WithLatency(time.Second))
		statuses := make(chan int, 2)
		for _, account := range []string{"a", "sandbox"} {
			go func() { statuses <- askAs(s, account, account).status }()
		}
		if first, second := <-statuses, <-statuses; first != http.StatusOK || second != http.StatusOK {
			t.Errorf("statuses %d and %d of one call in flight each", first, second)
		}
		ledger := s.Ledger()
		one := sandbox.Counts{Calls: 1, MostInFlight: 1}
		if ledger.Counts != (sandbox.Counts{Calls: 2, MostInFlight: 2}) || !maps.Equal(ledger.ByAccount, map[string]sandbox.Counts{"a": one, "sandbox": one}) {
			t.Errorf("%+v", ledger)
		}
	})
}

// A name is refused wherever its second account stands among the options, and no key is shown.
func TestTwoAccountsOfOneName(t *testing.T) {
	for name, opts := range map[string][]sandbox.Option{
		"two further ones":   {sandbox.WithAccount("a", "secret"), sandbox.WithAccount("a", "secret")},
		"the first one":      {sandbox.WithCredentials("a", "secret"), sandbox.WithAccount("a", "another secret")},
		"the first one last": {sandbox.WithAccount("a", "secret"), sandbox.WithCredentials("a", "another secret")},
	} {
		s, err := sandbox.New(opts...)
		if s != nil || err == nil || err.Error() != `sandbox: credentials: two accounts have the user name "a"` || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	if _, err := sandbox.New(sandbox.WithAccount("sandbox", "key"), sandbox.WithCredentials("someone", "key")); err != nil {
		t.Errorf("the default's name, which is free: %v", err)
	}
}
