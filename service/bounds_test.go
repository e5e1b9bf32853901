package service_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/zoneusage/zoneusage/internal/callers"
	"github.com/zoneusage/zoneusage/internal/jwttest"
	"github.com/zoneusage/zoneusage/service"
)

// A door that has as many connections as it may have closes the next one, and takes others when one has gone.
func TestTheConnectionsOfADoorAreBounded(t *testing.T) {
	const most = 3
	r := newRig(t, newSandbox(t), func(cfg *service.Config) { cfg.MaxConnections = most })
	for door, addr := range map[string]string{"grpc": r.grpcAddr, "rest": strings.TrimPrefix(r.url, "http://")} {
		var conns []net.Conn
		for range most {
			conns = append(conns, connect(t, addr))
		}
		refused := connect(t, addr)
		if n, err := refused.Read(make([]byte, 1)); err == nil {
			t.Errorf("%s: one connection too many reads %d bytes", door, n)
		}
		told := 0
		for _, line := range r.lines(t) {
			if line["door"] == door && line["max_connections"] == float64(most) {
				told++
			}
		}
		if told != 1 {
			t.Errorf("%s: the log tells of it %d times, want once", door, told)
		}
		for _, conn := range conns {
			conn.Close()
		}
	}
	for { // the places are free again, as soon as the server knows
		got := askGRPC(t.Context(), t, r, &request{Iccid: exampleICCID})
		if got.status == nil {
			break
		}
		if codes.Code(got.status.GetCode()) != codes.Unavailable {
			t.Fatal(got.status)
		}
	}
}

func connect(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// A thousand watch the service's health without being known, and no more; when one leaves there is a place.
func TestStrangersWhoWatchAreBounded(t *testing.T) {
	g := newGuardedRig(t)
	const most, connections = 1000, 2 // a connection has a bound of its own
	var checks []healthpb.HealthClient
	for range connections {
		checks = append(checks, healthpb.NewHealthClient(g.as(t, "", nil).conn))
	}
	var leave context.CancelFunc
	for i := range most {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		leave = cancel
		watch, err := checks[i%connections].Watch(ctx, &healthpb.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		expectHealth(t, watch, healthpb.HealthCheckResponse_SERVING)
	}
	again := func() error {
		watch, err := checks[0].Watch(t.Context(), &healthpb.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = watch.Recv()
		return err
	}
	if err := again(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("one too many: %v", err)
	}
	leave()
	for { // the server learns of it at its own time
		err := again()
		if err == nil {
			break
		}
		if status.Code(err) != codes.ResourceExhausted {
			t.Fatal(err)
		}
	}
}

// A token that cannot be checked is not let in, and its caller told to come again.
func TestAnIssuerThatCannotBeAsked(t *testing.T) {
	g := newGuardedRig(t)
	remote := jwttest.NewIssuer(t)
	remote.SetDown(true)
	issuer, err := callers.NewIssuer(callers.IssuerSettings{URL: remote.URL, Audience: jwttest.Audience, Algorithms: []string{"ES256"}})
	if err != nil {
		t.Fatal(err)
	}
	guard, err := callers.New(callers.Settings{File: g.policy, Certificates: true, Issuer: issuer})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		issuer.Run(ctx, func(error) {})
	}()
	t.Cleanup(func() { stop(); <-ended })
	g.rig = newRig(t, newSandbox(t), func(cfg *service.Config) { cfg.Certificates, cfg.Callers = g.certs, guard })
	seen := g.as(t, g.key.Sign(t, jwttest.Claims(remote.URL, nil)), nil)
	for door, ask := range doors {
		got := ask(t.Context(), t, seen, &request{Iccid: exampleICCID})
		if reason := reasonIn(t, got.status); reason != "ISSUER_UNAVAILABLE" || got.retryAfter == "" || codes.Code(got.status.GetCode()) != codes.Unavailable {
			t.Errorf("%s: %v, retry after %q, want ISSUER_UNAVAILABLE and a time", door, got.status, got.retryAfter)
		}
		if g.calls.Load() != 0 {
			t.Errorf("%s: the call reached Control Center", door)
		}
	}
}
