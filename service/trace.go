package service

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

// The headers of W3C's Trace Context by which a caller makes a call part of its trace.
const (
	headerTraceParent = "traceparent"
	headerTraceState  = "tracestate"
)

// A tracer makes a span of each call of UsageService.
type tracer struct {
	trace.Tracer
	options []trace.SpanStartOption // of all
}

// newTracer is nil without a provider.
func newTracer(provider trace.TracerProvider) *tracer {
	if provider == nil {
		return nil
	}
	return &tracer{
		provider.Tracer("github.com/zoneusage/zoneusage/service", trace.WithSchemaURL(semconv.SchemaURL)),
		[]trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)},
	}
}

// trace answers a question as a span of its own, as OpenTelemetry's conventions for RPC have it. Nothing in it tells of the
// device.
func (t *tracer) trace(
	ctx context.Context, rec *record, req *usagev1.GetDeviceUsageInZoneRequest,
	answer func(context.Context, *record, *usagev1.GetDeviceUsageInZoneRequest) (*answer, error),
) (*answer, error) {
	if len(rec.trace[0]) > 0 {
		ctx = propagation.TraceContext{}.Extract(ctx, incoming(rec.trace))
	}
	method := strings.TrimPrefix(rec.method, "/")
	ctx, span := t.Start(ctx, method, t.options...)
	defer span.End()
	if !span.IsRecording() { // most are not, and need no attributes
		return answer(ctx, rec, req)
	}
	span.SetAttributes(semconv.RPCSystemNameGRPC, semconv.RPCMethod(method), attribute.String("door", rec.door))
	if of := span.SpanContext(); of.IsSampled() {
		rec.traceID = of.TraceID().String()
	}
	reply, err := answer(ctx, rec, req)
	finish(span, rec, status.Convert(err))
	return reply, err
}

// finish adds what came of the call to its span.
func finish(span trace.Span, rec *record, st *status.Status) {
	name := code.Code(st.Code()).String()
	span.SetAttributes(semconv.RPCResponseStatusCode(name))
	if rec.account != "" {
		span.SetAttributes(attribute.String("account", rec.account))
	}
	if rec.source != "" {
		span.SetAttributes(attribute.String("source", rec.source))
	}
	if !isServersFault(st.Code()) {
		return
	}
	reason, _ := detailOf[*errdetails.ErrorInfo](st)
	span.SetAttributes(semconv.ErrorTypeKey.String(name))
	span.SetStatus(otelcodes.Error, reason.GetReason())
}

// isServersFault tells the codes that the conventions count as a server's error; the others are its caller's affair.
func isServersFault(c codes.Code) bool {
	switch c {
	case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss:
		return true
	}
	return false
}

// incoming are the headers of a call's trace as the propagator reads them.
type incoming [2][]string

// Get implements propagation.TextMapCarrier. A header that is given more than once is one list.
func (c incoming) Get(key string) string {
	switch key {
	case headerTraceParent:
		return strings.Join(c[0], ",")
	case headerTraceState:
		return strings.Join(c[1], ",")
	}
	return ""
}

// Set and Keys, which reading does not need, implement it too.
func (incoming) Set(string, string) {}

// Keys see Set.
func (incoming) Keys() []string { return nil }
