package jasperclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/zoneusage/zoneusage/internal/memhttp"
	"github.com/zoneusage/zoneusage/jasperclient"
	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// A script answers each call with its next step; the last step goes on.
type script struct {
	mu    sync.Mutex
	steps []http.HandlerFunc
	calls []time.Time
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls = append(s.calls, time.Now())
	step := s.steps[0]
	if len(s.steps) > 1 {
		s.steps = s.steps[1:]
	}
	s.mu.Unlock()
	step(w, r)
}

func (s *script) called() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

var (
	goodAnswer = respond(200, plans(record()))
	perSecond  = jasperclient.FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 1000, BulkShare: 10}
	question   = jasperclient.UsageQuery{ICCID: exampleICCID}
)

func breakOff(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func TestFailuresOfControlCenterAreRetried(t *testing.T) {
	html := respond(502, "<html></html>")
	for name, test := range map[string]struct {
		steps []http.HandlerFunc
		calls int
		ok    bool
	}{
		"30000001":                              {[]http.HandlerFunc{respond(500, `{"errorCode":"30000001"}`), goodAnswer}, 2, true},
		"30000001 in a 200":                     {[]http.HandlerFunc{respond(200, `{"errorCode":"30000001"}`), goodAnswer}, 2, true},
		"a bare 503":                            {[]http.HandlerFunc{respond(503, ""), goodAnswer}, 2, true},
		"HTML":                                  {[]http.HandlerFunc{html, html, goodAnswer}, 3, true},
		"a broken connection":                   {[]http.HandlerFunc{breakOff, breakOff, goodAnswer}, 3, true},
		"a connection that was good and breaks": {[]http.HandlerFunc{respond(503, ""), breakOff, goodAnswer}, 3, true},
		"a timeout":                             {[]http.HandlerFunc{func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, goodAnswer}, 2, true},
		"a limit":                               {[]http.HandlerFunc{respond(400, `{"errorCode":"40000029"}`), goodAnswer}, 2, true},
		"three times":                           {[]http.HandlerFunc{html}, 3, false},
		"a device not known":                    {[]http.HandlerFunc{respond(404, `{"errorCode":"20000001"}`)}, 1, false},
		"an HTML 404":                           {[]http.HandlerFunc{respond(404, "<html></html>")}, 1, false},
		"an answer that is bad":                 {[]http.HandlerFunc{respond(200, "OK")}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				control := &script{steps: test.steps}
				client := clientOf(t, control, perSecond)
				usage, err := client.UsageInZone(t.Context(), question)
				if (err == nil) != test.ok || (usage != nil) != test.ok || control.called() != test.calls {
					t.Errorf("%d calls, %v", control.called(), err)
				}
				for i := 1; i < len(control.calls); i++ {
					if gap := control.calls[i].Sub(control.calls[i-1]); gap < time.Second {
						t.Errorf("call %d came %v after the one before: without a turn of its own", i, gap)
					}
				}
			})
		})
	}
}

// An attempt that cannot end before the deadline is not made: the failure is told at once.
func TestNoAttemptIsMadeThatComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		control := &script{steps: []http.HandlerFunc{respond(502, "<html></html>")}}
		client := clientOf(t, control, perSecond)
		ctx, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond) // the next turn comes after a second
		defer cancel()
		start := time.Now()
		_, err := client.UsageInZone(ctx, question)
		var unavailable *jasperclient.UnavailableError
		if !errors.As(err, &unavailable) || unavailable.RetryAfter <= 0 || time.Since(start) > 600*time.Millisecond || control.called() != 1 {
			t.Errorf("%d calls, after %v: %v", control.called(), time.Since(start), err)
		}
		control.steps[0] = func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "3600")
			respond(503, "<html></html>")(w, r)
		}
		time.Sleep(2 * time.Second)
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start = time.Now()
		_, err = client.UsageInZone(ctx, question)
		if !errors.As(err, &unavailable) || unavailable.RetryAfter != time.Hour || time.Since(start) != 0 || control.called() != 2 {
			t.Errorf("told to wait an hour: %d calls, after %v: %v", control.called(), time.Since(start), err)
		}
	})
}

// The wait that a caller took on can grow; it is told before its deadline, not by it.
func TestWhoIsOvertakenIsToldBeforeItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := clientOf(t, goodAnswer, perSecond)
		var waiting sync.WaitGroup
		ask := func(caller jasperclient.Caller, patience time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			call, err := client.Start(t.Context(), question, caller, nil)
			if err != nil {
				return err
			}
			_, err = call.Wait(ctx)
			return err
		}
		start := time.Now()
		for range 2 {
			waiting.Go(func() { _ = ask(jasperclient.Caller{}, time.Hour) })
		}
		synctest.Wait()
		waiting.Go(func() {
			err := ask(jasperclient.Caller{Bulk: true}, 3*time.Second)
			var busy *jasperclient.BusyError
			if took := time.Since(start); !errors.As(err, &busy) || took >= 3*time.Second || took < 2*time.Second || busy.Wait < time.Second {
				t.Errorf("after %v: %v", took, err)
			}
		})
		synctest.Wait()
		for range 5 {
			waiting.Go(func() { _ = ask(jasperclient.Caller{}, time.Hour) })
		}
		waiting.Wait()
	})
}

// Who waits behind a call that takes longer than calls do is told before its deadline too.
func TestWhoWaitsBehindAHangingCallIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := clientOf(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), perSecond)
		var waiting sync.WaitGroup
		waiting.Go(func() { _, _ = client.UsageInZone(t.Context(), question) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		var busy *jasperclient.BusyError
		if _, err := client.UsageInZone(ctx, question); !errors.As(err, &busy) || busy.Wait <= 0 || time.Since(start) >= 3*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		client.Close()
		waiting.Wait()
	})
}

// A call that has to make its connection first arrives later than it had its turn: the next one keeps its distance to when
// it was sent, and the rate holds however it divides a second.
func TestTheDistanceIsThatOfCallsThatAreSent(t *testing.T) {
	for _, fair := range []jasperclient.FairUse{
		{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 1000}, {CallsInFlight: 5, CallsPerSecond: 5, MaxWaiting: 1000},
		{CallsInFlight: 3, CallsPerSecond: 7, MaxWaiting: 1000}, {CallsInFlight: 1, CallsPerSecond: 0.3, MaxWaiting: 1000},
	} {
		synctest.Test(t, func(t *testing.T) {
			controlCenter, err := sandbox.New(sandbox.WithFairUse(fair.CallsInFlight, fair.CallsPerSecond), sandbox.WithDevices(20), sandbox.WithLatency(50*time.Millisecond))
			if err != nil {
				t.Fatal(err)
			}
			transport := memhttp.Serve(t, controlCenter)
			dial := transport.DialContext
			transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				time.Sleep(150 * time.Millisecond)
				return dial(ctx, network, addr)
			}
			client := clientThrough(t, transport, fair)
			for range 5 { // with idle times between, in which the connections go
				if answered, _, _ := askAll(t, client, 20, time.Hour); answered != 20 {
					t.Errorf("%d answered", answered)
				}
				transport.CloseIdleConnections()
				time.Sleep(time.Minute)
			}
			if ledger := controlCenter.Ledger(); ledger.Overruns != 0 {
				t.Errorf("%+v: ledger %+v", fair, ledger.Counts)
			}
		})
	}
}

func TestACallIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		control := &script{steps: []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(2 * time.Second)
			goodAnswer(w, r)
		}}}
		client := clientOf(t, control, perSecond)
		start := time.Now()
		landed := 0
		var call *jasperclient.Call
		var late sync.WaitGroup
		call, err := client.Start(t.Context(), question, jasperclient.Caller{Name: "A"}, func(usage *jasperclient.DeviceUsage, sent time.Time, err error) {
			landed++
			if usage == nil || !sent.Equal(start) || err != nil {
				t.Errorf("landed with %v, sent %v, %v", usage, sent, err)
			}
			if !call.Join(t.Context(), jasperclient.Caller{}, time.Minute) {
				t.Error("a call cannot be joined until its outcome is elsewhere")
				return
			}
			late.Go(func() {
				if _, err := call.Wait(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		var answered atomic.Int32
		var waiting sync.WaitGroup
		wait := func(patience time.Duration, want error) {
			waiting.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				if _, err := call.Wait(ctx); !errors.Is(err, want) {
					t.Errorf("got %v, want %v", err, want)
				} else if err == nil {
					answered.Add(1)
				}
			})
		}
		wait(time.Minute, nil)
		time.Sleep(time.Second)
		for range 3 {
			if !call.Join(t.Context(), jasperclient.Caller{Name: "B"}, time.Minute) {
				t.Fatal("B cannot join")
			}
			wait(time.Minute, nil)
		}
		if !call.Join(t.Context(), jasperclient.Caller{Name: "C"}, time.Minute) {
			t.Fatal("C cannot join")
		}
		wait(500*time.Millisecond, context.DeadlineExceeded)
		if call.Join(t.Context(), jasperclient.Caller{Name: "D"}, 999*time.Millisecond) {
			t.Error("who wants an answer of the last 999 ms can join a call of a second ago")
		}
		waiting.Wait()
		late.Wait()
		if answered.Load() != 4 || landed != 1 || control.called() != 1 {
			t.Errorf("%d answered, landed %d times after %d calls", answered.Load(), landed, control.called())
		}
		if call.Join(t.Context(), jasperclient.Caller{}, time.Hour) {
			t.Error("a call that has ended can be joined")
		}
	})
}

// The values of the context that a call is started with are its own, its end is not.
func TestACallHasTheValuesOfItsStart(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		transport := memhttp.Serve(t, goodAnswer)
		client := clientOf(t, goodAnswer, perSecond, jasperclient.WithTransport(roundTripper(func(r *http.Request) (*http.Response, error) {
			if value := r.Context().Value(key{}); value != "value" {
				t.Error("the value is", value)
			}
			return transport.RoundTrip(r)
		})))
		defer transport.CloseIdleConnections()
		ctx, end := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
		end()
		call, err := client.Start(ctx, question, jasperclient.Caller{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := call.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A call that everybody left is taken out of the lane; one that is under way goes on, because it is spent.
func TestACallThatEverybodyLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		control := &script{steps: []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(3 * time.Second)
			goodAnswer(w, r)
		}}}
		client := clientOf(t, control, perSecond)
		results := make(chan error, 10)
		land := func(_ *jasperclient.DeviceUsage, _ time.Time, err error) { results <- err }
		leave := func(call *jasperclient.Call) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := call.Wait(ctx); err == nil {
				t.Error("who left has an answer")
			}
		}
		underWay, err := client.Start(t.Context(), question, jasperclient.Caller{}, land)
		if err != nil {
			t.Fatal(err)
		}
		queued, err := client.Start(t.Context(), question, jasperclient.Caller{}, land)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		leave(queued) // at once: its turn comes too late
		if err := <-results; !errors.Is(err, context.Canceled) {
			t.Errorf("the call in the queue ended with %v", err)
		}
		if queued.Join(t.Context(), jasperclient.Caller{}, time.Hour) {
			t.Error("a call that was given up can be joined")
		}
		leave(underWay)
		if !underWay.Join(t.Context(), jasperclient.Caller{}, time.Minute) {
			t.Fatal("a call that goes on cannot be joined")
		}
		if _, err := underWay.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-results; err != nil || control.called() != 1 {
			t.Errorf("%d calls, %v", control.called(), err)
		}
	})
}

// heldSpans makes the first call wait between the grant of its turn and the call.
type heldSpans struct {
	*tracetest.SpanRecorder
	held    atomic.Bool
	granted chan struct{} // closed when it does
	release chan struct{}
}

func (h *heldSpans) OnStart(ctx context.Context, span sdktrace.ReadWriteSpan) {
	if h.held.CompareAndSwap(false, true) {
		close(h.granted)
		<-h.release
	}
	h.SpanRecorder.OnStart(ctx, span)
}

// Who leaves in the moment of the grant, before Control Center is asked, leaves the turn to the next.
func TestEverybodyLeavesInTheMomentOfTheGrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := &heldSpans{SpanRecorder: tracetest.NewSpanRecorder(), granted: make(chan struct{}), release: make(chan struct{})}
		control := &script{steps: []http.HandlerFunc{goodAnswer}}
		client := clientOf(t, control, perSecond,
			jasperclient.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(held))))
		outcome := make(chan error, 2)
		start := time.Now()
		left, err := client.Start(t.Context(), question, jasperclient.Caller{Name: "A"}, func(_ *jasperclient.DeviceUsage, sent time.Time, err error) {
			if !sent.IsZero() {
				t.Errorf("a call that everybody left was sent at %v", sent)
			}
			outcome <- err
		})
		if err != nil {
			t.Fatal(err)
		}
		<-held.granted
		next, err := client.Start(t.Context(), question, jasperclient.Caller{Name: "B"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		ended, end := context.WithCancel(t.Context())
		end()
		if _, err := left.Wait(ended); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if left.Join(t.Context(), jasperclient.Caller{}, time.Hour) {
			t.Error("a call that was given up can be joined")
		}
		if _, err := next.Wait(t.Context()); err != nil || time.Since(start) != 0 {
			t.Errorf("the next one after %v: %v", time.Since(start), err)
		}
		close(held.release)
		synctest.Wait()
		if err := <-outcome; !errors.Is(err, context.Canceled) || len(outcome) > 0 || control.called() != 1 {
			t.Errorf("%d calls, and who left got %v", control.called(), err)
		}
		if lane := client.Lane(); lane.InFlight != 0 || lane.Waiting != 0 {
			t.Errorf("the lane: %+v", lane)
		}
		if spans := len(held.Started()) - len(held.Ended()); spans != 0 {
			t.Errorf("%d spans have no end", spans)
		}
	})
}

// What is sent is a GET without a body, though net/http is given one so that it sends no request again by itself, which
// the row "a connection that was good and breaks" shows.
func TestARequestHasNoBody(t *testing.T) {
	client := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if len(body) > 0 || err != nil || r.ContentLength != 0 || r.TransferEncoding != nil || r.ProtoMajor != 1 {
			t.Errorf("%s with a body of %d bytes, length %d, encoding %v: %v", r.Proto, len(body), r.ContentLength, r.TransferEncoding, err)
		}
		goodAnswer(w, r)
	})
	if _, err := client.UsageInZone(t.Context(), question); err != nil {
		t.Fatal(err)
	}
}

// A panic, here of the program's own transport, is that of each caller who waits for the call, and of nobody else.
func TestAPanicIsItsCallers(t *testing.T) {
	joined := make(chan struct{})
	client := newClient(t, goodAnswer, jasperclient.WithTransport(roundTripper(func(r *http.Request) (*http.Response, error) {
		if joined != nil {
			<-joined
			panic("a defect")
		}
		return http.DefaultTransport.RoundTrip(r)
	})))
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	call, err := client.Start(t.Context(), question, jasperclient.Caller{}, nil)
	if err != nil || !call.Join(t.Context(), jasperclient.Caller{}, time.Hour) {
		t.Fatal(err)
	}
	close(joined)
	var waiting sync.WaitGroup
	for range 2 {
		waiting.Go(func() {
			defer func() {
				if value := fmt.Sprint(recover()); !strings.HasPrefix(value, "a defect") {
					t.Errorf("recovered %v", value)
				}
			}()
			_, err := call.Wait(t.Context())
			t.Errorf("no panic, %v", err)
		})
	}
	waiting.Wait()
	joined = nil
	if _, err := client.UsageInZone(t.Context(), question); err != nil {
		t.Error(err)
	}
}

// What a closed client says is that it is closed, also to a call that has failed and waits to be made again.
func TestACloseEndsACallBetweenAttempts(t *testing.T) {
	for name, retryAfter := range map[string]string{"in its pause": "5", "in the lane": ""} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Retry-After", retryAfter)
					w.WriteHeader(http.StatusInternalServerError)
				}), perSecond)
				asked := make(chan error)
				go func() { _, err := client.UsageInZone(t.Context(), question); asked <- err }()
				time.Sleep(700 * time.Millisecond) // after the first attempt and the pause after it, before the second turn
				client.Close()
				if err := <-asked; !errors.Is(err, jasperclient.ErrClosed) {
					t.Error(err)
				}
			})
		})
	}
}

func TestACloseEndsEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := clientOf(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), perSecond)
		var asking sync.WaitGroup
		for range 3 {
			asking.Go(func() {
				if _, err := client.UsageInZone(t.Context(), question); !errors.Is(err, jasperclient.ErrClosed) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		client.Close()
		asking.Wait()
		if _, err := client.UsageInZone(t.Context(), question); !errors.Is(err, jasperclient.ErrClosed) {
			t.Errorf("a closed client: %v", err)
		}
	})
}
