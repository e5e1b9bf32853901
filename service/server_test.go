package service_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
	"github.com/zoneusage/zoneusage/service"
)

// controlCenterFunc is a Control Center made of one function.
type controlCenterFunc func(context.Context, jasperclient.UsageQuery) (*jasperclient.DeviceUsage, error)

func (f controlCenterFunc) UsageInZone(ctx context.Context, q jasperclient.UsageQuery) (*jasperclient.DeviceUsage, error) {
	return f(ctx, q)
}

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

func TestAPanicFailsOneCallerAlone(t *testing.T) {
	const unlucky = "8988217755520000099"
	inside, release := make(chan struct{}), make(chan struct{})
	r := newRigFor(t, service.New(controlCenterFunc(func(_ context.Context, q jasperclient.UsageQuery) (*jasperclient.DeviceUsage, error) {
		if q.ICCID == unlucky {
			panic("out of luck, " + apiKey)
		}
		inside <- struct{}{}
		<-release
		return &jasperclient.DeviceUsage{ICCID: q.ICCID, Timestamp: exampleTime, CycleStart: exampleTime, CycleEnd: exampleTime}, nil
	}), "test"))

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

// The deadline that a call gets: the caller's, or the default, and never above the greatest.
func TestDeadlines(t *testing.T) {
	deadlines := make(chan time.Duration, 1)
	r := newRigFor(t, service.New(controlCenterFunc(func(ctx context.Context, q jasperclient.UsageQuery) (*jasperclient.DeviceUsage, error) {
		deadline, _ := ctx.Deadline()
		deadlines <- time.Until(deadline)
		return &jasperclient.DeviceUsage{ICCID: q.ICCID, Timestamp: exampleTime, CycleStart: exampleTime, CycleEnd: exampleTime}, nil
	}), "test"), func(cfg *service.Config) { cfg.DefaultTimeout, cfg.MaxTimeout = time.Hour, 10*time.Hour })
	check := func(door string, want time.Duration) {
		// A call reaches Control Center at once: a minute is more than this machine ever stands still.
		if got := <-deadlines; got > want || got < want-time.Minute {
			t.Errorf("%s: the deadline is in %v, want %v", door, got, want)
		}
	}
	for asked, want := range map[time.Duration]time.Duration{
		0: time.Hour, 5 * time.Hour: 5 * time.Hour, 20 * time.Hour: 10 * time.Hour,
	} {
		ctx, cancel := metadata.AppendToOutgoingContext(t.Context(), "x-rest-timeout", "1"), context.CancelFunc(func() {})
		if asked != 0 {
			ctx, cancel = context.WithTimeout(ctx, asked)
		}
		askGRPC(ctx, t, r, example())
		cancel()
		check("gRPC", want)
	}
	for header, want := range map[string]time.Duration{
		"": time.Hour, "2H": 2 * time.Hour, "90M": 90 * time.Minute, "7200S": 2 * time.Hour, "7200000m": 2 * time.Hour,
		"99999999H": 10 * time.Hour,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+usagePath, nil)
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			req.Header.Set("Grpc-Timeout", header)
		}
		req.Header.Set("X-Rest-Timeout", "60000000000") // is the gateway's own
		r.do(t, req)
		check("REST "+header, want)
	}
}

// A deadline that passes is told as such through both doors, in the reply and in the log.
func TestADeadlineThatPasses(t *testing.T) {
	r := newRigFor(t, service.New(controlCenterFunc(func(ctx context.Context, _ jasperclient.UsageQuery) (*jasperclient.DeviceUsage, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}), "test"))
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

func TestACallerThatLeavesEndsItsCall(t *testing.T) {
	inside, ended := make(chan struct{}), make(chan error)
	r := newRigFor(t, service.New(controlCenterFunc(func(ctx context.Context, _ jasperclient.UsageQuery) (*jasperclient.DeviceUsage, error) {
		inside <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	}), "test"))

	ctx, leave := context.WithCancel(t.Context())
	left := make(chan reply)
	go func() { left <- askGRPC(ctx, t, r, example()) }()
	<-inside
	leave()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("gRPC: the call ended with %v", err)
	}
	if got := <-left; codes.Code(got.status.GetCode()) != codes.Canceled {
		t.Errorf("gRPC: %v", got.status)
	}

	ctx, leave = context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+usagePath, nil)
		if err == nil {
			_, err = r.http.Do(req) //nolint:bodyclose // there is no reply
		}
		failed <- err
	}()
	<-inside
	leave()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("REST: the call ended with %v", err)
	}
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("REST: %v", err)
	}
	if err := r.server.Shutdown(t.Context()); err != nil { // the lines are written when the calls have ended
		t.Fatal(err)
	}
	for _, line := range r.lines(t) {
		if line["code"] != "Canceled" || line["level"] != "INFO" {
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
	text := "no device " + exampleICCID + "\n" + strings.Repeat("x", 1<<20)
	r := newRigFor(t, service.New(controlCenterFunc(func(context.Context, jasperclient.UsageQuery) (*jasperclient.DeviceUsage, error) {
		return nil, &jasperclient.APIError{Code: exampleICCID, HTTPStatus: http.StatusTeapot, Message: text}
	}), "test"))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+usagePath, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Forwarded-For", "192.0.2.1, 192.0.2.2")
	r.do(t, req)
	lines := r.lines(t)
	if len(lines) != 1 || lines[0]["peer"] != "127.0.0.1" || lines[0]["level"] != "ERROR" {
		t.Errorf("%v", lines)
	}
	if log := r.log.String(); len(log) > 8<<10 || strings.Contains(log, exampleICCID) || !strings.Contains(log, "…0031") {
		t.Errorf("%d bytes of log: %.1000s", len(log), log)
	}
}

func TestHealthAndShutdown(t *testing.T) {
	inside, release := make(chan struct{}), make(chan struct{})
	r := newRigFor(t, service.New(controlCenterFunc(func(_ context.Context, q jasperclient.UsageQuery) (*jasperclient.DeviceUsage, error) {
		inside <- struct{}{}
		<-release
		return &jasperclient.DeviceUsage{ICCID: q.ICCID, Timestamp: exampleTime, CycleStart: exampleTime, CycleEnd: exampleTime}, nil
	}), "test"))
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
	for _, ask := range doors {
		go func() { replies <- ask(t.Context(), t, r, example()) }()
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

func TestShutdownCutsOffWhatOutlastsIt(t *testing.T) {
	inside := make(chan struct{})
	r := newRigFor(t, service.New(controlCenterFunc(func(ctx context.Context, _ jasperclient.UsageQuery) (*jasperclient.DeviceUsage, error) {
		inside <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}), "test"))
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

// Through the adapter too, the caller's end is the caller's, and reaches Control Center.
func TestTheCallersEndReachesControlCenter(t *testing.T) {
	arrived, ended := make(chan struct{}), make(chan struct{})
	r := newRig(t, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		arrived <- struct{}{}
		<-req.Context().Done()
		ended <- struct{}{}
	}))
	for door, ask := range doors {
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan struct{})
		go func() {
			defer close(left)
			if door == "gRPC" {
				ask(ctx, t, r, example())
				return
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+usagePath, nil)
			if err == nil {
				_, err = r.http.Do(req) //nolint:bodyclose // there is no reply
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", door, err)
			}
		}()
		<-arrived
		leave()
		<-ended
		<-left
	}
	go func() { <-arrived; <-ended }()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+usagePath, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Grpc-Timeout", "50m")
	checkStatus(t, "REST", r.do(t, req), codes.DeadlineExceeded, http.StatusGatewayTimeout, nil)
	if err := r.server.Shutdown(t.Context()); err != nil { // the lines are written when the calls have ended
		t.Fatal(err)
	}
	var logged []any
	for _, line := range r.lines(t) {
		logged = append(logged, line["code"])
	}
	if diff := cmp.Diff([]any{"Canceled", "Canceled", "DeadlineExceeded"}, logged); diff != "" {
		t.Errorf("the log's codes (-want +got)\n%s", diff)
	}
}

func TestNewServerRefusesWhatCannotWork(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	for _, cfg := range []service.Config{
		{}, {DefaultTimeout: 1, MaxTimeout: 1}, {Logger: log}, {Logger: log, DefaultTimeout: 2, MaxTimeout: 1},
	} {
		if _, err := service.NewServer(service.New(nil, "test"), cfg); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
}

func TestOneDoorAloneIsNoService(t *testing.T) {
	usage := service.New(newClient(t, "http://127.0.0.1:1"), "test")
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
