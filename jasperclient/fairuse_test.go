package jasperclient_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zoneusage/zoneusage/jasperclient"
	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// inMemory is a network of one server, for virtual time: a real one's waits are not the bubble's.
type inMemory struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (n *inMemory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case n.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept, Close and Addr implement net.Listener.
func (n *inMemory) Accept() (net.Conn, error) {
	select {
	case conn := <-n.conns:
		return conn, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

func (n *inMemory) Close() error { n.once.Do(func() { close(n.done) }); return nil }
func (*inMemory) Addr() net.Addr { return &net.TCPAddr{} }

// clientOf is a client of a sandbox over HTTP in memory, both of this bubble.
func clientOf(t *testing.T, handler http.Handler, fair jasperclient.FairUse) *jasperclient.Client {
	t.Helper()
	network := &inMemory{conns: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{Handler: handler}
	served := make(chan error)
	go func() { served <- server.Serve(network) }()
	client, err := jasperclient.New("http://127.0.0.1", jasperclient.Credentials{Username: "sandbox", APIKey: "sandbox"},
		jasperclient.WithTransport(&http.Transport{DialContext: network.dial}), jasperclient.WithFairUse(fair))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		_ = server.Close() // it ends in any case
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return client
}

// askAll asks for so many devices at once and counts the outcomes.
func askAll(t *testing.T, client *jasperclient.Client, devices int, patience time.Duration) (answered, refused, told int) {
	t.Helper()
	var mu sync.Mutex
	var asking sync.WaitGroup
	for i := range devices {
		asking.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := client.UsageInZone(ctx, jasperclient.UsageQuery{ICCID: jasperclient.ICCID(sandbox.GeneratedICCID(i))})
			var busy *jasperclient.BusyError
			var apiError *jasperclient.APIError
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				answered++
			case errors.As(err, &busy):
				told++
			case errors.As(err, &apiError) && apiError.Code == jasperclient.CodeRateLimitExceeded:
				refused++
			default:
				t.Error(err)
			}
		})
	}
	asking.Wait()
	return answered, refused, told
}

// A thousand callers who come at once use every call that the account is allowed, and not one more.
func TestAThousandCallersKeepTheLaw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		controlCenter, err := sandbox.New(sandbox.WithFairUse(1, 5), sandbox.WithLatency(50*time.Millisecond), sandbox.WithDevices(1000))
		if err != nil {
			t.Fatal(err)
		}
		client := clientOf(t, controlCenter, jasperclient.FairUse{CallsInFlight: 1, CallsPerSecond: 5, MaxWaiting: 1000})
		start := time.Now()
		answered, refused, told := askAll(t, client, 1000, 10*time.Minute)
		took := time.Since(start)
		ledger := controlCenter.Ledger()
		used := float64(ledger.Calls) / (5 * took.Seconds())
		t.Logf("%d calls in %v: %d overruns, at most %d in flight, %.1f %% of the allowed calls used",
			ledger.Calls, took, ledger.Overruns, ledger.MostInFlight, 100*used)
		if answered != 1000 || refused != 0 || told != 0 || ledger.Calls != 1000 || ledger.Overruns != 0 || ledger.MostInFlight != 1 || used < 0.99 {
			t.Errorf("%d answered, %d refused, %d told to wait; ledger %+v", answered, refused, told, ledger)
		}
	})
}

// An account that allows half of what it is said to: everybody is served, the refusals are few, and little is lost.
func TestAnAccountThatAllowsHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		controlCenter, err := sandbox.New(sandbox.WithFairUse(1, 2.5), sandbox.WithLatency(50*time.Millisecond), sandbox.WithDevices(1000))
		if err != nil {
			t.Fatal(err)
		}
		client := clientOf(t, controlCenter, jasperclient.FairUse{CallsInFlight: 1, CallsPerSecond: 5, MaxWaiting: 1000})
		start := time.Now()
		answered, refused, told := askAll(t, client, 1000, time.Hour)
		took := time.Since(start)
		ledger := controlCenter.Ledger()
		used := float64(answered) / (2.5 * took.Seconds())
		t.Logf("%d answered, %d refused and %d told to wait in %v: %d overruns, %.1f %% of the real limit",
			answered, refused, told, took, ledger.Overruns, 100*used)
		if answered != 1000 || refused != 0 || told != 0 || ledger.Overruns > 12 || used < 0.9 {
			t.Errorf("%d answered, %d refused, %d told to wait; ledger %+v", answered, refused, told, ledger)
		}
	})
}
