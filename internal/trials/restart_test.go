package trials_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

// An instance that ends costs no call: what it has under way it answers, and grpc-go sends the rest to the others by itself. But
// the client tries an address that failed again after about a second. So either the next instance ends when the clients are
// back at the last one, or calls wait until there is a connection.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	t.Run("each when the client is back at the last one", func(t *testing.T) { rollingRestart(t, false) })
	t.Run("each when the last one serves, calls wait for a connection", func(t *testing.T) { rollingRestart(t, true) })
}

func rollingRestart(t *testing.T, hurried bool) {
	t.Helper()
	r := newRig(t)
	var servers [3]*server
	var state resolver.State
	for i := range servers {
		servers[i] = r.serve(t)
		state.Addresses = append(state.Addresses, resolver.Address{Addr: servers[i].grpc})
	}
	conn := r.roundRobin(t, state)
	var answers counts
	l := startLoad(t, 200, 100, func(ctx context.Context, iccid string) error {
		var from peer.Peer
		err := askOver(ctx, conn, iccid, grpc.Peer(&from), grpc.WaitForReady(hurried))
		if err == nil {
			answers.add(from.Addr.String())
		}
		return err
	})
	l.goesOn(t, 100)
	for range 2 {
		for i, s := range servers {
			s.terminate(t)
			before := answers.of(s.grpc)
			servers[i] = r.serveOn(t, s.addresses)
			if hurried {
				continue
			}
			back := until(t, patience, "the client's return", func() error {
				if answers.of(s.grpc) == before {
					return errors.New("no answer of the new instance")
				}
				return nil
			})
			t.Logf("instance %d serves again, and has the client back after %s", i+1, back.Round(time.Millisecond))
		}
	}
	l.goesOn(t, 100)
	t.Log(l.stop())
	l.wantNoFailure(t)
	for i, s := range servers {
		if answers.of(s.grpc) == 0 {
			t.Errorf("instance %d answered nothing", i+1)
		}
	}
}

// roundRobin is a connection to several servers that asks them in turn, and makes no retries that its service configuration
// would have to allow.
func (r *rig) roundRobin(t *testing.T, servers resolver.State) *grpc.ClientConn {
	t.Helper()
	const scheme, host = "instances", "127.0.0.1" // the host is in their certificates
	instances := manual.NewBuilderWithScheme(scheme)
	instances.InitialState(servers)
	c := r.caller(t, addresses{grpc: servers.Addresses[0].Addr}, billingToken)
	conn, err := c.connect(scheme+":///"+host, grpc.WithResolvers(instances), grpc.WithDisableRetry(),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}
