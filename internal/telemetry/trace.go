package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// Traces make and send the traces of the process.
type Traces struct {
	// Provider makes the spans. Shut it down at the end, so that it sends the last spans.
	Provider *sdktrace.TracerProvider
	// Chosen decides whether a call that is not part of a caller's trace begins one; nil: the provider's sampler decides.
	Chosen func() bool
}

// NewTraces makes traces as OpenTelemetry's own variables (OTEL_…) ask for: they say where the spans go, how many of them,
// and under which name. It returns nil if they ask for no traces. Errors of the exporter go to the log.
func NewTraces(ctx context.Context, version string, log *slog.Logger) (*Traces, error) {
	if on, err := wantsTraces(); !on || err != nil {
		return nil, err
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		log.WarnContext(ctx, "traces", "cause", err.Error())
	}))
	otel.SetLogger(logr.New(sdkLog{log}))
	exporter, err := newExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	described, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName(namespace), semconv.ServiceVersion(version)),
		resource.WithFromEnv()) // the last one wins
	if err != nil {
		return nil, fmt.Errorf("traces: OTEL_RESOURCE_ATTRIBUTES or OTEL_SERVICE_NAME: %w", err)
	}
	options := []sdktrace.TracerProviderOption{sdktrace.WithBatcher(exporter), sdktrace.WithResource(described)}
	chosen := chooser()
	if chosen != nil {
		options = append(options, sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.AlwaysSample())))
	}
	return &Traces{sdktrace.NewTracerProvider(options...), chosen}, nil
}

// chooser returns a function that chooses as many calls as the sampler parentbased_traceidratio would. (That sampler samples
// part of the calls, but follows the caller's trace if there is one.) It returns nil for another sampler, and for an invalid
// ratio, which it leaves to the SDK.
func chooser() func() bool {
	ratio, err := strconv.ParseFloat(os.Getenv("OTEL_TRACES_SAMPLER_ARG"), 64)
	if os.Getenv("OTEL_TRACES_SAMPLER") != "parentbased_traceidratio" || err != nil || !(ratio >= 0 && ratio <= 1) {
		return nil
	}
	return func() bool { return rand.Float64() < ratio }
}

// wantsTraces reports whether the variables ask for traces.
func wantsTraces() (bool, error) {
	exporter := os.Getenv("OTEL_TRACES_EXPORTER")
	switch {
	case strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || exporter == "none":
		return false, nil
	case exporter == "otlp":
		return true, nil
	case exporter != "":
		return false, fmt.Errorf("OTEL_TRACES_EXPORTER: there is no exporter %q; write otlp or none", exporter)
	}
	return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "", nil
}

// newExporter makes the exporter for the protocol in the variables; OpenTelemetry's default is HTTP. The exporter itself
// reads the other variables.
func newExporter(ctx context.Context) (*otlptrace.Exporter, error) {
	const httpProtobuf = "http/protobuf"
	switch protocol := cmp.Or(
		os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), httpProtobuf,
	); protocol {
	case httpProtobuf:
		return otlptracehttp.New(ctx)
	case "grpc":
		return otlptracegrpc.New(ctx)
	default:
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL: there is no protocol %q; write %s or grpc", protocol, httpProtobuf)
	}
}

// sdkLog logs the messages of the SDK without their values: the SDK repeats variables that it cannot read, which can hold
// secrets.
type sdkLog struct{ log *slog.Logger }

// Init implements logr.LogSink.
func (sdkLog) Init(logr.RuntimeInfo) {}

// Enabled implements logr.LogSink. The SDK's warnings have level 1; higher levels are for its developers.
func (sdkLog) Enabled(level int) bool { return level <= 1 }

// Info implements logr.LogSink.
func (l sdkLog) Info(_ int, msg string, _ ...any) { l.log.Warn("traces: " + msg) }

// Error implements logr.LogSink. It leaves out the error, which repeats values too.
func (l sdkLog) Error(_ error, msg string, _ ...any) {
	l.log.Error("traces: a variable OTEL_… is not as it should be: " + msg)
}

// WithValues implements logr.LogSink.
func (l sdkLog) WithValues(...any) logr.LogSink { return l }

// WithName implements logr.LogSink.
func (l sdkLog) WithName(string) logr.LogSink { return l }
