package jasperclient

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// The attributes of the spans. None of them can hold an ICCID, credentials or the vendor's text.
const (
	keyClass      attribute.Key = "jasper.class"       // interactive or bulk
	keyAttempt    attribute.Key = "jasper.attempt"     // counted from 1; each wait for a turn counts
	keyOutcome    attribute.Key = "jasper.outcome"     // an Outcome
	keyTurnedAway attribute.Key = "jasper.turned_away" // a Cause
	keyErrorCode  attribute.Key = "jasper.error_code"  // a Code
	keyMethod     attribute.Key = "http.request.method"
	keyStatus     attribute.Key = "http.response.status_code"
)

// WithTracerProvider makes OpenTelemetry spans: "lane" for each [Call], under the span of the context that [Client.Start]
// gets, and under "lane" a "lane wait" for each wait for a turn and a "GET usageInZone" for each attempt, whose W3C trace
// context is sent to Control Center. The spans name neither the device nor the account.
func WithTracerProvider(provider trace.TracerProvider) Option {
	return func(c *Client) error {
		if provider == nil {
			return errors.New("jasperclient: the tracer provider is nil")
		}
		c.tracer = provider.Tracer("github.com/zoneusage/zoneusage/jasperclient")
		return nil
	}
}

// startSpan starts a span. Without a tracer the span does nothing and ctx stays as it is. A noop tracer in place of none
// would send the trace of the call's starter to Control Center.
func (c *Client) startSpan(ctx context.Context, name string, kind trace.SpanKind, since time.Time) (context.Context, trace.Span) {
	if c.tracer == nil {
		return ctx, trace.SpanFromContext(context.Background())
	}
	return c.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithTimestamp(since))
}

// sendTrace lets Control Center, or a proxy in front of it, add its spans to the trace.
func (c *Client) sendTrace(req *http.Request) {
	if c.tracer != nil {
		propagation.TraceContext{}.Inject(req.Context(), propagation.HeaderCarrier(req.Header))
	}
}

// noteStatus puts the answer's status on the attempt's span.
func (c *Client) noteStatus(req *http.Request, status int) {
	if c.tracer != nil {
		trace.SpanFromContext(req.Context()).SetAttributes(keyStatus.Int(status))
	}
}

// endCall ends the span of a call.
func endCall(span trace.Span, err error, cause Cause) {
	if span.IsRecording() && err != nil {
		noteCause(span, cause)
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// endWait ends the span of a wait for a turn.
func endWait(span trace.Span, number int, caller Caller, cause Cause) {
	if span.IsRecording() {
		class := "interactive"
		if caller.Bulk {
			class = "bulk"
		}
		span.SetAttributes(keyClass.String(class), keyAttempt.Int(number))
		noteCause(span, cause)
	}
	span.End()
}

func noteCause(span trace.Span, cause Cause) {
	if cause != "" {
		span.SetAttributes(keyTurnedAway.String(string(cause)))
		span.SetStatus(codes.Error, "")
	}
}

// shorterThanAnICCID bounds the length of a code on a span; the vendor's codes have 8 digits.
const shorterThanAnICCID = 17

// endAttempt ends the span of an attempt.
func endAttempt(span trace.Span, number int, outcome error) {
	if span.IsRecording() {
		span.SetAttributes(keyMethod.String(http.MethodGet), keyAttempt.Int(number))
		if !errors.Is(outcome, ErrClosed) {
			span.SetAttributes(keyOutcome.String(string(outcomeOf(outcome))))
		}
		if refused, ok := errors.AsType[*APIError](outcome); ok && refused.Code != "" && len(refused.Code) <= shorterThanAnICCID {
			span.SetAttributes(keyErrorCode.String(string(refused.Code)))
		}
		if outcome != nil {
			span.SetStatus(codes.Error, "")
		}
	}
	span.End()
}
