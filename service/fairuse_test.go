package service_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/testing/protocmp"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/memhttp"
	"github.com/zoneusage/zoneusage/jasperclient"
	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
	"github.com/zoneusage/zoneusage/service"
)

// long is for tests of a hundred thousand calls, which take minutes under the race detector and less than one without it.
func long(t *testing.T) {
	t.Helper()
	if service.RaceDetector {
		t.Skip("make test runs it without the race detector")
	}
}

// arrivals notes when a Control Center is asked for each device.
type arrivals struct {
	mu sync.Mutex
	at map[string][]time.Time
}

func (a *arrivals) of(controlCenter http.Handler) http.Handler {
	a.at = map[string][]time.Time{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		iccid := strings.Split(r.URL.Path, "/")[5]
		a.at[iccid] = append(a.at[iccid], time.Now())
		a.mu.Unlock()
		controlCenter.ServeHTTP(w, r)
	})
}

// A dashboard asks for 50 devices every 5 s, over an account of one call a second.
func TestADashboard(t *testing.T) {
	for _, oldest := range []time.Duration{0, time.Minute, 2 * time.Minute} { // 0: the caller does not say
		synctest.Test(t, func(t *testing.T) {
			controlCenter, err := sandbox.New(sandbox.WithCredentials("user", apiKey), sandbox.WithDevices(50),
				sandbox.WithLatency(50*time.Millisecond), sandbox.WithFairUse(1, 1))
			if err != nil {
				t.Fatal(err)
			}
			var asked arrivals
			usage := newService(t, keep, bubbleClient(t, asked.of(controlCenter), jasperclient.FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 1000}))
			var asking sync.WaitGroup
			var mu sync.Mutex
			replies, eldest := 0, time.Duration(0)
			for range 120 {
				for i := range 50 {
					asking.Go(func() {
						req := device(sandbox.GeneratedICCID(i))
						if oldest > 0 {
							maxAge(oldest)(req)
						}
						came := time.Now()
						got := askWithin(t, 2*time.Minute, usage, req)
						mu.Lock()
						defer mu.Unlock()
						if got.response == nil {
							t.Errorf("device %d: %v", i, got.status)
							return
						}
						replies++
						eldest = max(eldest, came.Sub(got.response.GetTimestamp().AsTime()))
					})
				}
				time.Sleep(5 * time.Second)
			}
			asking.Wait()
			most, closest := 0, time.Hour
			for _, at := range asked.at {
				most = max(most, len(at))
				for i := 1; i < len(at); i++ {
					closest = min(closest, at[i].Sub(at[i-1]))
				}
			}
			bound := max(oldest, time.Minute)
			ledger := controlCenter.Ledger()
			t.Logf("max_age %v: %d replies, the eldest %v old when asked for; ledger %+v; a device was asked %d times at most, %v apart at least",
				bound, replies, eldest, ledger.Counts, most, closest)
			if replies != 120*50 || eldest > bound || closest < bound || ledger.Overruns != 0 || most > int(10*time.Minute/bound)+1 {
				t.Error("that is too old, too often or too few")
			}
		})
	}
}

// faultKinds are all there are, with the reason of a question whose every call fails so; empty for a right answer that
// travels in an odd way.
var faultKinds = map[sandbox.FaultKind]usagev1.ErrorReason{
	sandbox.FaultServerError:   usagev1.ErrorReason_ERROR_REASON_UPSTREAM_UNAVAILABLE,
	sandbox.FaultBadGateway:    usagev1.ErrorReason_ERROR_REASON_UPSTREAM_UNAVAILABLE,
	sandbox.FaultUnavailable:   usagev1.ErrorReason_ERROR_REASON_UPSTREAM_UNAVAILABLE,
	sandbox.FaultReset:         usagev1.ErrorReason_ERROR_REASON_UPSTREAM_UNAVAILABLE,
	sandbox.FaultResetInBody:   usagev1.ErrorReason_ERROR_REASON_UPSTREAM_UNAVAILABLE,
	sandbox.FaultTruncatedBody: usagev1.ErrorReason_ERROR_REASON_UPSTREAM_UNAVAILABLE,
	sandbox.FaultHang:          usagev1.ErrorReason_ERROR_REASON_UPSTREAM_UNAVAILABLE,
	sandbox.FaultMalformedJSON: usagev1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_RESPONSE,
	sandbox.FaultHugeBody:      usagev1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_RESPONSE,
	sandbox.FaultWrongICCID:    usagev1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_RESPONSE,
	sandbox.FaultGzip:          usagev1.ErrorReason_ERROR_REASON_UNSPECIFIED,
	sandbox.FaultSlowBody:      usagev1.ErrorReason_ERROR_REASON_UNSPECIFIED,
	sandbox.FaultWrongCharset:  usagev1.ErrorReason_ERROR_REASON_UNSPECIFIED,
	sandbox.FaultNone:          usagev1.ErrorReason_ERROR_REASON_UNSPECIFIED,
}

func fault(kind sandbox.FaultKind, share float64) sandbox.Fault {
	f := sandbox.Fault{Kind: kind, Share: share}
	if kind == sandbox.FaultSlowBody {
		f.Over = 500 * time.Millisecond
	}
	return f
}

func reasonOf(t *testing.T, got reply) string {
	t.Helper()
	if got.status == nil {
		return ""
	}
	for _, detail := range detailsOf(t, got.status) {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return got.status.String()
}

func TestEachFaultHasItsReason(t *testing.T) {
	for _, kind := range sandbox.FaultKinds() {
		want, ok := faultKinds[kind]
		if !ok {
			t.Errorf("%q is not tried", kind)
		}
		synctest.Test(t, func(t *testing.T) {
			l := newLedgered(t, keep, unhurried, sandbox.WithFaults(fault(kind, 1)))
			got := reasonOf(t, askWithin(t, 5*time.Minute, l.usage, example()))
			if wanted := strings.TrimPrefix(want.String(), "ERROR_REASON_"); got != wanted && (got != "" || wanted != "UNSPECIFIED") {
				t.Errorf("%q: reason %q, want %s", kind, got, wanted)
			}
		})
	}
}

// Three calls in ten go wrong, in every way there is, drawn anew for each call: no number is wrong, and every caller has
// an answer or the right reason before its deadline.
func TestThreeCallsInTenGoWrong(t *testing.T) {
	const questions, patience = 1500, 3 * time.Minute
	synctest.Test(t, func(t *testing.T) {
		var faults []sandbox.Fault
		for kind := range faultKinds {
			if kind != sandbox.FaultNone {
				faults = append(faults, fault(kind, 0.3/float64(len(faultKinds)-1)))
			}
		}
		slices.SortFunc(faults, func(a, b sandbox.Fault) int { return strings.Compare(string(a.Kind), string(b.Kind)) })
		controlCenter, err := sandbox.New(sandbox.WithCredentials("user", apiKey), sandbox.WithDevices(questions),
			sandbox.WithFairUse(4, 50), sandbox.WithLatency(20*time.Millisecond), sandbox.WithFaults(faults...))
		if err != nil {
			t.Fatal(err)
		}
		truth := newLedgered(t, service.AnswerConfig{}, unhurried, sandbox.WithDevices(questions))
		transport := memhttp.Serve(t, controlCenter)
		open := countConnections(transport)
		client := newClient(t, "http://127.0.0.1", jasperclient.WithTransport(transport), jasperclient.WithTimeout(2*time.Second),
			jasperclient.WithFairUse(jasperclient.FairUse{CallsInFlight: 4, CallsPerSecond: 50, MaxWaiting: questions}))
		usage := newService(t, keep, client)
		var asking sync.WaitGroup
		var mu sync.Mutex
		outcomes := map[string]int{}
		var answers []*usagev1.GetDeviceUsageInZoneResponse
		random := rand.New(rand.NewPCG(1, 2))
		for i := range questions {
			comes := time.Duration(random.Int64N(int64(2 * time.Minute)))
			asking.Go(func() {
				time.Sleep(comes)
				start := time.Now()
				got := askWithin(t, patience, usage, device(sandbox.GeneratedICCID(i)))
				reason := reasonOf(t, got)
				mu.Lock()
				defer mu.Unlock()
				outcomes[reason]++
				if took := time.Since(start); took >= patience {
					t.Errorf("device %d after %v: %v", i, took, got.status)
				}
				if reason == "" {
					answers = append(answers, got.response)
				}
			})
		}
		asking.Wait()
		for _, got := range answers {
			want := askWithin(t, time.Minute, truth.usage, device(got.GetIccid())).response
			if diff := cmp.Diff(want, got, protocmp.Transform(), protocmp.IgnoreFields(want, "timestamp")); diff != "" {
				t.Errorf("%s (-without faults +got)\n%s", got.GetIccid(), diff)
			}
		}
		atEnd := open.Load()
		client.Close()
		synctest.Wait()
		t.Logf("%d connections after the last call, %d when the client is closed", atEnd, open.Load())
		if atEnd > 4 || open.Load() != 0 {
			t.Error("connections are left")
		}
		t.Logf("of %d questions %d were answered; reasons of the others %v; ledger %+v", questions, outcomes[""], outcomes, controlCenter.Ledger().Counts)
		for reason := range outcomes {
			switch reason {
			case "", "UPSTREAM_UNAVAILABLE", "UPSTREAM_INVALID_RESPONSE":
			default:
				t.Errorf("%d questions ended with %s", outcomes[reason], reason)
			}
		}
		if outcomes[""] < questions/2 || controlCenter.Ledger().Overruns != 0 {
			t.Errorf("%d answered; ledger %+v", outcomes[""], controlCenter.Ledger())
		}
	}) // which fails where a goroutine is left
}

// countConnections counts those that the transport has made and not closed.
func countConnections(transport *http.Transport) *atomic.Int32 {
	open, dial := new(atomic.Int32), transport.DialContext
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		open.Add(1)
		return &countedConn{Conn: conn, closed: sync.OnceFunc(func() { open.Add(-1) })}, nil
	}
	return open
}

type countedConn struct {
	net.Conn
	closed func()
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	c.closed()
	return c.Conn.Close()
}

// Fifty accounts of five calls a second, one of which hangs, and 100,000 devices: the others lose nothing.
func TestLongFiftyAccountsOneOfWhichHangs(t *testing.T) {
	long(t)
	const accounts, devices, hanging = 50, 2000, 17
	synctest.Test(t, func(t *testing.T) {
		var controlCenters []*sandbox.Sandbox
		var all []service.Account
		for i := range accounts {
			opts := []sandbox.Option{sandbox.WithCredentials("user", apiKey), sandbox.WithDevices(devices), sandbox.WithSeed(uint64(i)),
				sandbox.WithLatency(50 * time.Millisecond), sandbox.WithFairUse(1, 5)}
			if i == hanging {
				opts = append(opts, sandbox.WithFaults(sandbox.Fault{Kind: sandbox.FaultHang, Share: 1}))
			}
			controlCenter, err := sandbox.New(opts...)
			if err != nil {
				t.Fatal(err)
			}
			controlCenters = append(controlCenters, controlCenter)
			all = append(all, service.Account{Name: fmt.Sprint(i), Client: bubbleClient(t, controlCenter,
				jasperclient.FairUse{CallsInFlight: 1, CallsPerSecond: 5, MaxWaiting: devices})})
		}
		usage, err := service.New(service.AnswerConfig{CacheBytes: 64 << 20}, all...)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		var asking sync.WaitGroup
		var mu sync.Mutex
		answered, ended := map[int]int{}, map[int]time.Duration{}
		for i := range accounts {
			for d := range devices {
				asking.Go(func() {
					got := askWithin(t, 10*time.Minute, usage, &request{Iccid: sandbox.GeneratedICCID(d), Account: fmt.Sprint(i)})
					mu.Lock()
					defer mu.Unlock()
					if got.response != nil {
						answered[i]++
						ended[i] = max(ended[i], time.Since(start))
					} else if reason := reasonOf(t, got); i != hanging || (reason != "UPSTREAM_UNAVAILABLE" && reason != "RATE_LIMITED") {
						t.Errorf("account %d: %v", i, got.status)
					}
				})
			}
		}
		asking.Wait()
		least, overruns, inFlight := 1.0, 0, 0
		for i, controlCenter := range controlCenters {
			ledger := controlCenter.Ledger()
			overruns, inFlight = overruns+ledger.Overruns, max(inFlight, ledger.MostInFlight)
			if i != hanging {
				least = min(least, float64(answered[i])/(5*ended[i].Seconds()))
			}
		}
		t.Logf("100,000 devices in 50 accounts: the 49 that do not hang used %.1f %% of their calls at least; %d overruns, at most %d in flight an account; the hanging one: %d answers, ledger %+v",
			100*least, overruns, inFlight, answered[hanging], controlCenters[hanging].Ledger().Counts)
		if least < 0.99 || overruns != 0 || inFlight != 1 || answered[hanging] != 0 {
			t.Error("that is less than there could be")
		}
	})
}

// A day of a fleet that is asked over and over, at one call a second, less the part that a lane is slower by: the memory
// stays where it is, and the last call comes as far after the one before as the second.
func TestLongADay(t *testing.T) {
	long(t)
	const devices, day = 20_000, 24 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		controlCenter, err := sandbox.New(sandbox.WithCredentials("user", apiKey), sandbox.WithDevices(devices),
			sandbox.WithLatency(50*time.Millisecond), sandbox.WithFairUse(1, 1))
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var first, last time.Time
		shortest, longest := time.Hour, time.Duration(0)
		noting := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			now := time.Now()
			if first.IsZero() {
				first = now
			} else {
				shortest, longest = min(shortest, now.Sub(last)), max(longest, now.Sub(last))
			}
			last = now
			mu.Unlock()
			controlCenter.ServeHTTP(w, r)
		})
		usage := newService(t, service.AnswerConfig{CacheBytes: 2 << 20}, bubbleClient(t, noting, jasperclient.FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 1000}))
		start := time.Now()
		var asking sync.WaitGroup
		for worker := range 10 {
			asking.Go(func() {
				for i := worker; time.Since(start) < day; i += 10 {
					if got := askWithin(t, time.Minute, usage, device(sandbox.GeneratedICCID(i%devices))); got.response == nil {
						t.Errorf("after %v: %v", time.Since(start), got.status)
						return
					}
				}
			})
		}
		var heap []uint64
		for range 24 {
			time.Sleep(time.Hour)
			runtime.GC()
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			heap = append(heap, stats.HeapAlloc)
		}
		asking.Wait()
		ledger := controlCenter.Ledger()
		const spacing = 1009 * time.Millisecond
		drift := last.Sub(first) - time.Duration(ledger.Calls-1)*spacing
		t.Logf("24 h: %d calls, %d overruns, spaced %v to %v, drift %v; heap %d KiB after 2 h, %d KiB after 24 h",
			ledger.Calls, ledger.Overruns, shortest, longest, drift, heap[1]>>10, heap[23]>>10)
		if ledger.Overruns != 0 || shortest != spacing || longest != spacing || drift != 0 || ledger.Calls < int(day/spacing) {
			t.Error("the spacing drifts")
		}
		if heap[23] > heap[1]+1<<20 {
			t.Errorf("the heap grows: %v", heap)
		}
	})
}

// What is kept takes the memory that it may, and no more.
func TestLongTheCacheIsBoundedByItsBytes(t *testing.T) {
	long(t)
	const devices = 40_000
	controlCenter, err := sandbox.New(sandbox.WithCredentials("user", apiKey), sandbox.WithDevices(devices))
	if err != nil {
		t.Fatal(err)
	}
	// In this goroutine, and without a network: nothing else allocates.
	client := newClient(t, "http://127.0.0.1", jasperclient.WithTransport(roundTripper(func(r *http.Request) (*http.Response, error) {
		answer := httptest.NewRecorder()
		controlCenter.ServeHTTP(answer, r)
		return answer.Result(), nil
	})))
	heapWith := func(usage *service.UsageService) uint64 {
		for i := range devices {
			if got := askWithin(t, time.Minute, usage, device(sandbox.GeneratedICCID(i))); got.response == nil {
				t.Fatal(got.status)
			}
		}
		runtime.GC()
		runtime.GC() // empties the pools
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		runtime.KeepAlive(usage)
		return stats.HeapAlloc
	}
	none := heapWith(newService(t, service.AnswerConfig{}, client))
	for _, bound := range []uint64{4 << 20, 8 << 20} {
		taken := heapWith(newService(t, service.AnswerConfig{CacheBytes: bound}, client)) - none
		ratio := float64(taken) / float64(bound)
		t.Logf("%d devices asked, a bound of %d KiB: %d KiB taken", devices, bound>>10, taken>>10)
		if ratio < 0.75 || ratio > 1.1 {
			t.Errorf("that is %.2f of the bound", ratio)
		}
	}
}

// A turn that comes too late is refused with the wait after which it would have come.
func TestTheToldWaitIsRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedgered(t, keep, jasperclient.FairUse{CallsInFlight: 1, CallsPerSecond: 5, MaxWaiting: 1000}, sandbox.WithDevices(300), sandbox.WithLatency(50*time.Millisecond))
		var asking sync.WaitGroup
		for i := range 200 {
			asking.Go(func() { askWithin(t, time.Hour, l.usage, device(sandbox.GeneratedICCID(i))) })
		}
		time.Sleep(2*time.Second + 30*time.Millisecond)
		var mu sync.Mutex
		worst := time.Duration(0)
		for i := range 50 {
			req := device(sandbox.GeneratedICCID(200 + i))
			start := time.Now()
			got := askWithin(t, time.Second, l.usage, req)
			if reasonOf(t, got) != "RATE_LIMITED" || time.Since(start) != 0 {
				t.Fatalf("after %v: %v", time.Since(start), got.status)
			}
			told := retryDelayOf(t, got)
			asking.Go(func() {
				askWithin(t, time.Hour, l.usage, req)
				off := (time.Since(start) - 50*time.Millisecond - told).Abs()
				mu.Lock()
				defer mu.Unlock()
				worst = max(worst, off)
			})
			synctest.Wait()
		}
		asking.Wait()
		t.Logf("50 callers told to wait: the turn came %v before or after at most", worst)
		if worst > 200*time.Millisecond {
			t.Errorf("off by %v, more than the spacing", worst)
		}
	})
}

func retryDelayOf(t *testing.T, got reply) time.Duration {
	t.Helper()
	for _, detail := range detailsOf(t, got.status) {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}
