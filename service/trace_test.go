package service_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
	"github.com/zoneusage/zoneusage/service"
)

// The caller's trace, as W3C's Trace Context writes it.
const (
	callersTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	callersSpan  = "00f067aa0ba902b7"
	traceParent  = "00-" + callersTrace + "-" + callersSpan + "-01"
)

// traced serves the sandbox, with every span kept.
func traced(t *testing.T, changes ...func(*service.Config)) (*rig, *tracetest.InMemoryExporter) {
	t.Helper()
	controlCenter := httptest.NewServer(newSandbox(t))
	t.Cleanup(controlCenter.Close)
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	client := newClient(t, controlCenter.URL, jasperclient.WithTracerProvider(provider))
	changes = append(changes, func(cfg *service.Config) { cfg.TracerProvider = provider })
	return newRigFor(t, newService(t, service.AnswerConfig{}, client), changes...), spans
}

// askTraced asks through a door as a part of the caller's trace.
func askTraced(t *testing.T, r *rig, door, parent string, req *request) reply {
	t.Helper()
	if door == "grpc" {
		return askGRPC(metadata.AppendToOutgoingContext(t.Context(), "traceparent", parent, "tracestate", "a=b"), t, r, req)
	}
	get, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/v1/devices/"+req.GetIccid()+"/usageInZone", nil)
	if err != nil {
		t.Fatal(err)
	}
	get.Header.Set("traceparent", parent)
	get.Header.Set("tracestate", "a=b")
	return r.do(t, get)
}

// doorSpans are the spans of the calls; the others are the adapter's.
func doorSpans(spans *tracetest.InMemoryExporter) tracetest.SpanStubs {
	return slices.DeleteFunc(spans.GetSpans(), func(s tracetest.SpanStub) bool { return s.SpanKind != trace.SpanKindServer })
}

// A call through either door is a span of its caller's trace, and what Control Center is asked for is one of the call's.
func TestACallIsASpan(t *testing.T) {
	const method = "jasper.usage.v1.UsageService/GetDeviceUsageInZone"
	for _, door := range []string{"grpc", "rest"} {
		r, spans := traced(t)
		type outcome struct {
			Code        string
			Source      string
			Status      otelcodes.Code
			Description string
		}
		for _, test := range []struct {
			req  *request
			want outcome
		}{
			{example(), outcome{Code: "OK", Source: "live"}},
			{device("8988217755520000099"), outcome{Code: "NOT_FOUND", Source: "live"}},
			{trouble("10000024"), outcome{"INTERNAL", "", otelcodes.Error, "UPSTREAM_REJECTED_REQUEST"}},
		} {
			spans.Reset()
			askTraced(t, r, door, traceParent, test.req)
			if lines := r.lines(t); lines[len(lines)-1]["trace_id"] != callersTrace {
				t.Errorf("%s: the log's last line is %v", door, lines[len(lines)-1])
			}
			if found := doorSpans(spans); len(found) != 1 {
				t.Fatalf("%s: %d spans of the door", door, len(found))
			}
			span := doorSpans(spans)[0]
			attrs := attribute.NewSet(span.Attributes...)
			text := func(key attribute.Key) string { value, _ := attrs.Value(key); return value.AsString() }
			got := outcome{text("rpc.response.status_code"), text("source"), span.Status.Code, span.Status.Description}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got)\n%s", door, diff)
			}
			if span.Name != method || text("rpc.method") != method || text("rpc.system.name") != "grpc" || text("door") != door || text("account") != "test" {
				t.Errorf("%s: %s %v", door, span.Name, span.Attributes)
			}
			if span.Parent.SpanID().String() != callersSpan || span.Parent.TraceState().String() != "a=b" {
				t.Errorf("%s: the span's parent is %v", door, span.Parent)
			}
			for _, s := range spans.GetSpans() {
				if s.SpanContext.TraceID().String() != callersTrace {
					t.Errorf("%s: %s is of another trace", door, s.Name)
				}
				if said := fmt.Sprint(s.Name, s.Attributes, s.Events, s.Status); strings.Contains(said, test.req.GetIccid()) {
					t.Errorf("%s: the ICCID is in %s", door, said)
				}
			}
			if len(spans.GetSpans()) < 2 {
				t.Errorf("%s: nothing is told of Control Center: %v", door, spans.GetSpans())
			}
		}
	}
}

// A trace that cannot be read begins anew, and keeps nobody from an answer.
func TestATraceThatIsNone(t *testing.T) {
	r, spans := traced(t)
	for _, parent := range []string{"", "none", "00-00000000000000000000000000000000-0000000000000000-01", "\xff", "é"} {
		for _, door := range []string{"grpc", "rest"} {
			if door == "grpc" && strings.ContainsFunc(parent, func(r rune) bool { return r > '~' }) {
				continue // gRPC's library sends none
			}
			if got := askTraced(t, r, door, parent, example()); got.status != nil {
				t.Errorf("%s, %q: %v", door, parent, got.status)
			}
		}
	}
	for _, span := range doorSpans(spans) {
		if span.Parent.IsValid() || !span.SpanContext.IsValid() {
			t.Errorf("%v under %v", span.SpanContext, span.Parent)
		}
	}
}

// Health checks make no spans, and without a tracer provider nothing does.
func TestWhatIsNotTraced(t *testing.T) {
	r, spans := traced(t)
	if _, err := healthpb.NewHealthClient(r.conn).Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil || len(spans.GetSpans()) > 0 {
		t.Errorf("%v, %v", err, spans.GetSpans())
	}
	r = newRig(t, newSandbox(t))
	if got := askTraced(t, r, "grpc", traceParent, example()); got.response.GetIccid() != exampleICCID || strings.Contains(r.log.String(), "trace") {
		t.Errorf("%v\n%s", got.status, r.log)
	}
	if name := usagev1.UsageService_GetDeviceUsageInZone_FullMethodName; !strings.Contains(r.log.String(), name) {
		t.Errorf("the log does not have %s:\n%s", name, r.log)
	}
}

// A call that is not chosen makes no span, nor does what it asks of Control Center; that of a caller's trace is not asked for.
func TestWhichCallsAreTraced(t *testing.T) {
	chosen := false
	r, spans := traced(t, func(cfg *service.Config) { cfg.Traced = func() bool { return chosen } })
	for _, door := range []string{"grpc", "rest"} {
		for _, test := range []struct {
			parent string
			chosen bool
			want   int
		}{{"none", false, 0}, {"none", true, 1}, {traceParent, false, 1}} {
			spans.Reset()
			chosen = test.chosen
			if got := askTraced(t, r, door, test.parent, example()); got.status != nil {
				t.Fatal(got.status)
			}
			if found := doorSpans(spans); len(found) != test.want || (test.want == 0 && len(spans.GetSpans()) > 0) {
				t.Errorf("%s, parent %s, chosen %v: %d spans of the door, %d in all", door, test.parent, test.chosen, len(found), len(spans.GetSpans()))
			}
		}
	}
}
