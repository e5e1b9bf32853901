package telemetry_test

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/zoneusage/zoneusage/internal/telemetry"
)

// setVariables sets those of OpenTelemetry that matter, and empties the others.
func setVariables(t *testing.T, variables map[string]string) {
	t.Helper()
	for _, name := range []string{
		"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
		"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_SERVICE_NAME",
		"OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
	} {
		t.Setenv(name, variables[name])
	}
}

func TestTracesAreMadeWhereTheyAreAskedFor(t *testing.T) {
	const endpoint = "http://127.0.0.1:1"
	for name, test := range map[string]struct {
		variables map[string]string
		on        bool
		wrong     string // what the error says
	}{
		"nothing":               {nil, false, ""},
		"an endpoint":           {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}, true, ""},
		"an endpoint of traces": {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": endpoint}, true, ""},
		"the exporter":          {map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, true, ""},
		"no exporter":           {map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}, false, ""},
		"no SDK":                {map[string]string{"OTEL_SDK_DISABLED": "True", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}, false, ""},
		"another exporter":      {map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, false, `no exporter "zipkin"; write otlp or none`},
		"gRPC": {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
			"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, true, ""},
		"another protocol": {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, false,
			`no protocol "http/json"; write http/protobuf or grpc`},
		"attributes that are none": {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_RESOURCE_ATTRIBUTES": "a"}, false,
			"OTEL_RESOURCE_ATTRIBUTES"},
	} {
		t.Run(name, func(t *testing.T) {
			setVariables(t, test.variables)
			traces, err := telemetry.NewTraces(t.Context(), "1.2.3", slog.New(slog.DiscardHandler))
			if (traces != nil) != test.on || (err != nil) != (test.wrong != "") || (err != nil && !strings.Contains(err.Error(), test.wrong)) {
				t.Errorf("%v, %v", traces, err)
			}
			if traces != nil {
				if err := traces.Provider.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A collector takes spans over gRPC.
type collector struct {
	coltracepb.UnimplementedTraceServiceServer
	got chan *coltracepb.ExportTraceServiceRequest
	md  chan metadata.MD
}

// Export implements coltracepb.TraceServiceServer.
func (c *collector) Export(ctx context.Context, req *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	c.got <- req
	c.md <- md
	return &coltracepb.ExportTraceServiceResponse{}, nil
}

func TestTracesGoOverGRPC(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{got: make(chan *coltracepb.ExportTraceServiceRequest, 1), md: make(chan metadata.MD, 1)}
	server := grpc.NewServer()
	coltracepb.RegisterTraceServiceServer(server, c)
	go func() { _ = server.Serve(listener) }() // until Stop
	defer server.Stop()
	setVariables(t, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + listener.Addr().String(), "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
		"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20key", "OTEL_SERVICE_NAME": "usage-of-the-test",
	})
	traces, err := telemetry.NewTraces(t.Context(), "1.2.3", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	_, span := traces.Provider.Tracer("test").Start(t.Context(), "a span")
	span.End()
	if err := traces.Provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	resource := (<-c.got).GetResourceSpans()[0]
	if name := resource.GetScopeSpans()[0].GetSpans()[0].GetName(); name != "a span" || !strings.Contains(resource.GetResource().String(), "usage-of-the-test") {
		t.Errorf("%v", resource)
	}
	if sent := (<-c.md).Get("authorization"); len(sent) != 1 || sent[0] != "Bearer key" {
		t.Errorf("authorization %q", sent)
	}
}

// What the SDK cannot read it repeats in its log, with the secrets that are in it.
func TestTheLogOfTracesHasNoSecrets(t *testing.T) {
	for _, variables := range []map[string]string{
		{"OTEL_EXPORTER_OTLP_HEADERS": "secret-of-the-test"},
		{"OTEL_EXPORTER_OTLP_HEADERS": "secret-of-the-test%zz=secret-of-the-test%zz"},
		{"OTEL_EXPORTER_OTLP_HEADERS": "key=secret-of-the-test%zz"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://name:secret-of-the-test@127.0.0.1:x"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://name:secret-of-the-test@127.0.0.1:1"},
	} {
		for _, protocol := range []string{"grpc", "http/protobuf"} {
			variables["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = cmp.Or(variables["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"], "http://127.0.0.1:1")
			variables["OTEL_EXPORTER_OTLP_PROTOCOL"] = protocol
			setVariables(t, variables)
			t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "100")
			var log bytes.Buffer
			traces, err := telemetry.NewTraces(t.Context(), "1.2.3", slog.New(slog.NewJSONHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			if traces == nil {
				t.Fatal("no traces")
			}
			_, span := traces.Provider.Tracer("test").Start(t.Context(), "a span")
			span.End()
			err = traces.Provider.Shutdown(t.Context())
			if log.Len() == 0 && err == nil {
				t.Errorf("%v: nothing is said", variables)
			}
			for _, secret := range []string{"secret-of-the-test", "zz"} {
				if strings.Contains(log.String(), secret) || (err != nil && strings.Contains(err.Error(), secret)) {
					t.Errorf("%v: %v\n%s", variables, err, log.String())
				}
			}
		}
	}
}

// The sampler that chooses a part of the calls is asked before there is a span; the others decide themselves.
func TestWhoChoosesTheTraces(t *testing.T) {
	for _, test := range []struct {
		sampler, ratio string
		chooses        bool
		least, most    int // of a thousand
	}{
		{"", "", false, 0, 0}, {"always_on", "0.1", false, 0, 0}, {"traceidratio", "0.1", false, 0, 0},
		{"parentbased_traceidratio", "", false, 0, 0}, {"parentbased_traceidratio", "NaN", false, 0, 0}, {"parentbased_traceidratio", "2", false, 0, 0},
		{"parentbased_traceidratio", "0", true, 0, 0}, {"parentbased_traceidratio", "1", true, 1000, 1000}, {"parentbased_traceidratio", "0.5", true, 300, 700},
	} {
		setVariables(t, map[string]string{
			"OTEL_TRACES_EXPORTER": "otlp", "OTEL_TRACES_SAMPLER": test.sampler, "OTEL_TRACES_SAMPLER_ARG": test.ratio,
		})
		traces, err := telemetry.NewTraces(t.Context(), "1.2.3", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if (traces.Chosen != nil) != test.chooses {
			t.Fatalf("%+v: there is a choice: %v", test, traces.Chosen != nil)
		}
		if test.chooses {
			chosen := 0
			for range 1000 {
				if traces.Chosen() {
					chosen++
				}
			}
			_, span := traces.Provider.Tracer("test").Start(t.Context(), "one that was chosen")
			if chosen < test.least || chosen > test.most || !span.SpanContext().IsSampled() {
				t.Errorf("%+v: %d of a thousand are chosen, and then sampled: %v", test, chosen, span.SpanContext().IsSampled())
			}
		}
		shutdown, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_ = traces.Provider.Shutdown(shutdown) // there is no collector
		cancel()
	}
}
