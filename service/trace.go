package service

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// The headers of W3C's Trace Context by which a caller makes a call part of its trace.
const (
	headerTraceParent = "traceparent"
	headerTraceState  = "tracestate"
)

// withSpan makes each call of UsageService a span, through whichever door it came, as OpenTelemetry's conventions for RPC
// have it. Nothing in it tells of the device.
func withSpan(provider trace.TracerProvider) grpc.UnaryServerInterceptor {
	tracer := provider.Tracer("github.com/zoneusage/zoneusage/service", trace.WithSchemaURL(semconv.SchemaURL))
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if !isUsage(info.FullMethod) {
			return handler(ctx, req)
		}
		rec, method := recordOf(ctx), strings.TrimPrefix(info.FullMethod, "/")
		ctx, span := tracer.Start(propagation.TraceContext{}.Extract(ctx, incoming{ctx}), method,
			trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(semconv.RPCSystemNameGRPC, semconv.RPCMethod(method), attribute.String("door", rec.door)))
		defer span.End()
		if of := span.SpanContext(); of.IsSampled() {
			rec.traceID = of.TraceID().String()
		}
		resp, err := handler(ctx, req)
		finish(span, rec, status.Convert(err))
		return resp, err
	}
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

// incoming is a call's metadata as the propagator reads it.
type incoming struct{ ctx context.Context }

// Get implements propagation.TextMapCarrier. A header that is given more than once is one list.
func (c incoming) Get(key string) string {
	return strings.Join(metadata.ValueFromIncomingContext(c.ctx, key), ",")
}

// Set and Keys, which reading does not need, implement it too.
func (incoming) Set(string, string) {}

// Keys see Set.
func (incoming) Keys() []string { return nil }

// dropUnsendable takes out the headers that the in-process client would refuse the whole call for: those with more than
// ASCII. No trace has them.
func dropUnsendable(header http.Header, names ...string) {
	for _, name := range names {
		if slices.ContainsFunc(header.Values(name), isUnsendable) {
			header.Del(name)
		}
	}
}

// isUnsendable reports whether a value is more than gRPC's metadata can hold.
func isUnsendable(value string) bool {
	return strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
}
