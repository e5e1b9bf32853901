package jasperclient_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zoneusage/zoneusage/internal/memhttp"
	"github.com/zoneusage/zoneusage/jasperclient"
	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// clientOf is a client of a Control Center in this bubble.
func clientOf(t *testing.T, controlCenter http.Handler, fair jasperclient.FairUse, opts ...jasperclient.Option) *jasperclient.Client {
	t.Helper()
	return clientThrough(t, memhttp.Serve(t, controlCenter), fair, opts...)
}

func clientThrough(t *testing.T, transport *http.Transport, fair jasperclient.FairUse, opts ...jasperclient.Option) *jasperclient.Client {
	t.Helper()
	opts = append([]jasperclient.Option{jasperclient.WithTransport(transport), jasperclient.WithFairUse(fair)}, opts...)
	client, err := jasperclient.New("http://127.0.0.1", jasperclient.Credentials{Username: "sandbox", APIKey: "sandbox"}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// askAll asks for so many devices at once and counts the outcomes.
func askAll(t *testing.T, client *jasperclient.Client, devices int, patience time.Duration) (answered, refused, told int) {
	t.Helper()
	var mu sync.Mutex
	var asking sync.WaitGroup
	for i := range devices {
		asking.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := client.UsageInZone(ctx, jasperclient.UsageQuery{ICCID: jasperclient.ICCID(sandbox.GeneratedICCID(i))})
			var busy *jasperclient.BusyError
			var apiError *jasperclient.APIError
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				answered++
			case errors.As(err, &busy):
				told++
			case errors.As(err, &apiError) && apiError.Code == jasperclient.CodeRateLimitExceeded:
				refused++
			default:
				t.Error(err)
			}
		})
	}
	asking.Wait()
	return answered, refused, told
}

// A thousand callers who come at once use every call that the account is allowed, and not one more.
func TestAThousandCallersKeepTheLaw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		controlCenter, err := sandbox.New(sandbox.WithFairUse(1, 5), sandbox.WithLatency(50*time.Millisecond), sandbox.WithDevices(1000))
		if err != nil {
			t.Fatal(err)
		}
		client := clientOf(t, controlCenter, jasperclient.FairUse{CallsInFlight: 1, CallsPerSecond: 5, MaxWaiting: 1000})
		start := time.Now()
		answered, refused, told := askAll(t, client, 1000, 10*time.Minute)
		took := time.Since(start)
		ledger := controlCenter.Ledger()
		used := float64(ledger.Calls) / (5 * took.Seconds())
		t.Logf("%d calls in %v: %d overruns, at most %d in flight, %.1f %% of the allowed calls used",
			ledger.Calls, took, ledger.Overruns, ledger.MostInFlight, 100*used)
		if answered != 1000 || refused != 0 || told != 0 || ledger.Calls != 1000 || ledger.Overruns != 0 || ledger.MostInFlight != 1 || used < 0.99 {
			t.Errorf("%d answered, %d refused, %d told to wait; ledger %+v", answered, refused, told, ledger)
		}
	})
}

// calls are a Control Center's, in the order in which it saw them.
type calls struct {
	mu      sync.Mutex
	at      []time.Time
	refused []bool
	iccids  []string
}

// of notes the calls of a handler.
func (c *calls) of(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := time.Now()
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		c.mu.Lock()
		c.at = append(c.at, at)
		c.refused = append(c.refused, answer.Code == http.StatusTooManyRequests)
		c.iccids = append(c.iccids, strings.Split(r.URL.Path, "/")[5])
		c.mu.Unlock()
		w.WriteHeader(answer.Code)
		_, _ = answer.Body.WriteTo(w)
	})
}

// An account that allows half of what it is said to: everybody is served, each overrun has a halving of its own, and
// little is lost.
func TestAnAccountThatAllowsHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		controlCenter, err := sandbox.New(sandbox.WithFairUse(1, 2.5), sandbox.WithLatency(50*time.Millisecond), sandbox.WithDevices(1000))
		if err != nil {
			t.Fatal(err)
		}
		var seen calls
		client := clientOf(t, seen.of(controlCenter), jasperclient.FairUse{CallsInFlight: 1, CallsPerSecond: 5, MaxWaiting: 1000})
		start := time.Now()
		answered, refused, told := askAll(t, client, 1000, 10*time.Minute)
		took := time.Since(start)
		ledger := controlCenter.Ledger()
		used := float64(answered) / (2.5 * took.Seconds())
		t.Logf("%d answered, %d refused and %d told to wait in %v: %d overruns, each with a halving or a failed attempt of its own, %.1f %% of the real limit",
			answered, refused, told, took, ledger.Overruns, 100*used)
		if answered != 1000 || refused != 0 || told != 0 || ledger.Overruns > 12 || ledger.MostInFlight != 1 || used < 0.9 {
			t.Errorf("%d answered, %d refused, %d told to wait; ledger %+v", answered, refused, told, ledger)
		}
		for i := 1; i < len(seen.at)-1; i++ {
			// A spacing is counted from the start of a call that is answered, and from the end of one that is refused.
			before, after := seen.at[i].Sub(seen.at[i-1])-50*time.Millisecond, seen.at[i+1].Sub(seen.at[i])
			if seen.refused[i] && after < 2*before {
				t.Errorf("call %d, %v after the one before, was refused, and the next came after %v", i, before, after)
			}
		}
	})
}

// startAll puts calls for devices into the lane, in their order, and waits for them all.
func startAll(t *testing.T, waiting *sync.WaitGroup, client *jasperclient.Client, caller jasperclient.Caller, first, devices int) {
	t.Helper()
	for i := range devices {
		call, err := client.Start(t.Context(), jasperclient.UsageQuery{ICCID: jasperclient.ICCID(sandbox.GeneratedICCID(first + i))}, caller, nil)
		if err != nil {
			t.Error(err)
			return
		}
		waiting.Go(func() {
			if _, err := call.Wait(t.Context()); err != nil && !errors.Is(err, jasperclient.ErrClosed) { // the client is closed
				t.Error(err)
			}
		})
	}
}

// position is when Control Center was asked for a device, counted from 1.
func (c *calls) position(device int) int {
	return slices.Index(c.iccids, sandbox.GeneratedICCID(device)) + 1
}

func TestAnInteractiveQuestionAmongTenThousandBulkOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		controlCenter, err := sandbox.New(sandbox.WithFairUse(1, 5), sandbox.WithLatency(50*time.Millisecond), sandbox.WithDevices(12000))
		if err != nil {
			t.Fatal(err)
		}
		var seen calls
		client := clientOf(t, seen.of(controlCenter), jasperclient.FairUse{CallsInFlight: 1, CallsPerSecond: 5, MaxWaiting: 10000, BulkShare: 10})
		var waiting sync.WaitGroup
		startAll(t, &waiting, client, jasperclient.Caller{Name: "bulk", Bulk: true}, 0, 10000)
		time.Sleep(20*time.Second + 100*time.Millisecond)
		before := controlCenter.Ledger().Calls
		var one sync.WaitGroup
		startAll(t, &one, client, jasperclient.Caller{Name: "dashboard"}, 10000, 1)
		one.Wait()
		client.Close() // the others need not have their turns
		waiting.Wait()
		turn := seen.position(10000) - before
		t.Logf("10,000 bulk questions queued: the interactive one was served with turn %d after it came; ledger %+v", turn, controlCenter.Ledger().Counts)
		if turn < 1 || turn > 2 || controlCenter.Ledger().Overruns != 0 {
			t.Errorf("turn %d, ledger %+v", turn, controlCenter.Ledger())
		}
	})
}

func TestBulkQuestionsUnderAFloodOfInteractiveOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		controlCenter, err := sandbox.New(sandbox.WithFairUse(1, 5), sandbox.WithLatency(50*time.Millisecond), sandbox.WithDevices(2000))
		if err != nil {
			t.Fatal(err)
		}
		var seen calls
		client := clientOf(t, seen.of(controlCenter), jasperclient.FairUse{CallsInFlight: 1, CallsPerSecond: 5, MaxWaiting: 1000, BulkShare: 10})
		var waiting sync.WaitGroup
		startAll(t, &waiting, client, jasperclient.Caller{Name: "dashboard"}, 1000, 1000)
		startAll(t, &waiting, client, jasperclient.Caller{Name: "bulk", Bulk: true}, 0, 1000)
		waiting.Wait()
		const half = 500
		bulk := 0
		for _, iccid := range seen.iccids[:half] {
			if iccid < sandbox.GeneratedICCID(1000) {
				bulk++
			}
		}
		t.Logf("1,000 interactive questions before 1,000 bulk ones: of the first %d calls %d were bulk", half, bulk)
		if bulk < half/10-1 || bulk > half/10+1 {
			t.Errorf("of the first %d calls %d were bulk, want a tenth", half, bulk)
		}
	})
}

func TestACallerWithOneQuestionBesideOneWithAThousand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		controlCenter, err := sandbox.New(sandbox.WithFairUse(1, 5), sandbox.WithLatency(50*time.Millisecond), sandbox.WithDevices(1001))
		if err != nil {
			t.Fatal(err)
		}
		var seen calls
		client := clientOf(t, seen.of(controlCenter), jasperclient.FairUse{CallsInFlight: 1, CallsPerSecond: 5, MaxWaiting: 1000})
		var waiting sync.WaitGroup
		startAll(t, &waiting, client, jasperclient.Caller{Name: "A"}, 0, 1000)
		time.Sleep(20*time.Second + 100*time.Millisecond)
		before := controlCenter.Ledger().Calls
		startAll(t, &waiting, client, jasperclient.Caller{Name: "B"}, 1000, 1)
		waiting.Wait()
		turn := seen.position(1000) - before
		t.Logf("beside A's 1,000 questions, B's one was served with turn %d after it came; ledger %+v", turn, controlCenter.Ledger().Counts)
		if turn < 1 || turn > 3 || controlCenter.Ledger().Overruns != 0 {
			t.Errorf("turn %d, ledger %+v", turn, controlCenter.Ledger())
		}
	})
}
