package jasperclient_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/zoneusage/zoneusage/jasperclient"
)

// tracing makes spans, and notes the traces that Control Center is sent.
type tracing struct {
	spans    *tracetest.SpanRecorder
	provider *sdktrace.TracerProvider

	mu   sync.Mutex
	sent []trace.SpanContext
}

func newTracing() *tracing {
	spans := tracetest.NewSpanRecorder()
	return &tracing{spans: spans, provider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))}
}

func (tr *tracing) of(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		tr.mu.Lock()
		tr.sent = append(tr.sent, trace.SpanContextFromContext(ctx))
		tr.mu.Unlock()
		handler.ServeHTTP(w, r)
	})
}

// show is the spans that have ended, in their order: each with its parent's name, kind, time, status and attributes.
func (tr *tracing) show() (lines []string) {
	ended := tr.spans.Ended()
	for _, span := range ended {
		parent := "none"
		if i := slices.IndexFunc(ended, func(s sdktrace.ReadOnlySpan) bool { return s.SpanContext().SpanID() == span.Parent().SpanID() }); i >= 0 {
			parent = ended[i].Name()
		}
		line := fmt.Sprintf("%s < %s, %v, %v", span.Name(), parent, span.SpanKind(), span.EndTime().Sub(span.StartTime()))
		if span.Status().Code != codes.Unset {
			line += ", " + strings.TrimSpace(span.Status().Code.String()+" "+span.Status().Description)
		}
		for _, attr := range span.Attributes() {
			line += fmt.Sprintf(", %s=%s", attr.Key, attr.Value.String())
		}
		lines = append(lines, line)
	}
	return lines
}

func TestTheSpansOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTracing()
		limit := respond(400, `{"errorCode":"40000029","errorMessage":"8988217755520000031"}`)
		control := &script{steps: steps(after(time.Second, limit), goodAnswer)}
		client := clientOf(t, tr.of(control), exactly(perSecond), jasperclient.WithTracerProvider(tr.provider))
		ctx, request := tr.provider.Tracer("").Start(t.Context(), "request")
		call, err := client.Start(ctx, question, jasperclient.Caller{Name: "A", Bulk: true}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := call.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		request.End()
		want := []string{
			"lane wait < lane, internal, 0s, jasper.class=bulk, jasper.attempt=1",
			"GET usageInZone < lane, client, 1s, Error, http.response.status_code=400, http.request.method=GET, jasper.attempt=1, " +
				"jasper.outcome=rate_limited, jasper.error_code=40000029",
			"lane wait < lane, internal, 2s, jasper.class=bulk, jasper.attempt=2",
			"GET usageInZone < lane, client, 0s, http.response.status_code=200, http.request.method=GET, jasper.attempt=2, jasper.outcome=ok",
			"lane < request, internal, 3s",
			"request < none, internal, 3s",
		}
		if diff := cmp.Diff(want, tr.show()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		ended := tr.spans.Ended()
		for i, attempt := range []sdktrace.ReadOnlySpan{ended[1], ended[3]} {
			if sent := tr.sent[i]; sent.TraceID() != request.SpanContext().TraceID() || sent.SpanID() != attempt.SpanContext().SpanID() || !sent.IsSampled() {
				t.Errorf("attempt %d sent %v, want %v", i, sent, attempt.SpanContext())
			}
		}
	})
}

func TestTheSpansOfACallThatIsTurnedAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTracing()
		control := &script{steps: steps(after(time.Second, respond(401, "")))}
		client := clientOf(t, control, exactly(perSecond), jasperclient.WithTracerProvider(tr.provider))
		var ended []<-chan error
		for range 2 {
			ended = append(ended, wait(t.Context(), start(t, client, jasperclient.Caller{})))
		}
		for _, err := range ended {
			if !errors.As(<-err, new(*jasperclient.APIError)) {
				t.Error("no refusal")
			}
		}
		want := []string{
			"GET usageInZone < lane, client, 1s, Error, http.response.status_code=401, http.request.method=GET, jasper.attempt=1, jasper.outcome=credentials_refused",
			"lane < none, internal, 1s, Error",
			"lane < none, internal, 1s, Error, jasper.turned_away=closed",
			"lane wait < lane, internal, 0s, jasper.class=interactive, jasper.attempt=1",
			"lane wait < lane, internal, 1s, Error, jasper.class=interactive, jasper.attempt=1, jasper.turned_away=closed",
		}
		got := tr.show()
		slices.Sort(got) // the two calls end at once
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

// Whatever fails, and whatever is in its text: no span holds the ICCID or the API key.
func TestNoSpanHoldsASecret(t *testing.T) {
	const text = exampleICCID + " " + apiKey
	for name, transport := range map[string]roundTripper{
		"an error":        func(r *http.Request) (*http.Response, error) { return nil, errors.New(r.URL.String() + text) },
		"a panic":         func(*http.Request) (*http.Response, error) { panic(text) },
		"an error's text": answering(404, `{"errorCode":"20000001","errorMessage":"`+text+`"}`),
		"an error's code": answering(404, `{"errorCode":"`+exampleICCID+`"}`),
		"a page":          answering(502, "<html>"+text),
		"no usage":        answering(200, text),
		"another's usage": answering(200, answer(`{"`+text+`, 1":[]}`)),
		"a usage":         answering(200, plans(record())),
		"a redirect":      answering(302, text),
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTracing()
			client := newClient(t, goodAnswer, jasperclient.WithTracerProvider(tr.provider), jasperclient.WithTransport(transport))
			func() {
				defer func() { _ = recover() }() // the panic's
				_, _ = client.UsageInZone(t.Context(), question)
			}()
			client.Close() // when the call's own span has ended too
			stubs := tracetest.SpanStubsFromReadOnlySpans(tr.spans.Ended())
			if len(stubs) < 3 {
				t.Errorf("%d spans", len(stubs))
			}
			for _, stub := range stubs {
				shown := fmt.Sprintf("%+v", stub)
				if strings.Contains(shown, exampleICCID) || strings.Contains(shown, apiKey) {
					t.Error(shown)
				}
			}
		})
	}
}

// answering answers in place of the network.
func answering(status int, body string) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		respond(status, body)(w, r)
		return w.Result(), nil
	}
}

// Without a tracer provider the trace of who started the call is not sent to Control Center.
func TestNoTraceIsSentThatNobodyAskedFor(t *testing.T) {
	tr := newTracing()
	client := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		if header := r.Header.Get("Traceparent"); header != "" {
			t.Error("sent", header)
		}
		goodAnswer(w, r)
	})
	ctx, span := tr.provider.Tracer("").Start(t.Context(), "request")
	defer span.End()
	if _, err := client.UsageInZone(ctx, question); err != nil {
		t.Error(err)
	}
	if lines := tr.show(); len(lines) > 0 {
		t.Error("spans", lines)
	}
}
