package service_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/telemetry"
	"github.com/zoneusage/zoneusage/jasperclient"
	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
	"github.com/zoneusage/zoneusage/service"
)

// An observed rig is one with metrics, and their door.
type observed struct {
	*rig
	metrics *telemetry.Metrics
	usage   *service.UsageService
	client  *jasperclient.Client
	admin   string // its URL
}

// observe serves in front of the upstream, with everything that is told of it counted.
func observe(t *testing.T, upstream http.Handler, changes ...func(*service.Config)) *observed {
	t.Helper()
	controlCenter := httptest.NewServer(upstream)
	t.Cleanup(controlCenter.Close)
	o := &observed{metrics: telemetry.New("1.2.3", "abcdef")}
	lane, changed := o.metrics.NewLane(), make(chan struct{}, 1)
	events := lane.Events()
	events.Changed = func(jasperclient.LaneState) {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	o.client = newClient(t, controlCenter.URL, jasperclient.WithEvents(events))
	lane.Name("test")
	o.usage = newService(t, service.AnswerConfig{CacheBytes: 1 << 20}, o.client)
	o.metrics.CollectAccounts(o.usage.States)
	o.rig = newRigFor(t, o.usage, append(changes, func(cfg *service.Config) {
		cfg.Called, cfg.LanesChanged = o.metrics.Called, changed
	})...)
	admin := httptest.NewServer(telemetry.NewAdmin(o.metrics, o.server.WithHealth, slog.New(slog.DiscardHandler)).Handler)
	t.Cleanup(admin.Close)
	o.admin = admin.URL
	return o
}

// scrape reads the metrics as Prometheus does.
func (o *observed) scrape(t *testing.T) (text string, families map[string]*dto.MetricFamily) {
	t.Helper()
	text = page(t, o.rig, o.admin+"/metrics")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return text, families
}

// samples are the values of a metric that are not 0, by their labels; of a histogram, the counts.
func samples(families map[string]*dto.MetricFamily, name string) map[string]float64 {
	values := map[string]float64{}
	for _, metric := range families[name].GetMetric() {
		var labels []string
		for _, label := range metric.GetLabel() {
			labels = append(labels, label.GetValue())
		}
		value := metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		if value != 0 {
			values[strings.Join(labels, " ")] = value
		}
	}
	return values
}

func page(t *testing.T, r *rig, url string) string {
	t.Helper()
	resp, err := r.http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: HTTP status %d, %v\n%s", url, resp.StatusCode, err, text)
	}
	return string(text)
}

func TestMetricsCountTheCallsOfBothDoors(t *testing.T) {
	o := observe(t, newSandbox(t))
	for _, ask := range []string{"gRPC", "REST"} { // live, and then from the cache
		doors[ask](t.Context(), t, o.rig, example())
		doors[ask](t.Context(), t, o.rig, device("8988217755520000099"))
		doors[ask](t.Context(), t, o.rig, trouble("10000024"))
		doors[ask](t.Context(), t, o.rig, device("none"))
		doors[ask](t.Context(), t, o.rig, &request{Iccid: exampleICCID, Account: exampleICCID})
		statusOf(t, o.rig, "/readyz")
	}
	for _, target := range []string{"/", "/v1/" + exampleICCID, usagePath + "?plan=" + exampleICCID} {
		o.get(t.Context(), t, target)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, o.url+usagePath, nil)
	if err != nil {
		t.Fatal(err)
	}
	o.do(t, req)
	text, families := o.scrape(t)
	const method = "GetDeviceUsageInZone"
	for name, want := range map[string]map[string]float64{
		"zoneusage_requests_total": {
			"OK grpc " + method: 1, "NotFound grpc " + method: 1, "Internal grpc " + method: 1, "InvalidArgument grpc " + method: 2,
			"OK rest " + method: 1, "NotFound rest " + method: 1, "Internal rest " + method: 1, "InvalidArgument rest " + method: 3,
			"Unimplemented rest " + method: 1, "NotFound rest other": 2,
		},
		"zoneusage_request_duration_seconds": {"grpc " + method: 5, "rest " + method: 7, "rest other": 2},
		"zoneusage_answers_total":            {"test live": 2, "test cache": 2},
		"zoneusage_cache_answers":            {"test": 2},
		"zoneusage_cache_limit_bytes":        {"test": 1 << 20},
		"zoneusage_lane_closed":              {},
		"zoneusage_lane_wait_seconds":        {"test interactive": 4},
		"zoneusage_upstream_call_duration_seconds": {
			"test ok": 1, "test refused": 3,
		},
		"zoneusage_build_info": {families["zoneusage_build_info"].GetMetric()[0].GetLabel()[0].GetValue() + " abcdef 1.2.3": 1},
	} {
		if diff := cmp.Diff(want, samples(families, name)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	for _, sent := range []string{exampleICCID, "8988217755520000099", sandbox.TroublePrefix, `"none"`} {
		if strings.Contains(text, sent) {
			t.Errorf("%s is in\n%s", sent, text)
		}
	}
	if families["go_goroutines"] == nil || families["process_start_time_seconds"] == nil {
		t.Errorf("nothing is told of the process:\n%s", text)
	}
	if problems, err := testutil.GatherAndLint(o.metrics.Gatherer()); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

// An answer that another question's call brings is counted as joined, and its caller told that it is live.
func TestWhoJoinedACallIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		client := bubbleClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-release
			writeUsage(w, r)
		}), jasperclient.DefaultFairUse())
		ended := make(chan service.Call, 2)
		server, err := service.NewServer(newService(t, service.AnswerConfig{}, client), service.Config{
			DefaultTimeout: time.Minute, MaxTimeout: time.Minute, Logger: slog.New(slog.DiscardHandler),
			Called: func(call service.Call) { ended <- call },
		})
		if err != nil {
			t.Fatal(err)
		}
		callers, nobody := bufconn.Listen(1<<10), bufconn.Listen(1<<10)
		served := make(chan error)
		go func() { served <- server.Serve(callers, nobody) }()
		conn, err := grpc.NewClient("passthrough:///", grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return callers.DialContext(ctx) }))
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{grpc: usagev1.NewUsageServiceClient(conn)}
		got := make(chan reply)
		for range 2 {
			go func() { got <- askGRPC(t.Context(), t, r, example()) }()
		}
		synctest.Wait()
		close(release)
		sources := map[string]int{}
		for range 2 {
			if got := <-got; got.header["x-usage-source"] != "live" {
				t.Errorf("%v, %v", got.header, got.status)
			}
			sources[(<-ended).Source]++
		}
		if diff := cmp.Diff(map[string]int{"live": 1, "joined": 1}, sources); diff != "" {
			t.Errorf("sources (-want +got)\n%s", diff)
		}
		_ = conn.Close()
		server.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// The gauges of an account that is taken out go, and those of one that comes are there.
func TestMetricsFollowTheAccounts(t *testing.T) {
	o := observe(t, newSandbox(t))
	if err := o.usage.SetAccounts(service.Account{Name: "new", Client: o.client}); err != nil {
		t.Fatal(err)
	}
	_, families := o.scrape(t)
	for _, name := range []string{"zoneusage_lane_spacing_seconds", "zoneusage_lane_allowed_spacing_seconds", "zoneusage_cache_limit_bytes"} {
		if got := slices.Collect(maps.Keys(samples(families, name))); !slices.Equal(got, []string{"new"}) {
			t.Errorf("%s of %v", name, got)
		}
	}
}

// The line of a call tells what became of it, the same through both doors.
func TestTheAccessLogTellsOfTheAnswer(t *testing.T) {
	for door, ask := range doors {
		o := observe(t, newSandbox(t))
		ctx := metadata.AppendToOutgoingContext(t.Context(), "x-usage-class", "bulk") // gRPC's alone
		for _, req := range []*request{example(), example(), device("8988217755520000099"), device("none"), {Account: "none"}} {
			ask(ctx, t, o.rig, req)
		}
		type line struct{ Code, Account, Source, Reason, Class, UpstreamCode any }
		var got []line
		for _, l := range o.lines(t) {
			got = append(got, line{l["code"], l["account"], l["source"], l["reason"], l["class"], l["upstream_code"]})
			if l["method"] != usagev1.UsageService_GetDeviceUsageInZone_FullMethodName || l["door"] != strings.ToLower(door) {
				t.Errorf("%s: %v", door, l)
			}
			asked := l["source"] == "live"
			if waited, ok := l["waited_ms"].(float64); ok != asked || (asked && (waited < 0 || l["attempts"] != 1.0)) {
				t.Errorf("%s: %v", door, l)
			}
		}
		var bulk any
		if door == "gRPC" {
			bulk = "bulk"
		}
		want := []line{
			{Code: "OK", Account: "test", Source: "live", Class: bulk},
			{Code: "OK", Account: "test", Source: "cache", Class: bulk},
			{Code: "NotFound", Account: "test", Source: "live", Reason: "DEVICE_NOT_FOUND", UpstreamCode: "20000001", Class: bulk},
			{Code: "InvalidArgument", Account: "test", Reason: "INVALID_REQUEST", Class: bulk},
			{Code: "InvalidArgument", Reason: "INVALID_REQUEST", Class: bulk},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", door, diff)
		}
	}
}

// Successes can be left out of the log; failures cannot, and all are counted.
func TestTheAccessLogLeavesOutSuccesses(t *testing.T) {
	o := observe(t, newSandbox(t), func(cfg *service.Config) { cfg.SilentSuccesses = 100 })
	for _, ask := range doors {
		ask(t.Context(), t, o.rig, example())
		ask(t.Context(), t, o.rig, device("8988217755520000099"))
	}
	for _, line := range o.lines(t) {
		if line["code"] != "NotFound" {
			t.Errorf("%v", line)
		}
	}
	if lines := len(o.lines(t)); lines != len(doors) {
		t.Errorf("%d lines", lines)
	}
	_, families := o.scrape(t)
	if got := samples(families, "zoneusage_requests_total"); len(got) != 4 {
		t.Errorf("counted: %v", got)
	}
}

// Credentials that are refused close the lane: health checks and the log tell, until others open it.
func TestAClosedLaneIsTold(t *testing.T) {
	o := observe(t, newSandbox(t))
	checks := healthpb.NewHealthClient(o.conn)
	watches := map[string]healthpb.Health_WatchClient{}
	for _, name := range []string{"upstream", "upstream.test"} {
		watch, err := checks.Watch(t.Context(), &healthpb.HealthCheckRequest{Service: name})
		if err != nil {
			t.Fatal(err)
		}
		expectHealth(t, watch, healthpb.HealthCheckResponse_SERVING)
		watches[name] = watch
	}
	askGRPC(t.Context(), t, o.rig, trouble("10000001"))
	for _, watch := range watches {
		expectHealth(t, watch, healthpb.HealthCheckResponse_NOT_SERVING)
	}
	_, families := o.scrape(t)
	if diff := cmp.Diff(map[string]float64{"test credentials": 1}, samples(families, "zoneusage_lane_closed")); diff != "" {
		t.Errorf("closed (-want +got)\n%s", diff)
	}
	if ready := statusOf(t, o.rig, "/readyz"); ready != http.StatusOK {
		t.Errorf("/readyz: HTTP status %d", ready)
	}
	fair := jasperclient.FairUse{CallsInFlight: 10, CallsPerSecond: 1e6, MaxWaiting: 1000}
	if err := o.client.Update(jasperclient.Credentials{Username: "user", APIKey: "another"}, fair); err != nil {
		t.Fatal(err)
	}
	for _, watch := range watches {
		expectHealth(t, watch, healthpb.HealthCheckResponse_SERVING)
	}
	if err := o.usage.SetAccounts(service.Account{Name: "new", Client: o.client}); err != nil {
		t.Fatal(err)
	}
	expectHealth(t, watches["upstream.test"], healthpb.HealthCheckResponse_SERVICE_UNKNOWN)
	if _, err := checks.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "upstream.new"}); err != nil {
		t.Error(err)
	}
	var told []string
	for _, line := range o.lines(t) {
		if line["msg"] != "call" {
			told = append(told, fmt.Sprint(line["level"], " ", line["msg"], " ", line["account"], " ", line["reason"]))
		}
	}
	want := []string{"WARN the account's lane is closed test credentials", "INFO the account's lane is open again test <nil>"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("the log (-want +got)\n%s", diff)
	}
	if log := o.log.String(); strings.Contains(log, sandbox.TroublePrefix) || strings.Contains(log, apiKey) {
		t.Errorf("the log has the ICCID or the key:\n%s", log)
	}
}

// A pace that refusals change is told where it leaves what is allowed, where it is there again, and not at each step.
func TestAPaceThatChangesIsTold(t *testing.T) {
	o := observe(t, newSandbox(t))
	askGRPC(t.Context(), t, o.rig, trouble("40000029"))
	paces := func() (all []float64) {
		for _, line := range o.lines(t) {
			if line["msg"] == "the account's pace has changed" {
				all = append(all, line["spacing_ms"].(float64)/line["allowed_ms"].(float64))
			}
		}
		return all
	}
	asked := 0
	for last := 2.0; last > 1; asked++ {
		askGRPC(t.Context(), t, o.rig, device(sandbox.GeneratedICCID(asked)))
		if all := paces(); len(all) > 0 {
			last = all[len(all)-1]
		}
	}
	if all := paces(); all[0] < 2 || all[len(all)-1] != 1 || len(all) > 5 {
		t.Errorf("after %d calls: %v", asked, all)
	}
}
