package service_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
	"github.com/zoneusage/zoneusage/service"
)

// lines are the log's lines of calls, each by attribute.
func (r *rig) lines(t *testing.T) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for text := range strings.Lines(r.log.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

// roundTripper is a transport of one function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAPanicFailsOneCallerAlone(t *testing.T) {
	const unlucky = "8988217755520000099"
	inside, release := make(chan struct{}), make(chan struct{})
	controlCenter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inside <- struct{}{}
		<-release
		writeUsage(w, r)
	}))
	defer controlCenter.Close()
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	r := newRigFor(t, newService(t, service.AnswerConfig{}, newClient(t, controlCenter.URL,
		jasperclient.WithTransport(roundTripper(func(req *http.Request) (*http.Response, error) {
			if strings.Contains(req.URL.Path, unlucky) {
				panic("out of luck, " + apiKey)
			}
			return transport.RoundTrip(req)
		})))))

	other := make(chan reply)
	go func() { other <- askGRPC(t.Context(), t, r, example()) }()
	<-inside
	for door, ask := range doors {
		got := ask(t.Context(), t, r, device(unlucky))
		checkStatus(t, door, got, codes.Internal, http.StatusInternalServerError,
			[]proto.Message{info(usagev1.ErrorReason_ERROR_REASON_SERVICE_FAILED)})
		if strings.Contains(got.status.String(), "luck") {
			t.Errorf("%s: the caller sees the panic: %v", door, got.status)
		}
	}
	close(release)
	if got := <-other; got.response.GetIccid() != exampleICCID {
		t.Errorf("the other caller got %v, %v", got.response, got.status)
	}
	stacks := 0
	for _, line := range r.lines(t) {
		if cause, ok := line["cause"].(string); ok && line["level"] == "ERROR" && strings.Contains(cause, "server_test.go") {
			stacks++
		}
	}
	if stacks != len(doors) {
		t.Errorf("%d stacks in the log:\n%s", stacks, r.log)
	}
}

// hang answers when the client gives up.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// A deadline that passes is told as such through both doors, in the reply and in the log.
func TestADeadlineThatPasses(t *testing.T) {
	r := newRig(t, http.HandlerFunc(hang))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got := askGRPC(ctx, t, r, example()); codes.Code(got.status.GetCode()) != codes.DeadlineExceeded {
		t.Errorf("gRPC: %v", got.status)
	}
	for _, timeout := range []string{"1m", "0S", "999u", "999999n"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+usagePath, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Grpc-Timeout", timeout)
		checkStatus(t, "REST", r.do(t, req), codes.DeadlineExceeded, http.StatusGatewayTimeout, nil)
	}
	for _, line := range r.lines(t) {
		// A gRPC caller's own library ends the call at the deadline, which can look like leaving.
		if line["door"] == "rest" && (line["code"] != "DeadlineExceeded" || line["level"] != "WARN") {
			t.Errorf("the log says %v", line)
		}
	}
}

func TestTheAccessLogHasALineACall(t *testing.T) {
	r := newRig(t, newSandbox(t))
	for _, ask := range doors {
		ask(t.Context(), t, r, example())
		ask(t.Context(), t, r, device("8988217755520000099"))
	}
	r.get(t.Context(), t, "/nowhere")
	byDoor := map[string]int{}
	for _, line := range r.lines(t) {
		byDoor[line["door"].(string)]++
		if line["request_id"] == "" || line["duration_ms"].(float64) <= 0 || line["peer"] == nil {
			t.Errorf("%v", line)
		}
		switch line["iccid"] {
		case "…0031":
			if line["code"] != "OK" || line["level"] != "INFO" {
				t.Errorf("%v", line)
			}
		case "…0099":
			if line["code"] != "NotFound" || line["reason"] != "DEVICE_NOT_FOUND" || line["upstream_code"] != "20000001" || line["cause"] == nil {
				t.Errorf("%v", line)
			}
		case nil:
			if line["code"] != "NotFound" || line["reason"] != "INVALID_REQUEST" {
				t.Errorf("%v", line)
			}
		default:
			t.Errorf("%v", line)
		}
	}
	if byDoor["grpc"] != 2 || byDoor["rest"] != 3 {
		t.Errorf("lines by door: %v", byDoor)
	}
	health := healthpb.NewHealthClient(r.conn)
	if _, err := health.Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil || strings.Contains(r.log.String(), "health") {
		t.Errorf("a health check: %v, logged as\n%s", err, r.log)
	}
	for _, secret := range []string{apiKey, exampleICCID, "8988217755520000099"} {
		if strings.Contains(r.log.String(), secret) {
			t.Errorf("the log has %s:\n%s", secret, r.log)
		}
	}

}

// What callers and Control Center send stays one bounded attribute, without ICCIDs and without forged addresses.
func TestTheAccessLogTrustsNobody(t *testing.T) {
	text := "no device " + exampleICCID + "\n" + strings.Repeat("x", 100<<10)
	body, err := json.Marshal(map[string]string{"errorCode": exampleICCID, "errorMessage": text})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, respond(http.StatusTeapot, string(body)))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+usagePath, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Forwarded-For", "192.0.2.1, 192.0.2.2")
	r.do(t, req)
	lines := r.lines(t)
	if len(lines) != 1 || !strings.HasPrefix(lines[0]["peer"].(string), "127.0.0.1:") || lines[0]["level"] != "ERROR" {
		t.Errorf("%v", lines)
	}
	if log := r.log.String(); len(log) > 8<<10 || strings.Contains(log, exampleICCID) || !strings.Contains(log, "…0031") {
		t.Errorf("%d bytes of log: %.1000s", len(log), log)
	}
}

func TestHealthAndShutdown(t *testing.T) {
	inside, release := make(chan struct{}), make(chan struct{})
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		inside <- struct{}{}
		<-release
		writeUsage(w, req)
	}))
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200} {
		if got := statusOf(t, r, path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	health := healthpb.NewHealthClient(r.conn)
	for _, name := range []string{"", "jasper.usage.v1.UsageService"} {
		resp, err := health.Check(t.Context(), &healthpb.HealthCheckRequest{Service: name})
		if err != nil || resp.GetStatus() != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("health of %q: %v, %v", name, resp, err)
		}
	}
	watch, err := health.Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	expectHealth(t, watch, healthpb.HealthCheckResponse_SERVING)

	replies := make(chan reply)
	now := func(req *request) { req.MaxAge = durationpb.New(0) } // so that each door has a call of its own
	for _, ask := range doors {
		go func() { replies <- ask(t.Context(), t, r, example(now)) }()
		<-inside
	}
	shut := make(chan error)
	go func() { shut <- r.server.Shutdown(t.Context()) }()
	expectHealth(t, watch, healthpb.HealthCheckResponse_NOT_SERVING)
	close(release)
	for range doors {
		if got := <-replies; got.response.GetIccid() != exampleICCID {
			t.Errorf("a call in flight got %v, %v", got.response, got.status)
		}
	}
	// The client keeps its stream open, as clients with health checking do; it must not hold up the end.
	if err := <-shut; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if resp, err := watch.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("the stream ended with %v, %v; want Unavailable, which tells a client to look elsewhere", resp, err)
	}
}

func expectHealth(t *testing.T, watch grpc.ServerStreamingClient[healthpb.HealthCheckResponse], want healthpb.HealthCheckResponse_ServingStatus) {
	t.Helper()
	if resp, err := watch.Recv(); err != nil || resp.GetStatus() != want {
		t.Errorf("watching: %v, %v; want %v", resp, err, want)
	}
}

func statusOf(t *testing.T, r *rig, path string) int {
	t.Helper()
	resp, err := r.http.Get(r.url + path)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// A REST call in flight does not keep the gRPC door open for new ones.
func TestShutdownClosesBothDoorsAtOnce(t *testing.T) {
	inside, release := make(chan struct{}), make(chan struct{})
	answers := newSandbox(t)
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		inside <- struct{}{}
		<-release
		answers.ServeHTTP(w, req)
	}))
	got, shut := make(chan reply), make(chan error)
	go func() { got <- askREST(t.Context(), t, r, example()) }()
	<-inside
	go func() { shut <- r.server.Shutdown(t.Context()) }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		_, err := healthpb.NewHealthClient(r.conn).Check(ctx, &healthpb.HealthCheckRequest{})
		if status.Code(err) == codes.Unavailable {
			break
		}
		if ctx.Err() != nil {
			t.Errorf("the gRPC door takes calls all the while: %v", err)
			break
		}
	}
	close(release)
	if got := <-got; got.response.GetIccid() != exampleICCID {
		t.Errorf("the call in flight got %v, %v", got.response, got.status)
	}
	if err := <-shut; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// A call whose message cannot be taken is a call too: it has a line, and is counted.
func TestACallWithoutAGoodMessageIsTold(t *testing.T) {
	counted := make(chan service.Call, 1)
	r := newRig(t, newSandbox(t), func(cfg *service.Config) { cfg.Called = func(call service.Call) { counted <- call } })
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-request-id", "the-large-one")
	_, err := usagev1.NewUsageServiceClient(r.conn).GetDeviceUsageInZone(ctx, &usagev1.GetDeviceUsageInZoneRequest{Zone: strings.Repeat("z", 70<<10)})
	if status.Code(err) != codes.ResourceExhausted {
		t.Fatal(err)
	}
	if call := <-counted; call.Code != codes.ResourceExhausted || call.Door != "grpc" {
		t.Errorf("%+v is counted", call)
	}
	for len(r.lines(t)) == 0 { // it is written after the call is counted
		runtime.Gosched()
	}
	if line := r.lines(t)[0]; line["request_id"] != "the-large-one" || line["code"] != "ResourceExhausted" {
		t.Errorf("the log has %v", line)
	}
}

func TestShutdownCutsOffWhatOutlastsIt(t *testing.T) {
	inside := make(chan struct{})
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		inside <- struct{}{}
		hang(w, req)
	}))
	got := make(chan reply)
	go func() { got <- askGRPC(t.Context(), t, r, example()) }()
	<-inside
	ctx, cancel := context.WithCancelCause(t.Context())
	patience := errors.New("patience is over")
	cancel(patience)
	if err := r.server.Shutdown(ctx); !errors.Is(err, patience) {
		t.Errorf("Shutdown: %v", err)
	}
	if got := <-got; codes.Code(got.status.GetCode()) != codes.Unavailable {
		t.Errorf("the call got %v", got.status)
	}
	for len(r.lines(t)) == 0 { // it is written when the call's handler has ended
		runtime.Gosched()
	}
	if line := r.lines(t)[0]; line["code"] != "Unavailable" || !strings.Contains(line["cause"].(string), "cut off") {
		t.Errorf("the log has %v, want that the call was cut off", line)
	}
}

// A caller that never speaks holds up neither the end of the grace period nor a second signal.
func TestShutdownCutsOffASilentConnection(t *testing.T) {
	r := newRig(t, newSandbox(t))
	askGRPC(t.Context(), t, r, example()) // so that the doors are known to be served
	silent, err := net.Dial("tcp", r.grpcAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	// Another connection is taken after it, so it has been taken too.
	another := newConn(t, r.grpcAddr)
	if _, err := healthpb.NewHealthClient(another).Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	start := time.Now()
	if err := r.server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	if took := time.Since(start); took > 4*time.Second { // it would be 5 s, the time for a handshake
		t.Errorf("Shutdown took %v", took)
	}
}

// A caller that leaves, or whose deadline passes, is told so and logged so; its call, which is spent, goes on.
func TestACallerThatLeaves(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		arrived <- struct{}{}
		select {
		case <-release:
			writeUsage(w, req)
		case <-req.Context().Done():
			t.Error("the call was ended")
		}
	}))
	want := []any{}
	iccids := map[string]string{"gRPC": "8988217755520000001", "REST": "8988217755520000002"}
	for door, ask := range doors {
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan struct{})
		go func() {
			defer close(left)
			if door == "gRPC" {
				ask(ctx, t, r, device(iccids[door]))
				return
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/v1/devices/"+iccids[door]+"/usageInZone", nil)
			if err == nil {
				_, err = r.http.Do(req) //nolint:bodyclose // there is no reply
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", door, err)
			}
		}()
		<-arrived
		leave()
		<-left
		want = append(want, "Canceled")
	}
	go func() { <-arrived }()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+usagePath, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Grpc-Timeout", "50m")
	checkStatus(t, "REST", r.do(t, req), codes.DeadlineExceeded, http.StatusGatewayTimeout, nil)
	want = append(want, "DeadlineExceeded")

	joined := make(chan reply)
	for door, ask := range doors {
		go func() { joined <- ask(t.Context(), t, r, device(iccids[door])) }()
	}
	close(release)
	for range doors {
		if got := <-joined; got.response == nil {
			t.Errorf("who came after the one that left got %v", got.status)
		}
		want = append(want, "OK")
	}
	if err := r.server.Shutdown(t.Context()); err != nil { // the lines are written when the calls have ended
		t.Fatal(err)
	}
	var logged []any
	for _, line := range r.lines(t) {
		logged = append(logged, line["code"])
	}
	if diff := cmp.Diff(want, logged); diff != "" || r.calls.Load() != 3 {
		t.Errorf("%d calls, the log's codes (-want +got)\n%s", r.calls.Load(), diff)
	}
}

func TestNewServerRefusesWhatCannotWork(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	for _, cfg := range []service.Config{
		{}, {DefaultTimeout: 1, MaxTimeout: 1}, {Logger: log}, {Logger: log, DefaultTimeout: 2, MaxTimeout: 1},
		{Logger: log, DefaultTimeout: 1, MaxTimeout: 1, SilentSuccesses: 101},
		{Logger: log, DefaultTimeout: 1, MaxTimeout: 1, SilentSuccesses: math.NaN()},
	} {
		if _, err := service.NewServer(new(service.UsageService), cfg); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
}

func TestOneDoorAloneIsNoService(t *testing.T) {
	usage := newService(t, service.AnswerConfig{}, newClient(t, "http://127.0.0.1:1"))
	server, err := service.NewServer(usage, service.Config{DefaultTimeout: time.Second, MaxTimeout: time.Second, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	broken := listen(t)
	broken.Close()
	if err := server.Serve(listen(t), broken); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve: %v, want the broken door's error", err)
	}
}

// REST requests that are cut off are told so, and have ended when Shutdown returns.
func TestShutdownWaitsForTheRequestsThatItCutsOff(t *testing.T) {
	const requests = 50
	controlCenter := newSandbox(t)
	client := newClient(t, newRig(t, controlCenter).upstream, jasperclient.WithFairUse(jasperclient.FairUse{CallsInFlight: 1, CallsPerSecond: 0.001, MaxWaiting: 2 * requests}))
	r := newRigFor(t, newService(t, keep, client), func(cfg *service.Config) { cfg.MaxTimeout, cfg.DefaultTimeout = 24*time.Hour, 24*time.Hour })
	askGRPC(t.Context(), t, r, example()) // which has the one turn that there is
	var asking sync.WaitGroup
	var unavailable atomic.Int32
	for i := range requests {
		asking.Go(func() {
			resp, err := r.http.Get(fmt.Sprintf("%s/v1/devices/89999010000000%05d/usageInZone", r.url, i))
			if err != nil {
				return
			}
			defer resp.Body.Close()
			if resp.StatusCode == http.StatusServiceUnavailable {
				unavailable.Add(1)
			}
		})
	}
	for client.Lane().Waiting < requests {
		runtime.Gosched()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = r.server.Shutdown(ctx) // it was cut off
	if lines := strings.Count(r.log.String(), `"msg":"call"`); lines != 1+requests {
		t.Errorf("the log has %d calls, want %d", lines, 1+requests)
	}
	asking.Wait()
	if unavailable.Load() != requests {
		t.Errorf("%d of %d requests were told 503", unavailable.Load(), requests)
	}
}
