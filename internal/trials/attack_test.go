package trials_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"
)

// What holds during every attack.
const (
	// slowestAnswer is the most that an answer takes another caller meanwhile.
	slowestAnswer = 5 * time.Second
	// moreHeap, in MiB, moreGoroutines and moreDescriptors are what the server may still hold of it when it is over. Go keeps half
	// a KiB of every goroutine that there was at once.
	moreHeap, moreGoroutines, moreDescriptors = 32, 40, 20
	// moreMetrics is by how much the page of metrics may have grown, in KiB: callers choose no label.
	moreMetrics = 8
)

// bounds are the most of the server's memory, in MiB, and of its goroutines during an attack. The memory is what its operator gives
// it, in the way of docs/operations.md: without a limit, how much garbage there is at once is the machine's speed.
type bounds struct{ resident, goroutines int }

// An attacker does something to a door, and counts what the door says to it.
type attacker struct {
	addr      string
	door      string // gRPC or REST
	config    *tls.Config
	token     string
	said      counts
	listening sync.WaitGroup
}

// newAttacker has a token: the worst are those who are let in.
func newAttacker(door, addr string) *attacker {
	// Whose door it is does not matter to them, so their handshakes cost less.
	return &attacker{addr: addr, door: door, config: &tls.Config{InsecureSkipVerify: true}, token: billingToken}
}

// An attack tells what it did. It ends its connections.
type attack func(t *testing.T, a *attacker) string

// fields are the headers of a question that the door takes.
func (a *attacker) fields() []hpack.HeaderField {
	fields := []hpack.HeaderField{
		{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "127.0.0.1"},
		{Name: ":path", Value: usagePath("8988217755520000031") + "?maxAge=0s"},
	}
	if a.door == "gRPC" {
		fields[0].Value = "POST"
		fields[3].Value = "/jasper.usage.v1.UsageService/GetDeviceUsageInZone"
		fields = append(fields, hpack.HeaderField{Name: "content-type", Value: "application/grpc"}, hpack.HeaderField{Name: "te", Value: "trailers"})
	}
	return append(fields, hpack.HeaderField{Name: "authorization", Value: "Bearer " + a.token})
}

// endure lets a new server endure the attack at both doors, and a bare server of grpc-go's, for what it says.
func endure(t *testing.T, limit bounds, do attack) {
	t.Helper()
	for _, door := range []string{"gRPC", "REST"} {
		t.Run(door, func(t *testing.T) {
			r := newRig(t)
			endureAt(t, r, door, limit, do)
			if door == "gRPC" {
				did, said := newAttacker(door, r.bareGRPC(t)).run(t, do)
				t.Logf("a bare grpc-go: %s; it said: %s", did, said)
			}
		})
	}
}

// run tells what the attack did, and what the server said to it.
func (a *attacker) run(t *testing.T, do attack) (did, said string) {
	t.Helper()
	did = do(t, a)
	a.listening.Wait()
	return did, a.said.list()
}

func endureAt(t *testing.T, r *rig, door string, limit bounds, do attack) {
	t.Helper()
	r.env = append(r.env, fmt.Sprintf("GOMEMLIMIT=%dMiB", limit.resident*9/10))
	s := r.serve(t)
	addr := s.grpc
	if door == "REST" {
		addr = s.http
	}
	c := r.caller(t, s.addresses, billingToken)
	other := startLoad(t, 20, 5, c.overGRPC, c.overREST, c.overNewGRPC, c.overNewREST)
	other.goesOn(t, 10)
	before := s.liveVitals(t)
	watch := s.watch(t, 100*time.Millisecond)

	did, said := newAttacker(door, addr).run(t, do)
	t.Logf("%s; the server said: %s", did, said)
	s.endured(t, before, watch.stop(), limit)
	other.goesOn(t, 10)
	t.Logf("the other caller: %s", other.stop())
	other.wantNoFailure(t)
	if slowest := other.quantile(1); slowest > slowestAnswer {
		t.Errorf("its slowest answer took %s, want at most %s", slowest, slowestAnswer)
	}
}

// endured compares what the server held before, meanwhile and when all is over.
func (s *server) endured(t *testing.T, before vitals, during []vitals, limit bounds) {
	t.Helper()
	most := vitals{resident: s.mostResident(t)}
	for _, v := range during {
		most.used, most.heap = max(most.used, v.used), max(most.heap, v.heap)
		most.goroutines = max(most.goroutines, v.goroutines)
		most.descriptors = max(most.descriptors, v.descriptors)
	}
	t.Logf("before: %s", before)
	t.Logf("at most: %s", most)
	if most.resident > limit.resident || most.goroutines > limit.goroutines {
		t.Errorf("want at most %d MiB resident and %d goroutines", limit.resident, limit.goroutines)
	}
	var after vitals
	took := until(t, patience, "that the server is as before", func() error {
		after = s.liveVitals(t)
		if after.heap > before.heap+moreHeap || after.goroutines > before.goroutines+moreGoroutines ||
			after.descriptors > before.descriptors+moreDescriptors || after.metrics > before.metrics+moreMetrics {
			return fmt.Errorf("%s", after)
		}
		return nil
	})
	t.Logf("after %s: %s; %d MiB logged", took.Round(time.Millisecond), after, s.logSize(t))
}

// list tells the counts, most first.
func (c *counts) list() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.by) == 0 {
		return "nothing"
	}
	names := slices.SortedFunc(maps.Keys(c.by), func(x, y string) int { return c.by[y] - c.by[x] })
	parts := make([]string, 0, len(names))
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%d × %s", c.by[name], name))
	}
	return strings.Join(parts, ", ")
}

// floodTime is how long a flood lasts.
const floodTime = 2 * time.Second

// flood sends with several connections at once what send sends, as fast as the server takes it, for floodTime; a connection that the
// server closes is replaced. It counts what was sent. A deaf flood does not read what the server says.
func (a *attacker) flood(deaf bool, send func(w *wire, n uint32) error) (sent, connections int) {
	const senders = 4
	ctx, cancel := context.WithTimeout(context.Background(), floodTime)
	defer cancel()
	var mu sync.Mutex
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			for ctx.Err() == nil {
				n := a.floodOnce(ctx, deaf, send)
				mu.Lock()
				sent += n
				connections++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return sent, connections
}

func (a *attacker) floodOnce(ctx context.Context, deaf bool, send func(w *wire, n uint32) error) (sent int) {
	w, err := a.newWire()
	if err != nil {
		a.said.add("took no connection")
		return 0
	}
	stop := context.AfterFunc(ctx, func() { _ = w.conn.Close() }) // also where it is stuck
	defer stop()
	defer func() { _ = w.conn.Close() }()
	if !deaf {
		a.listen(w)
	}
	for ; ctx.Err() == nil; sent++ {
		if err := send(w, uint32(sent)); err != nil {
			break
		}
	}
	return sent
}
