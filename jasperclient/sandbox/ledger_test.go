package sandbox_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// checkLedger compares the ledger of a sandbox with one account.
func checkLedger(t *testing.T, s *sandbox.Sandbox, want sandbox.Counts) {
	t.Helper()
	ledger := s.Ledger()
	if ledger.Counts != want || !maps.Equal(ledger.ByAccount, map[string]sandbox.Counts{"sandbox": want}) {
		t.Errorf("ledger %+v, want %+v", ledger, want)
	}
}

func TestLedgerAsJSON(t *testing.T) {
	s := newSandbox(t, sandbox.WithFairUse(1, 1))
	before := s.Ledger()
	ask(s, exampleDevice)
	ask(s, exampleDevice)
	for _, test := range []struct {
		ledger sandbox.Ledger
		want   string
	}{
		{before, `{"calls":0,"overruns":0,"mostInFlight":0,"byAccount":{"sandbox":{"calls":0,"overruns":0,"mostInFlight":0}}}`},
		{s.Ledger(), `{"calls":2,"overruns":1,"mostInFlight":1,"byAccount":{"sandbox":{"calls":2,"overruns":1,"mostInFlight":1}}}`},
	} {
		if got, err := json.Marshal(test.ledger); err != nil || string(got) != test.want {
			t.Errorf("%s, %v, want %s", got, err, test.want)
		}
	}
}

// A call is the account's when it reaches the API, whatever it is answered.
func TestWhichCallsCount(t *testing.T) {
	right := func(r *http.Request) { r.SetBasicAuth("sandbox", "sandbox") }
	for name, test := range map[string]struct {
		method, target string
		change         func(*http.Request)
		calls          int
	}{
		"an answer":            {http.MethodGet, exampleDevice, right, 1},
		"an answer's header":   {http.MethodHead, exampleDevice, right, 1},
		"an unknown device":    {http.MethodGet, usage("1"), right, 1},
		"an unknown parameter": {http.MethodGet, usage(exampleICCID, "x", "y"), right, 1},
		"another version":      {http.MethodGet, "/rws/api/v2/devices/1/usageInZone", right, 1},
		"trouble":              {http.MethodGet, usage(sandbox.TroublePrefix + "40000029"), right, 1},
		"no credentials":       {http.MethodGet, exampleDevice, func(*http.Request) {}, 0},
		"wrong credentials":    {http.MethodGet, exampleDevice, func(r *http.Request) { r.SetBasicAuth("sandbox", "") }, 0},
		"another path":         {http.MethodGet, "/ledger", right, 0},
		"another method":       {http.MethodPost, exampleDevice, right, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSandbox(t)
			server := httptest.NewServer(s)
			defer server.Close()
			do(t, server, test.method, test.target, test.change)
			checkLedger(t, s, sandbox.Counts{Calls: test.calls, MostInFlight: test.calls})
		})
	}
}

// A call that its client gave up was a call, and is in flight no longer.
func TestLedgerOfACallGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, sandbox.WithFairUse(1, 0), sandbox.WithLatency(time.Hour))
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, exampleDevice, nil)
			r.SetBasicAuth("sandbox", "sandbox")
			s.ServeHTTP(httptest.NewRecorder(), r)
			cancel()
		}
		checkLedger(t, s, sandbox.Counts{Calls: 2, MostInFlight: 1})
	})
}

// A client that waits for an answer's end before it asks again is never two calls at once, whatever its
// connections: for the race detector too.
func TestOneAtATimeIsNeverAnOverrun(t *testing.T) {
	s := newSandbox(t, sandbox.WithFairUse(1, 0))
	server := httptest.NewServer(s)
	defer server.Close()
	var turn sync.Mutex
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 25 {
				turn.Lock()
				get(t, server, exampleDevice)
				turn.Unlock()
				s.Ledger()
			}
		})
	}
	group.Wait()
	checkLedger(t, s, sandbox.Counts{Calls: 200, MostInFlight: 1})
}
