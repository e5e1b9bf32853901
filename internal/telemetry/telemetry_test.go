package telemetry_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/telemetry"
	"github.com/zoneusage/zoneusage/jasperclient"
	"github.com/zoneusage/zoneusage/service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answered is a call with everything that is counted.
func answered() service.Call {
	return service.Call{
		Method: usagev1.UsageService_GetDeviceUsageInZone_FullMethodName, Door: "rest", Code: codes.OK,
		Took: 40 * time.Millisecond, Account: "test", Source: "live",
	}
}

// newMetrics are those of one account, test, with the events of its client.
func newMetrics() (*telemetry.Metrics, jasperclient.Events) {
	metrics := telemetry.New("1.2.3", "abcdef")
	lane := metrics.NewLane()
	lane.Name("test")
	return metrics, lane.Events()
}

// count observes everything that one live answer makes.
func count(metrics *telemetry.Metrics, events jasperclient.Events) {
	events.Turn(jasperclient.Caller{}, time.Second)
	events.Answered(jasperclient.OutcomeOK, time.Second)
	metrics.Called(answered())
}

func TestCountingAllocatesNothing(t *testing.T) {
	metrics, events := newMetrics()
	if allocations := testing.AllocsPerRun(100, func() { count(metrics, events) }); allocations > 0 {
		t.Errorf("%v allocations a call", allocations)
	}
}

func BenchmarkCountingACall(b *testing.B) {
	metrics, events := newMetrics()
	for b.Loop() {
		count(metrics, events)
	}
}

// No label is what a caller sends: an unknown method, code, account or source has none of its own.
func TestLabelsAreBounded(t *testing.T) {
	metrics, events := newMetrics()
	names := []string{"zoneusage_requests_total", "zoneusage_answers_total", "zoneusage_lane_refused_total", "zoneusage_upstream_call_duration_seconds"}
	before, err := testutil.GatherAndCount(metrics.Gatherer(), names...)
	if err != nil {
		t.Fatal(err)
	}
	metrics.Called(service.Call{Method: "/made.Up/Method", Door: "window", Code: 99, Account: "made up", Source: "live"})
	metrics.Called(service.Call{Method: answered().Method, Door: "rest", Account: "test", Source: "made up"})
	events.Answered("made up", time.Second)
	events.TurnedAway(jasperclient.Caller{Name: "made up", Bulk: true}, "made up")
	if after, err := testutil.GatherAndCount(metrics.Gatherer(), names...); err != nil || after != before {
		t.Errorf("%d series, %v; before there were %d", after, err, before)
	}
}

// The door for existing clients has a label of its own, also for what is no method's.
func TestEveryDoorIsCounted(t *testing.T) {
	metrics, _ := newMetrics()
	for _, door := range []string{"grpc", "rest", "legacy", "legacy"} {
		metrics.Called(service.Call{Method: answered().Method, Door: door})
		if door != "grpc" {
			metrics.Called(service.Call{Door: door, Code: codes.NotFound})
		}
	}
	text := scrape(t, metrics)
	for door, want := range map[string]int{"grpc": 1, "rest": 1, "legacy": 2} {
		line := fmt.Sprintf(`zoneusage_requests_total{code="OK",door=%q,method="GetDeviceUsageInZone"} %d`, door, want)
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%s is not in\n%s", line, text)
		}
		if line = fmt.Sprintf(`zoneusage_requests_total{code="NotFound",door=%q,method="other"} %d`, door, want); door != "grpc" && !strings.Contains(text, line+"\n") {
			t.Errorf("%s is not in\n%s", line, text)
		}
	}
}

// A lane counts under the name that its account has, and nothing before it has one.
func TestALaneCountsUnderItsName(t *testing.T) {
	metrics := telemetry.New("1.2.3", "abcdef")
	lane := metrics.NewLane()
	events := lane.Events()
	for _, name := range []string{"", "first", "second"} {
		if name != "" {
			lane.Name(name)
		}
		events.Retried()
		events.Turn(jasperclient.Caller{Bulk: true}, time.Second)
		events.Answered(jasperclient.OutcomeFailed, time.Second)
		events.TurnedAway(jasperclient.Caller{Bulk: true}, jasperclient.CauseFull)
	}
	text := scrape(t, metrics)
	for _, want := range []string{
		`zoneusage_upstream_retries_total{account="first"} 1`, `zoneusage_upstream_retries_total{account="second"} 1`,
		`zoneusage_lane_wait_seconds_count{account="first",class="bulk"} 1`,
		`zoneusage_lane_refused_total{account="second",cause="full",class="bulk"} 1`,
		`zoneusage_lane_refused_total{account="second",cause="full",class="interactive"} 0`,
		`zoneusage_upstream_call_duration_seconds_count{account="second",outcome="failed"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
}

func TestReloadsAndCertificatesAreTold(t *testing.T) {
	metrics, _ := newMetrics()
	metrics.Reloaded("accounts", io.ErrUnexpectedEOF)
	metrics.Reloaded("tls", io.ErrUnexpectedEOF)
	metrics.Reloaded("tls", nil)
	metrics.CertificateExpires("server", time.Unix(1_800_000_000, 0))
	text := scrape(t, metrics)
	for _, want := range []string{
		`zoneusage_reload_failed{file="accounts"} 1`, `zoneusage_reload_failed{file="tls"} 0`,
		`zoneusage_certificate_expiry_timestamp_seconds{certificate="server"} 1.8e+09`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
}

func TestConnectionsAreCounted(t *testing.T) {
	metrics, _ := newMetrics()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	counted := metrics.CountConnections("grpc", listener)
	defer counted.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := counted.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if text := scrape(t, metrics); !strings.Contains(text, `zoneusage_connections{door="grpc"} 1`+"\n") {
		t.Errorf("while it is open\n%s", text)
	}
	_ = conn.Close()
	_ = conn.Close() // counts once
	if text := scrape(t, metrics); !strings.Contains(text, `zoneusage_connections{door="grpc"} 0`+"\n") {
		t.Errorf("once it is closed\n%s", text)
	}
}

// admin asks the operator's door as a caller from an address.
func admin(metrics *telemetry.Metrics, method, path, addr string) *httptest.ResponseRecorder {
	return adminUnder(metrics, "localhost:9091", method, path, addr)
}

// adminUnder asks it under a host's name.
func adminUnder(metrics *telemetry.Metrics, host, method, path, addr string) *httptest.ResponseRecorder {
	healthy := func(next http.Handler) http.Handler { return next }
	recorder, req := httptest.NewRecorder(), httptest.NewRequest(method, path, nil)
	req.RemoteAddr, req.Host = addr, host
	telemetry.NewAdmin(metrics, healthy, slog.New(slog.DiscardHandler)).Handler.ServeHTTP(recorder, req)
	return recorder
}

func scrape(t *testing.T, metrics *telemetry.Metrics) string {
	t.Helper()
	got := admin(metrics, http.MethodGet, "/metrics", "192.0.2.1:1")
	if got.Code != http.StatusOK {
		t.Fatalf("HTTP status %d\n%s", got.Code, got.Body)
	}
	return got.Body.String()
}

func TestProfilesAreForLoopbackAlone(t *testing.T) {
	metrics, _ := newMetrics()
	for addr, want := range map[string]int{
		"127.0.0.1:1": http.StatusOK, "127.1.2.3:1": http.StatusOK, "[::1]:1": http.StatusOK, "[::ffff:127.0.0.1]:1": http.StatusOK,
		"192.0.2.1:1": http.StatusForbidden, "[2001:db8::1]:1": http.StatusForbidden, "[fe80::1%eth0]:1": http.StatusForbidden,
		"localhost:1": http.StatusForbidden, "": http.StatusForbidden,
	} {
		for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/pprof/symbol"} {
			got := admin(metrics, http.MethodGet, path, addr)
			if got.Code != want || (want == http.StatusForbidden && !strings.Contains(got.Body.String(), "this machine")) {
				t.Errorf("%s from %q: HTTP status %d\n%s", path, addr, got.Code, got.Body)
			}
		}
	}
}

// A browser on this machine can be led here by a page of another host, but under that host's name.
func TestProfilesAreForNoOtherHostsPages(t *testing.T) {
	metrics, _ := newMetrics()
	for host, want := range map[string]int{
		"localhost:9091": http.StatusOK, "127.0.0.1:9091": http.StatusOK, "[::1]:9091": http.StatusOK,
		"example.com:9091": http.StatusForbidden, "localhost.example.com:9091": http.StatusForbidden, "": http.StatusForbidden,
	} {
		if got := adminUnder(metrics, host, http.MethodGet, "/debug/pprof/cmdline", "127.0.0.1:1"); got.Code != want {
			t.Errorf("%q: HTTP status %d, want %d", host, got.Code, want)
		}
	}
}

func TestTheAdminDoorHasNothingElse(t *testing.T) {
	metrics, _ := newMetrics()
	for _, target := range []string{"GET /", "GET /metrics/", "GET /debug", "GET /debug/vars", "GET /v1/devices/1/usageInZone", "POST /metrics"} {
		method, path, _ := strings.Cut(target, " ")
		if got := admin(metrics, method, path, "127.0.0.1:1"); got.Code != http.StatusNotFound && got.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: HTTP status %d", target, got.Code)
		}
	}
}
