package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/encoding/protojson"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/callers"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// benchedICCID is the device that the benchmarks ask for.
const benchedICCID = "8988217755520000031"

// usageOf has so many plans of so many zones.
func usageOf(plans, zones int) *jasperclient.DeviceUsage {
	usage := &jasperclient.DeviceUsage{
		ICCID: benchedICCID, Timestamp: time.Now(), CycleStart: time.Now().Add(-240 * time.Hour), CycleEnd: time.Now().Add(480 * time.Hour),
	}
	for i := range plans {
		plan := jasperclient.RatePlanUsage{RatePlan: fmt.Sprintf("Rate Plan %c", 'A'+i), Version: 1}
		for j := range zones {
			n := int64(1000*i + j)
			plan.Zones = append(plan.Zones, jasperclient.ZoneUsage{Zone: fmt.Sprintf("zone %02d", j), Usage: jasperclient.Usage{DataBytes: &n, VoiceMOSeconds: &n}})
		}
		usage.RatePlans = append(usage.RatePlans, plan)
	}
	return usage
}

// sizes are the answers that are measured.
var sizes = map[string]*jasperclient.DeviceUsage{"small": usageOf(2, 1), "large": usageOf(10, 20)}

// newBenched is a service that has the answer kept, and a passage with all that a production set-up has.
func newBenched(tb testing.TB, usage *jasperclient.DeviceUsage) (*UsageService, Config) {
	tb.Helper()
	client, err := jasperclient.New("http://127.0.0.1", jasperclient.Credentials{Username: "user", APIKey: "key"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(client.Close)
	service, err := New(AnswerConfig{CacheBytes: 1 << 20}, Account{Name: "bench", Client: client})
	if err != nil {
		tb.Fatal(err)
	}
	query := jasperclient.UsageQuery{ICCID: benchedICCID}
	kept := newAnswer(query, usage, time.Now(), nil)
	kept.current = false // so that it stays fresh for an hour
	service.account("").keep(query, kept)
	provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.AlwaysSample())))
	return service, Config{
		DefaultTimeout: time.Minute, MaxTimeout: time.Minute, Logger: slog.New(slog.DiscardHandler), AccessLog: io.Discard,
		Called: func(Call) {}, TracerProvider: provider, Traced: func() bool { return rand.Float64() < 0.01 },
	}
}

func BenchmarkAnswer(b *testing.B) {
	query := jasperclient.UsageQuery{ICCID: benchedICCID}
	for size, usage := range sizes {
		resp := convert(usage)
		if err := addTotals(resp); err != nil {
			b.Fatal(err)
		}
		whole := newAnswer(query, usage, time.Now(), nil)
		filtered := jasperclient.UsageQuery{ICCID: benchedICCID, RatePlan: "Rate Plan A"}
		for name, work := range map[string]func(){
			"convert":     func() { convert(usage) },
			"encode JSON": func() { _, _ = marshalJSON(protojson.MarshalOptions{EmitDefaultValues: true}, resp) },
			"make":        func() { newAnswer(query, usage, time.Now(), nil) },
			"part":        func() { whole.part(filtered) },
		} {
			b.Run(size+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					work()
				}
			})
		}
	}
}

// BenchmarkPassage is each part of what a question passes, and then all of it.
func BenchmarkPassage(b *testing.B) {
	service, cfg := newBenched(b, sizes["small"])
	guard, err := callers.New(callers.Settings{})
	if err != nil {
		b.Fatal(err)
	}
	log := newAccessLog(cfg)
	p := cfg.passage(b.Context(), service, doorkeeper{guard: guard, usage: service}, log)
	req := &usagev1.GetDeviceUsageInZoneRequest{Iccid: benchedICCID}
	rec := newRecord(b.Context(), usagev1.UsageService_GetDeviceUsageInZone_FullMethodName, nil)
	rec.source, rec.replySource, rec.account, rec.peer, rec.deadline = sourceCache, sourceCache, "bench", "127.0.0.1:12345", time.Now().Add(time.Hour)
	rec.iccid = benchedICCID
	header := metadata.MD{"user-agent": {"bench"}}
	ctx := peer.NewContext(b.Context(), &peer.Peer{Addr: namedAddr{text: "127.0.0.1:12345", host: "127.0.0.1"}})
	reply := newReplyHeader()
	account, q := service.account(""), question{query: jasperclient.UsageQuery{ICCID: benchedICCID}}
	for name, work := range map[string]func(){
		"record":     func() { newRecord(ctx, rec.method, header) },
		"header":     func() { reply.of(rec) },
		"doorkeeper": func() { _ = p.keeper.authorize(rec, rec, req) },
		"deadline":   func() { p.limit(rec, rec) },
		"validate":   func() { _, _ = validate(rec, req) },
		"cache":      func() { account.fresh(q) },
		"log":        func() { log.writeLine(rec, time.Now(), nil) },
		"span":       func() { _, _ = p.tracer.trace(rec, rec, req, service.answer) },
		"all of it":  func() { _, _ = p.ask(rec, rec, req) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				work()
			}
		})
	}
}

// rawCodec leaves messages as bytes, so that the benchmarks measure no caller's decoding.
type rawCodec struct{ encoding.CodecV2 }

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*(v.(*int)) = data.Len()
	return nil
}

// BenchmarkGRPC is a kept answer over a real connection, beside the same message from a bare server. Its callers are in the same
// process: what they cost is in both.
func BenchmarkGRPC(b *testing.B) {
	for size, usage := range sizes {
		kept, bare := newPair(b, usage)
		b.Run(size+"/echo", func(b *testing.B) { benchGRPC(b, bare) })
		b.Run(size+"/kept", func(b *testing.B) { benchGRPC(b, kept) })
	}
}

// newPair serves a kept answer, and the same message from a bare server.
func newPair(tb testing.TB, usage *jasperclient.DeviceUsage) (kept, bare net.Addr) {
	tb.Helper()
	service, cfg := newBenched(tb, usage)
	server, err := NewServer(service, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	resp, err := newAnswer(jasperclient.UsageQuery{}, usage, time.Now(), nil).response()
	if err != nil {
		tb.Fatal(err)
	}
	echoing := grpc.NewServer()
	usagev1.RegisterUsageServiceServer(echoing, echo{resp: resp})
	keptListener, bareListener := localListener(tb), localListener(tb)
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(keptListener, localListener(tb)) }) // until it is closed
	served.Go(func() { _ = echoing.Serve(bareListener) })                   // likewise
	tb.Cleanup(func() {
		server.Close()
		echoing.Stop()
		served.Wait()
	})
	return keptListener.Addr(), bareListener.Addr()
}

type echo struct {
	usagev1.UnimplementedUsageServiceServer
	resp *usagev1.GetDeviceUsageInZoneResponse
}

func (e echo) GetDeviceUsageInZone(context.Context, *usagev1.GetDeviceUsageInZoneRequest) (*usagev1.GetDeviceUsageInZoneResponse, error) {
	return e.resp, nil
}

func localListener(tb testing.TB) net.Listener {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return listener
}

func benchGRPC(b *testing.B, addr net.Addr) {
	b.Helper()
	conn := dial(b, addr.String())
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := askKept(b.Context(), conn); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func dial(tb testing.TB, addr string) *grpc.ClientConn {
	tb.Helper()
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{encoding.GetCodecV2(proto.Name)})))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return conn
}

func askKept(ctx context.Context, conn *grpc.ClientConn) error {
	var n int
	req := &usagev1.GetDeviceUsageInZoneRequest{Iccid: benchedICCID}
	err := conn.Invoke(ctx, usagev1.UsageService_GetDeviceUsageInZone_FullMethodName, req, &n)
	if err == nil && n == 0 {
		err = errors.New("the answer is empty")
	}
	return err
}

// callsVariable tells a process of this test's that it is the caller, and of whom.
const callsVariable = "BENCH_CALLS"

// What a kept answer allocates beyond a bare server's call. The caller is a process of its own, so that only the server's is seen.
func TestAllocationsOfAKeptAnswer(t *testing.T) {
	const calls, most = 5000, 10
	if addr := os.Getenv(callsVariable); addr != "" {
		conn := dial(t, addr)
		for range calls {
			if err := askKept(t.Context(), conn); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	kept, bare := newPair(t, sizes["small"])
	perCall := func(addr net.Addr) float64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAllocationsOfAKeptAnswer$")
		command.Env = append(os.Environ(), callsVariable+"="+addr.String())
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		runtime.ReadMemStats(&after)
		return float64(after.Mallocs-before.Mallocs) / calls
	}
	perCall(bare)
	ofKept, ofBare := perCall(kept), perCall(bare)
	t.Logf("%.1f allocations a kept answer, %.1f a bare call: %.1f more", ofKept, ofBare, ofKept-ofBare)
	if ofKept-ofBare > most {
		t.Errorf("want %d more at most", most)
	}
}

// grpc-go's binary log reads a reply's metadata later than it is sent.
func TestTheBinaryLogReadsNoOtherCallsMetadata(t *testing.T) {
	const variable = "GRPC_BINARY_LOG_FILTER"
	if os.Getenv(variable) == "" {
		command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTheBinaryLogReadsNoOtherCallsMetadata$")
		command.Env = append(os.Environ(), variable+"=*")
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("%v\n%.2000s", err, out)
		}
		return
	}
	kept, _ := newPair(t, sizes["small"])
	conn := dial(t, kept.String())
	const askers, calls = 16, 200
	var asking sync.WaitGroup
	for range askers {
		asking.Go(func() {
			for range calls {
				if err := askKept(t.Context(), conn); err != nil {
					t.Error(err)
				}
			}
		})
	}
	asking.Wait()
}

// BenchmarkREST is a plain question to the handler of the REST address, one that the gateway reads, and one of an existing client.
func BenchmarkREST(b *testing.B) {
	service, cfg := newBenched(b, sizes["small"])
	cfg.LegacyDoor = true
	server, err := NewServer(service, cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(server.Close)
	const path = pathBegin + benchedICCID + pathEnd
	for name, test := range map[string]struct {
		target string
		basic  bool // with HTTP Basic credentials
	}{
		"plain":   {path, false},
		"gateway": {path + "?maxAge=60s", false},
		"legacy":  {"/rws/api" + path, true},
	} {
		b.Run(name, func(b *testing.B) {
			req := httptest.NewRequest(http.MethodGet, test.target, nil)
			if test.basic {
				req.SetBasicAuth("any", "one")
			}
			b.ReportAllocs()
			for b.Loop() {
				w := &discarding{header: http.Header{}}
				server.http.Handler.ServeHTTP(w, req)
				if w.n == 0 {
					b.Fatal("nothing is written")
				}
			}
		})
	}
}

// discarding is a reply that nobody reads.
type discarding struct {
	header http.Header
	n      int
}

func (d *discarding) Header() http.Header { return d.header }
func (*discarding) WriteHeader(int)       {}
func (d *discarding) Write(p []byte) (int, error) {
	d.n += len(p)
	return len(p), nil
}
