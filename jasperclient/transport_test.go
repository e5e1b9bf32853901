package jasperclient_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/zoneusage/zoneusage/jasperclient"
)

// However many calls are under way at once, their connections serve the next ones too.
func TestConnectionsAreKept(t *testing.T) {
	const inFlight, rounds = 16, 10
	var connections atomic.Int32
	var arrived sync.WaitGroup
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived.Done()
		arrived.Wait() // all are under way together
		goodAnswer(w, r)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.StartTLS()
	defer server.Close()
	standard := http.DefaultTransport
	http.DefaultTransport = server.Client().Transport // whose settings a client's transport has
	defer func() { http.DefaultTransport = standard }()
	client, err := jasperclient.New(server.URL, jasperclient.Credentials{Username: "user", APIKey: apiKey},
		jasperclient.WithFairUse(jasperclient.FairUse{CallsInFlight: inFlight, CallsPerSecond: 1e6, MaxWaiting: 1000}))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for range rounds {
		arrived.Add(inFlight)
		var asking sync.WaitGroup
		for range inFlight {
			asking.Go(func() {
				if _, err := client.UsageInZone(t.Context(), question); err != nil {
					t.Error(err)
				}
			})
		}
		asking.Wait()
	}
	// A call can come before the connection of the one before it is back: then it has a new one, but not in each round.
	if n := connections.Load(); n > 2*inFlight {
		t.Errorf("%d connections for %d calls, %d at once", n, rounds*inFlight, inFlight)
	}
}
