package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

func TestServeRefusesTelemetryThatCannotWork(t *testing.T) {
	for want, test := range map[string]struct{ env, args []string }{
		"--log-successes 101 is not a valid percentage": {nil, []string{"--log-successes=101"}},
		"--log-successes NaN is not a valid percentage": {[]string{"ZONEUSAGE_LOG_SUCCESSES=NaN"}, nil},
		"--admin-addr":                  {nil, []string{"--admin-addr=nowhere"}},
		`there is no exporter "zipkin"`: {[]string{"OTEL_TRACES_EXPORTER=zipkin"}, nil},
	} {
		args := append([]string{"serve", "--grpc-addr=127.0.0.1:0", "--http-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0"}, test.args...)
		if code, output := run(t, test.env, args...); code == 0 || !strings.Contains(output, want) {
			t.Errorf("%v %v: exit status %d\n%s", test.env, test.args, code, output)
		}
	}
}

// adminURL is where the process has its operator's door.
func (p *process) adminURL(t *testing.T) string {
	t.Helper()
	return "http://" + p.logged(t, "serving")["admin_addr"].(string)
}

func TestTheAdminDoor(t *testing.T) {
	p, grpcAddr, url := serve(t, nil)
	get(t, request(t, url+usagePath))
	if code, output := run(t, nil, "healthcheck", "--grpc-addr", grpcAddr); code != 0 {
		t.Errorf("healthcheck: %s", output)
	}
	for path, want := range map[string]string{
		"/livez": "ok\n", "/readyz": "ok\n", "/debug/pprof/goroutine?debug=1": "goroutine profile",
		"/metrics": `zoneusage_answers_total{account="sandbox",source="live"} 1` + "\n",
	} {
		if status, body := get(t, request(t, p.adminURL(t)+path)); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: HTTP status %d\n%s", path, status, body)
		}
	}
	_, metrics := get(t, request(t, p.adminURL(t)+"/metrics"))
	for _, want := range []string{
		`zoneusage_requests_total{code="OK",door="rest",method="GetDeviceUsageInZone"} 1`,
		`zoneusage_upstream_call_duration_seconds_count{account="sandbox",outcome="ok"} 1`,
		`zoneusage_connections{door="grpc"} 0`, `zoneusage_build_info{`, `zoneusage_lane_spacing_seconds{account="sandbox"}`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("%s is not in\n%s", want, metrics)
		}
	}
	if strings.Contains(metrics, "8988217755520000031") {
		t.Errorf("the ICCID is in\n%s", metrics)
	}
}

func TestThereNeedBeNoAdminDoor(t *testing.T) {
	p, _, url := serve(t, []string{"ZONEUSAGE_LOG_SUCCESSES=0"}, "--admin-addr=")
	if addr := p.logged(t, "serving")["admin_addr"]; addr != "" {
		t.Errorf("its address is %q", addr)
	}
	get(t, request(t, url+usagePath))
	get(t, request(t, url+"/nowhere"))
	if line := p.logged(t, "call"); line["code"] != "NotFound" {
		t.Errorf("%v", line)
	}
}

// A file of accounts that cannot be read again is told until it can; an account that is taken out has no gauges.
func TestMetricsTellOfAReload(t *testing.T) {
	sandbox := startSandbox(t, nil)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("sandbox"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "accounts.yaml")
	write := func(names ...string) {
		list := "accounts:\n"
		for _, name := range names {
			list += fmt.Sprintf("  - {name: %s, url: %s/%s, username: sandbox, apiKeyFile: key}\n", name, sandbox, name)
		}
		if err := os.WriteFile(file, []byte(list), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one", "two")
	p, _, _ := serve(t, nil, "--accounts", file)
	admin := p.adminURL(t)
	expect := func(failed, one, two bool) {
		t.Helper()
		_, metrics := get(t, request(t, admin+"/metrics"))
		for text, want := range map[string]bool{
			`zoneusage_reload_failed{file="accounts"} 1`:    failed,
			`zoneusage_lane_spacing_seconds{account="one"}`: one, `zoneusage_lane_spacing_seconds{account="two"}`: two,
		} {
			if strings.Contains(metrics, text) != want {
				t.Errorf("%s: %v, want %v in\n%s", text, !want, want, metrics)
			}
		}
	}
	expect(false, true, true)
	write()
	p.logged(t, "the file could not be reloaded; its last good content stays in force")
	expect(true, true, true)
	write("one")
	p.logged(t, "the file was reloaded")
	expect(false, true, false)
}

// A collector takes spans over HTTP.
type collector struct {
	mu    sync.Mutex
	auth  []string
	spans map[string]*tracepb.Span
	said  strings.Builder
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var req coltracepb.ExportTraceServiceRequest
	body, err := io.ReadAll(r.Body)
	if err != nil || proto.Unmarshal(body, &req) != nil || r.URL.Path != "/v1/traces" {
		http.Error(w, "no spans", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.auth = append(c.auth, r.Header.Get("Authorization"))
	for _, resource := range req.GetResourceSpans() {
		c.said.WriteString(resource.String())
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				c.spans[span.GetName()] = span
			}
		}
	}
}

// A call's spans come to a collector before the process ends, and its log has none of the collector's secrets.
func TestServeSendsTraces(t *testing.T) {
	c := &collector{spans: map[string]*tracepb.Span{}}
	server := httptest.NewServer(c)
	defer server.Close()
	p, _, url := serve(t, []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + server.URL, "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20secret-of-the-test",
	})
	req := request(t, url+usagePath)
	req.Header.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	get(t, req)
	p.signal(t, syscall.SIGTERM)
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	door, attempt := c.spans["jasper.usage.v1.UsageService/GetDeviceUsageInZone"], c.spans["GET usageInZone"]
	if door.GetKind() != tracepb.Span_SPAN_KIND_SERVER || attempt.GetKind() != tracepb.Span_SPAN_KIND_CLIENT {
		t.Fatalf("the spans are %v", c.spans)
	}
	if got := fmt.Sprintf("%x %x", door.GetTraceId(), door.GetParentSpanId()); got != "4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7" {
		t.Errorf("the door's span is under %s", got)
	}
	said := c.said.String()
	for text, want := range map[string]bool{
		`"zoneusage"`: true, `"service.version"`: true, `"rest"`: true, `"sandbox"`: true, "8988217755520000031": false,
	} {
		if strings.Contains(said, text) != want {
			t.Errorf("%s: %v, want %v in\n%s", text, !want, want, said)
		}
	}
	if len(c.auth) == 0 || c.auth[0] != "Bearer secret-of-the-test" {
		t.Errorf("authorization %q", c.auth)
	}
	if log := fmt.Sprint(p.lines, p.text); strings.Contains(log, "secret-of-the-test") || !strings.Contains(log, "4bf92f3577b34da6a3ce929d0e0e4736") {
		t.Errorf("%s", log)
	}
}

// A collector that fails is told in the log, and keeps nobody from an answer.
func TestACollectorThatFails(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	p, _, url := serve(t, []string{
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=" + server.URL, "OTEL_EXPORTER_OTLP_HEADERS=authorization=secret-of-the-test",
		"OTEL_BSP_SCHEDULE_DELAY=10",
	})
	if status, body := get(t, request(t, url+usagePath)); status != http.StatusOK {
		t.Errorf("HTTP status %d\n%s", status, body)
	}
	if line := p.logged(t, "traces"); line["level"] != "WARN" || !strings.Contains(fmt.Sprint(line["cause"]), "404") {
		t.Errorf("%v", line)
	}
	p.signal(t, syscall.SIGTERM)
	p.exitCode()
	if log := fmt.Sprint(p.lines, p.text); strings.Contains(log, "secret-of-the-test") {
		t.Errorf("%s", log)
	}
}
