package sandbox_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// everyCall is a fault of every call.
func everyCall(kind sandbox.FaultKind) sandbox.Option {
	return sandbox.WithFaults(sandbox.Fault{Kind: kind, Share: 1})
}

// try calls a server over a connection of its own, with the default credentials. The error is that of the call
// or of its body, whose beginning is in the reply.
func try(t *testing.T, server *httptest.Server, target string) (reply, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("sandbox", "sandbox")
	defer server.Client().CloseIdleConnections()
	response, err := server.Client().Do(r)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(body)}, err
}

func TestFaultyAnswers(t *testing.T) {
	const scripts = "8999901000000000043"
	right := ask(newSandbox(t), usage(scripts))
	for kind, check := range map[sandbox.FaultKind]func(*testing.T, reply){
		sandbox.FaultNone: func(t *testing.T, got reply) {
			t.Helper()
			if got.body != right.body || got.header.Get("Content-Type") != "application/json" {
				t.Errorf("%+v", got)
			}
		},
		sandbox.FaultServerError: func(t *testing.T, got reply) {
			t.Helper()
			checkError(t, got, http.StatusInternalServerError, `{"errorMessage":"Unknown server error.","errorCode":"30000001"}`)
		},
		sandbox.FaultBadGateway: func(t *testing.T, got reply) {
			t.Helper()
			checkHTML(t, scripts, got, http.StatusBadGateway)
		},
		sandbox.FaultUnavailable: func(t *testing.T, got reply) {
			t.Helper()
			checkHTML(t, scripts, got, http.StatusServiceUnavailable)
		},
		sandbox.FaultWrongCharset: func(t *testing.T, got reply) {
			t.Helper()
			if got.body != right.body || got.header.Get("Content-Type") != "application/json;charset=ISO-8859-1" {
				t.Errorf("%+v", got)
			}
		},
		sandbox.FaultMalformedJSON: func(t *testing.T, got reply) {
			t.Helper()
			var syntax *json.SyntaxError
			if err := json.Unmarshal([]byte(got.body), new(any)); got.status != http.StatusOK || !errors.As(err, &syntax) {
				t.Errorf("%v: %+v", err, got)
			}
		},
		sandbox.FaultHugeBody: func(t *testing.T, got reply) {
			t.Helper()
			if len(got.body) != 1<<20+len(right.body) || strings.TrimLeft(got.body, " ") != right.body {
				t.Errorf("%d bytes", len(got.body))
			}
		},
		sandbox.FaultWrongICCID: func(t *testing.T, got reply) {
			t.Helper()
			if answer := got.answer(t); answer.ICCID == scripts || len(answer.Usage) == 0 {
				t.Errorf("%+v", answer)
			}
		},
	} {
		t.Run(string(kind), func(t *testing.T) {
			got, err := try(t, serve(t, everyCall(kind)), usage(scripts))
			if err != nil {
				t.Fatal(err)
			}
			check(t, got)
		})
	}
}

// The device that wrong answers name is asked about too.
func TestWrongICCIDOfTheVendorsExample(t *testing.T) {
	got := ask(newSandbox(t, everyCall(sandbox.FaultWrongICCID)), exampleDevice)
	if answer := got.answer(t); answer.ICCID == exampleICCID {
		t.Errorf("%+v", answer)
	}
}

func TestBrokenConnections(t *testing.T) {
	right := ask(newSandbox(t), exampleDevice)
	for kind, test := range map[sandbox.FaultKind]struct {
		status int
		sent   string
		err    error
	}{
		sandbox.FaultReset:         {0, "", syscall.ECONNRESET},
		sandbox.FaultResetInBody:   {http.StatusOK, right.body[:len(right.body)/2], syscall.ECONNRESET},
		sandbox.FaultTruncatedBody: {http.StatusOK, right.body[:len(right.body)/2], io.ErrUnexpectedEOF},
	} {
		t.Run(string(kind), func(t *testing.T) {
			got, err := try(t, serve(t, everyCall(kind)), exampleDevice)
			if !errors.Is(err, test.err) || got.status != test.status || got.body != test.sent {
				t.Errorf("%v, want %v: %+v", err, test.err, got)
			}
		})
	}
}

// Over TLS and over HTTP/2 a reset is no orderly end either.
func TestResetOverTLS(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		for _, kind := range []sandbox.FaultKind{sandbox.FaultReset, sandbox.FaultResetInBody} {
			server := httptest.NewUnstartedServer(newSandbox(t, everyCall(kind)))
			server.EnableHTTP2 = http2
			server.StartTLS()
			defer server.Close()
			got, err := try(t, server, exampleDevice)
			if err == nil || errors.Is(err, io.EOF) || !http2 && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("HTTP/2 %t, %s: %v, %+v", http2, kind, err, got)
			}
		}
	}
}

func TestGzip(t *testing.T) {
	s := newSandbox(t, everyCall(sandbox.FaultGzip))
	right := ask(newSandbox(t), exampleDevice).body
	for accepted, compressed := range map[string]bool{
		"gzip": true, "deflate, GZIP;q=0.5": true, "deflate,gzip; q=1.0": true,
		"": false, "identity": false, "gzip;q=0": false, "gzip;q=x": false, "xgzip": false,
	} {
		r := httptest.NewRequest(http.MethodGet, exampleDevice, nil)
		r.SetBasicAuth("sandbox", "sandbox")
		r.Header.Set("Accept-Encoding", accepted)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		body := w.Body.Bytes()
		if (w.Header().Get("Content-Encoding") == "gzip") != compressed || w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %v", accepted, w.Header())
		}
		if compressed {
			reader, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(reader); err != nil {
				t.Error(err)
			}
		}
		if string(body) != right {
			t.Errorf("%q: %s", accepted, body)
		}
	}
	if got, err := try(t, serve(t, everyCall(sandbox.FaultGzip)), exampleDevice); err != nil || got.body != right {
		t.Errorf("net/http's client: %v, %s", err, got.body)
	}
}

// timed is a body with the instants of its bytes.
type timed struct {
	*httptest.ResponseRecorder
	at []time.Time
}

func (w *timed) Write(body []byte) (int, error) {
	w.at = append(w.at, time.Now())
	return w.ResponseRecorder.Write(body)
}

func TestSlowBody(t *testing.T) {
	slow := sandbox.WithFaults(sandbox.Fault{Kind: sandbox.FaultSlowBody, Share: 1, Over: time.Minute})
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, slow)
		began := time.Now()
		r := httptest.NewRequest(http.MethodGet, exampleDevice, nil)
		r.SetBasicAuth("sandbox", "sandbox")
		w := &timed{ResponseRecorder: httptest.NewRecorder()}
		s.ServeHTTP(w, r)
		if len(w.at) != 704 || w.Body.Len() != 704 {
			t.Fatalf("%d bytes in %d pieces", w.Body.Len(), len(w.at))
		}
		if half, whole := w.at[351].Sub(began), w.at[703].Sub(began); half != 30*time.Second || whole != time.Minute {
			t.Errorf("half after %v, the whole after %v", half, whole)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		defer func() {
			got := recover()
			if err, ok := got.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				t.Errorf("recovered %v", got)
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, exampleDevice, nil)
		r.SetBasicAuth("sandbox", "sandbox")
		newSandbox(t, slow).ServeHTTP(httptest.NewRecorder(), r)
		t.Error("half an answer ended well")
	})
}

func TestSlowBodyOverHTTP(t *testing.T) {
	server := serve(t, sandbox.WithFaults(sandbox.Fault{Kind: sandbox.FaultSlowBody, Over: 50 * time.Millisecond}))
	began := time.Now()
	got, err := try(t, server, exampleDevice)
	if took := time.Since(began); err != nil || len(got.body) != 704 || took < 50*time.Millisecond {
		t.Errorf("%d bytes in %v, %v", len(got.body), took, err)
	}
}

func TestHang(t *testing.T) {
	s := newSandbox(t, everyCall(sandbox.FaultHang))
	server := httptest.NewServer(s)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+exampleDevice, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("sandbox", "sandbox")
	response, err := server.Client().Do(r)
	if err == nil {
		response.Body.Close()
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("answered: %v", err)
	}
	checkLedger(t, s, sandbox.Counts{Calls: 1, MostInFlight: 1})
}

// Whatever a call ends with, a client that asks again when it has seen the end is not two calls at once.
func TestAfterAFaultTheNextCallIsAllowed(t *testing.T) {
	for _, fault := range []sandbox.Fault{
		{Kind: sandbox.FaultReset}, {Kind: sandbox.FaultResetInBody}, {Kind: sandbox.FaultTruncatedBody},
		{Kind: sandbox.FaultSlowBody, Over: time.Microsecond}, {Kind: sandbox.FaultHugeBody},
	} {
		fault.Share = 1
		s := newSandbox(t, sandbox.WithFairUse(1, 0), sandbox.WithFaults(fault))
		server := httptest.NewServer(s)
		const calls = 20
		for range calls {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+exampleDevice, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.SetBasicAuth("sandbox", "sandbox")
			if response, err := server.Client().Do(r); err == nil {
				_ = json.NewDecoder(response.Body).Decode(new(any)) // to the last brace, and no further
				response.Body.Close()
			}
			server.Client().CloseIdleConnections()
		}
		server.Close()
		if got := s.Ledger(); got.Overruns != 0 || got.Calls != calls {
			t.Errorf("%s: %+v", fault.Kind, got)
		}
	}
}

func TestFaultsOfHead(t *testing.T) {
	for _, kind := range []sandbox.FaultKind{sandbox.FaultTruncatedBody, sandbox.FaultHugeBody, sandbox.FaultGzip} {
		got := do(t, serve(t, everyCall(kind)), http.MethodHead, exampleDevice, func(r *http.Request) { r.SetBasicAuth("sandbox", "sandbox") })
		if got.status != http.StatusOK || got.body != "" {
			t.Errorf("%s: %+v", kind, got)
		}
	}
}

// Faults change while calls are answered: for the race detector.
func TestSetFaultsAtOnce(t *testing.T) {
	s := newSandbox(t)
	server := httptest.NewServer(s)
	defer server.Close()
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 50 {
				_, _ = try(t, server, exampleDevice)
			}
		})
	}
	kinds := []sandbox.FaultKind{sandbox.FaultNone, sandbox.FaultReset, sandbox.FaultGzip, sandbox.FaultTruncatedBody}
	group.Go(func() {
		for i := range 200 {
			kind := kinds[i%len(kinds)]
			if err := s.SetFaults(sandbox.Fault{Kind: kind}, sandbox.Fault{Kind: kind, Share: 0.5, Jitter: time.Microsecond}); err != nil {
				t.Error(err)
			}
			s.Ledger()
		}
	})
	group.Wait()
	ledger := s.Ledger()
	if accounts := slices.Collect(maps.Keys(ledger.ByAccount)); ledger.Calls < 200 || !slices.Equal(accounts, []string{"sandbox"}) {
		t.Errorf("%+v", ledger)
	}
}
