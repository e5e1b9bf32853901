package service

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
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
	"github.com/zoneusage/zoneusage/internal/errordetail"
)

// A tracer makes a span of each call of UsageService, or of some.
type tracer struct {
	trace.Tracer
	options []trace.SpanStartOption // of every span
	chosen  func() bool             // whether a call outside a caller's trace becomes a span; nil: every one does
}

// newTracer is nil without a provider.
func newTracer(cfg Config) *tracer {
	if cfg.TracerProvider == nil {
		return nil
	}
	return &tracer{
		cfg.TracerProvider.Tracer("github.com/zoneusage/zoneusage/service", trace.WithSchemaURL(semconv.SchemaURL)),
		[]trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)},
		cfg.Traced,
	}
}

// trace answers a question in a span of its own, if it is chosen for one, as OpenTelemetry's conventions for RPC have it.
// The span says nothing of the device.
func (t *tracer) trace(
	ctx context.Context, rec *record, req *usagev1.GetDeviceUsageInZoneRequest,
	next func(context.Context, *record, *usagev1.GetDeviceUsageInZoneRequest) (*answer, error),
) (*answer, error) {
	hasParent := false
	if rec.headers.get(headerTraceParent) != nil {
		ctx = propagation.TraceContext{}.Extract(ctx, incoming(rec.headers))
		hasParent = trace.SpanContextFromContext(ctx).IsValid()
	}
	if t.chosen != nil && !hasParent && !t.chosen() {
		rec.untraced = true
		return next(ctx, rec, req)
	}
	method := strings.TrimPrefix(rec.method, "/")
	ctx, span := t.Start(ctx, method, t.options...)
	defer span.End()
	span.SetAttributes(semconv.RPCSystemNameGRPC, semconv.RPCMethod(method), attribute.String("door", rec.door))
	if of := span.SpanContext(); of.IsSampled() {
		rec.traceID = of.TraceID().String()
	}
	reply, err := next(ctx, rec, req)
	finish(span, rec, status.Convert(err))
	return reply, err
}

// untraced gives ctx an unsampled parent; without one the client would begin traces of its own.
func untraced(ctx context.Context) context.Context {
	var id trace.TraceID
	var span trace.SpanID
	binary.NativeEndian.PutUint64(id[:], rand.Uint64()|1) // an id of 0 is not valid
	binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	binary.NativeEndian.PutUint64(span[:], rand.Uint64()|1)
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: span}))
}

// finish adds the outcome of the call to its span.
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
	reason, _ := errordetail.Of[*errdetails.ErrorInfo](st)
	span.SetAttributes(semconv.ErrorTypeKey.String(name))
	span.SetStatus(otelcodes.Error, reason.GetReason())
}

// isServersFault reports whether the conventions count the code as the server's error, and not the caller's.
func isServersFault(c codes.Code) bool {
	switch c {
	case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss:
		return true
	}
	return false
}

// incoming has the headers of a call as the propagator reads them.
type incoming requestHeaders

// Get implements propagation.TextMapCarrier. A header that is given more than once is read as one list.
func (i incoming) Get(key string) string {
	return strings.Join(requestHeaders(i).get(newHeader(key)), ",")
}

// Set implements propagation.TextMapCarrier; reading does not need it.
func (incoming) Set(string, string) {}

// Keys implements propagation.TextMapCarrier; reading does not need it.
func (incoming) Keys() []string { return nil }
