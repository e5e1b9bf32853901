package service_test

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
	"github.com/zoneusage/zoneusage/service"
)

func maxAge(d time.Duration) func(*request) {
	return func(r *request) { r.MaxAge = durationpb.New(d) }
}

// unhurried is an account that may call as it likes.
var unhurried = jasperclient.FairUse{CallsInFlight: 1, CallsPerSecond: 1e6, MaxWaiting: 1000}

// A ledgered is a sandbox in a bubble, whose clock is the bubble's, behind a service.
type ledgered struct {
	usage   *service.UsageService
	sandbox *sandbox.Sandbox
}

func newLedgered(t *testing.T, cfg service.AnswerConfig, fair jasperclient.FairUse, opts ...sandbox.Option) *ledgered {
	t.Helper()
	controlCenter, err := sandbox.New(append([]sandbox.Option{sandbox.WithCredentials("user", apiKey)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return &ledgered{newService(t, cfg, bubbleClient(t, controlCenter, fair)), controlCenter}
}

var keep = service.AnswerConfig{CacheBytes: 1 << 20}

// How long an answer is kept: by what it is about, unless the caller says what it takes.
func TestAnswersAreKept(t *testing.T) {
	closed := func(r *request) { r.CycleStartDate = "1999-12-15" } // a bubble's time begins with the year 2000
	unknown := func(r *request) { r.Iccid = "8988217755520000099" }
	nothing := func(*request) {}
	for name, test := range map[string]struct {
		asks  func(*request) // both times
		again func(*request) // the second time
		after time.Duration
		calls int
	}{
		"at once":                                      {nothing, nothing, 0, 1},
		"the current cycle, after a minute":            {nothing, nothing, time.Minute, 1},
		"the current cycle, later":                     {nothing, nothing, time.Minute + 1, 2},
		"a closed cycle, after an hour":                {closed, nothing, time.Hour, 1},
		"a closed cycle, later":                        {closed, nothing, time.Hour + 1, 2},
		"an unknown device, after a minute":            {unknown, nothing, time.Minute, 1},
		"an unknown device, with a filter":             {unknown, zone("Zone A"), time.Minute, 1},
		"an unknown device, later":                     {unknown, nothing, time.Minute + 1, 2},
		"an unknown device of another cycle":           {unknown, closed, 0, 2},
		"asked now":                                    {nothing, maxAge(0), 0, 2},
		"a second at most, after one":                  {nothing, maxAge(time.Second), time.Second, 1},
		"a second at most, later":                      {nothing, maxAge(time.Second), time.Second + 1, 2},
		"a day at most":                                {nothing, maxAge(24 * time.Hour), 23 * time.Hour, 1},
		"a closed cycle, a minute at most":             {closed, maxAge(time.Minute), time.Hour, 2},
		"an unknown device, an hour at most":           {unknown, maxAge(time.Hour), time.Hour, 1},
		"a filter that a record matches":               {nothing, ratePlan("Rate Plan B"), 0, 1},
		"filters that a record matches":                {nothing, func(r *request) { ratePlan("Rate Plan B")(r); zone("default zone")(r) }, 0, 1},
		"a filter that none matches":                   {nothing, zone("Zone B"), 0, 2},
		"filters that none matches together":           {nothing, func(r *request) { ratePlan("Rate Plan B")(r); zone("Zone B")(r) }, 0, 2},
		"a filter in another letter case":              {nothing, ratePlan("rate plan b"), 0, 2},
		"the whole after a part":                       {ratePlan("Rate Plan A"), ratePlan(""), 0, 2},
		"another cycle":                                {nothing, closed, 0, 2},
		"the day of a cycle that is the current one's": {nothing, on("2000-01-01"), 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLedgered(t, keep, unhurried, sandbox.WithBilling(time.UTC, 1))
				first := askWithin(t, time.Minute, l.usage, example(test.asks))
				asked := time.Now()
				time.Sleep(test.after)
				second := askWithin(t, time.Minute, l.usage, example(test.asks, test.again))
				if calls := l.sandbox.Ledger().Calls; calls != test.calls {
					t.Errorf("%d calls, want %d", calls, test.calls)
				}
				if first.header["x-usage-source"] == "cache" || (second.header["x-usage-source"] == "cache") != (test.calls == 1) {
					t.Errorf("headers %v, %v", first.header, second.header)
				}
				if second.response != nil && test.calls == 1 && !second.response.GetTimestamp().AsTime().Equal(asked) {
					t.Errorf("the kept answer's timestamp is %v, want %v", second.response.GetTimestamp().AsTime(), asked)
				}
			})
		})
	}
}

// A version of a rate plan that saw no service stays in what a filter leaves of a kept answer.
func TestAPartKeepsARatePlanWithoutZones(t *testing.T) {
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeUsage(w, r,
			jasperclient.RatePlanUsage{RatePlan: "A", Version: 1, Zones: []jasperclient.ZoneUsage{{Zone: "Z"}}},
			jasperclient.RatePlanUsage{RatePlan: "A", Version: 2}, jasperclient.RatePlanUsage{RatePlan: "B", Version: 1})
	}))
	askGRPC(t.Context(), t, r, &request{Iccid: exampleICCID, MaxAge: durationpb.New(time.Hour)})
	for _, test := range []struct {
		ratePlan, zone string
		plans          int
		calls          int32
	}{{"A", "", 2, 1}, {"A", "Z", 1, 1}, {"B", "", 0, 2}} { // of a plan without a record Control Center is asked, which here heeds no filter
		got := askGRPC(t.Context(), t, r, &request{Iccid: exampleICCID, MaxAge: durationpb.New(time.Hour), RatePlan: test.ratePlan, Zone: test.zone})
		if plans := len(got.response.GetRatePlanUsages()); plans != test.plans || r.calls.Load() != test.calls {
			t.Errorf("%v: %d rate plans and %d calls: %v", test, plans, r.calls.Load(), got.status)
		}
	}
}

// The age is in the header, and a kept refusal has one too.
func TestTheAgeIsTold(t *testing.T) {
	r := newRig(t, newSandbox(t))
	for _, req := range []*request{example(), device("8988217755520000099")} {
		asked := time.Now()
		askGRPC(t.Context(), t, r, req)
		for door, ask := range doors {
			got := ask(t.Context(), t, r, req)
			age, err := time.ParseDuration(got.header["age"] + "s")
			if err != nil || age > time.Since(asked) || got.header["x-usage-source"] != "cache" {
				t.Errorf("%s: header %v, %v", door, got.header, err)
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		l := newLedgered(t, keep, unhurried)
		askWithin(t, time.Minute, l.usage, example())
		time.Sleep(59*time.Second + 999*time.Millisecond)
		if got := askWithin(t, time.Minute, l.usage, example()); got.header["age"] != "59" {
			t.Errorf("after 59.999 s the header is %v", got.header)
		}
	})
}

// The current cycle's answer is not given when the cycle is over, though it be a second old and the caller take a day's.
func TestAnAnswerEndsWithItsCycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedgered(t, keep, unhurried, sandbox.WithBilling(time.UTC, 1))
		time.Sleep(31*24*time.Hour - time.Second) // to the last second of January
		first := askWithin(t, time.Minute, l.usage, example())
		time.Sleep(time.Second - 1)
		if got := askWithin(t, time.Minute, l.usage, example()); got.header["x-usage-source"] != "cache" {
			t.Errorf("before the cycle's end: %v", got.header)
		}
		time.Sleep(time.Nanosecond)
		second := askWithin(t, time.Minute, l.usage, example(maxAge(24*time.Hour)))
		if proto.Equal(first.response.GetBillingCycle(), second.response.GetBillingCycle()) || l.sandbox.Ledger().Calls != 2 {
			t.Errorf("after the cycle's end the answer is of %v", second.response.GetBillingCycle())
		}
	})
}

// Nor is the answer of a call that was on its way when the cycle ended, to who asks after that.
func TestACallOnItsWayEndsWithItsCycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedgered(t, keep, unhurried, sandbox.WithBilling(time.UTC, 1),
			sandbox.WithFaults(sandbox.Fault{Kind: sandbox.FaultSlowBody, Over: 10 * time.Second}))
		time.Sleep(31*24*time.Hour - 2*time.Second)
		var asking sync.WaitGroup
		ask := func(end time.Month) {
			asking.Go(func() {
				got := askWithin(t, time.Minute, l.usage, example()).response
				if month := got.GetBillingCycle().GetEndTime().AsTime().Month(); month != end {
					t.Errorf("the cycle ends in %v, want %v", month, end)
				}
			})
		}
		ask(time.January)
		time.Sleep(2*time.Second - time.Nanosecond)
		ask(time.January)
		time.Sleep(time.Nanosecond)
		ask(time.February)
		ask(time.February)
		asking.Wait()
		if calls := l.sandbox.Ledger().Calls; calls != 2 {
			t.Errorf("%d calls", calls)
		}
	})
}

// What a kept answer says with a filter is what Control Center says.
func TestAFilteredAnswerIsControlCenters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedgered(t, keep, unhurried, sandbox.WithDevices(50))
		var iccids []string
		for _, device := range sandbox.Fleet() {
			iccids = append(iccids, device.ICCID)
		}
		for i := range 50 {
			iccids = append(iccids, sandbox.GeneratedICCID(i))
		}
		compared := 0
		for _, iccid := range iccids {
			whole := askWithin(t, time.Minute, l.usage, device(iccid))
			if whole.response == nil {
				continue // a sum that overflows
			}
			for _, plan := range whole.response.GetRatePlanUsages() {
				for _, used := range plan.GetZoneUsages() {
					for _, filter := range []func(*request){ratePlan(plan.GetRatePlan()), zone(used.GetZone()),
						func(r *request) { ratePlan(plan.GetRatePlan())(r); zone(used.GetZone())(r) }} {
						req := device(iccid)
						filter(req)
						kept := askWithin(t, time.Minute, l.usage, req)
						maxAge(0)(req)
						live := askWithin(t, time.Minute, l.usage, req)
						if kept.header["x-usage-source"] != "cache" || live.header["x-usage-source"] != "live" {
							t.Errorf("%v: %v, %v", req, kept.header, live.header)
						}
						if diff := cmp.Diff(live.response, kept.response, protocmp.Transform()); diff != "" {
							t.Errorf("%v (-live +kept)\n%s", req, diff)
						}
						compared++
					}
				}
			}
		}
		if compared < 100 {
			t.Errorf("%d answers compared", compared)
		}
	})
}

// Of two kept answers that serve a question the younger one does.
func TestTheYoungestAnswerIsGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedgered(t, keep, unhurried)
		askWithin(t, time.Minute, l.usage, example(ratePlan("Rate Plan A")))
		time.Sleep(50 * time.Second)
		askWithin(t, time.Minute, l.usage, example())
		time.Sleep(time.Second)
		if got := askWithin(t, time.Minute, l.usage, example(ratePlan("Rate Plan A"))); got.header["age"] != "1" {
			t.Errorf("header %v", got.header)
		}
	})
}

// A filter waits for the device's whole answer when that is on its way, and goes upstream itself where that is no answer.
func TestAFilterWaitsForTheWhole(t *testing.T) {
	for name, calls := range map[string]int{"default zone": 1, "Zone B": 2} {
		synctest.Test(t, func(t *testing.T) {
			l := newLedgered(t, keep, unhurried, sandbox.WithLatency(time.Second))
			var asking sync.WaitGroup
			asking.Go(func() { askWithin(t, time.Minute, l.usage, example()) })
			synctest.Wait()
			got := askWithin(t, time.Minute, l.usage, example(zone(name)))
			asking.Wait()
			for _, plan := range got.response.GetRatePlanUsages() {
				if len(plan.GetZoneUsages()) != 1 || plan.GetZoneUsages()[0].GetZone() != name {
					t.Errorf("%v", plan)
				}
			}
			if got.response == nil || l.sandbox.Ledger().Calls != calls {
				t.Errorf("%d calls, %v", l.sandbox.Ledger().Calls, got.status)
			}
		})
	}
}

// Who asks now waits for a call that is still to be made, not for one that is on its way.
func TestWhoAsksNowSharesNoCallOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedgered(t, keep, unhurried, sandbox.WithLatency(time.Second))
		start := time.Now()
		var asking sync.WaitGroup
		ask := func(wantCalls int, changes ...func(*request)) {
			asking.Go(func() {
				got := askWithin(t, time.Minute, l.usage, example(changes...))
				if took := time.Since(start); got.response == nil || took != time.Duration(wantCalls)*time.Second {
					t.Errorf("after %v: %v", took, got.status)
				}
			})
			synctest.Wait()
		}
		ask(1)
		time.Sleep(100 * time.Millisecond)
		ask(1)
		ask(1, maxAge(100*time.Millisecond))
		ask(2, maxAge(99*time.Millisecond))
		ask(2, maxAge(0))
		ask(2, maxAge(0))
		asking.Wait()
		if calls := l.sandbox.Ledger().Calls; calls != 2 {
			t.Errorf("%d calls", calls)
		}
	})
}

// An answer about the current cycle is one for a minute, though Control Center still gives a cycle that is over.
func TestACycleThatIsOverCanBeTheCurrentOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		usage := newService(t, keep, bubbleClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			answer := httptest.NewRecorder()
			writeUsage(answer, r)
			over := strings.Replace(answer.Body.String(), `"timeStamp":"2016-11-10T05:31:17`, `"timeStamp":"2016-11-10T05:31:37`, 1)
			_, _ = io.WriteString(w, over)
		}), unhurried))
		askWithin(t, time.Minute, usage, example())
		time.Sleep(time.Minute)
		askWithin(t, time.Minute, usage, example())
		if calls.Load() != 1 {
			t.Errorf("%d calls within a minute", calls.Load())
		}
		time.Sleep(time.Nanosecond)
		askWithin(t, time.Minute, usage, example())
		if calls.Load() != 2 {
			t.Errorf("%d calls after a minute", calls.Load())
		}
	})
}

func TestWithoutMemoryNothingIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedgered(t, service.AnswerConfig{}, unhurried)
		for range 10 {
			askWithin(t, time.Minute, l.usage, example())
		}
		if calls := l.sandbox.Ledger().Calls; calls != 10 {
			t.Errorf("%d calls for 10 questions", calls)
		}
	})
}

func TestAThousandEqualQuestionsAreOneCall(t *testing.T) {
	controlCenter, err := sandbox.New(sandbox.WithCredentials("user", apiKey), sandbox.WithLatency(50*time.Millisecond), sandbox.WithFairUse(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, controlCenter)
	var asking sync.WaitGroup
	for range 500 {
		for door, ask := range doors {
			asking.Go(func() {
				if got := ask(t.Context(), t, r, example()); got.response.GetTotal().GetVoiceMoSeconds() != 944318 {
					t.Errorf("%s: %v, %v", door, got.response, got.status)
				}
			})
		}
	}
	asking.Wait()
	ledger := controlCenter.Ledger()
	t.Logf("1,000 equal questions at once, half of them over REST: ledger %+v", ledger.Counts)
	if ledger.Calls != 1 {
		t.Errorf("%d calls", ledger.Calls)
	}
}

// While Control Center is down, an answer that was good a while ago is given to who does not say what age it takes.
func TestStaleAnswersAreServedOnDemandAlone(t *testing.T) {
	for name, test := range map[string]struct {
		stale  time.Duration
		after  time.Duration
		asks   func(*request)
		source string
	}{
		"off":                      {0, 2 * time.Minute, func(*request) {}, ""},
		"on":                       {time.Hour, 59 * time.Minute, func(*request) {}, "stale"},
		"on, with a filter":        {time.Hour, 59 * time.Minute, ratePlan("Rate Plan A"), "stale"},
		"on, but too old":          {time.Hour, time.Hour + time.Second, func(*request) {}, ""},
		"on, but the caller says":  {time.Hour, 2 * time.Minute, maxAge(time.Minute), ""},
		"on, but nothing was kept": {time.Hour, 2 * time.Minute, func(r *request) { r.Iccid = "8999901000000000019" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLedgered(t, service.AnswerConfig{CacheBytes: 1 << 20, ServeStale: test.stale}, unhurried)
				askWithin(t, time.Minute, l.usage, example())
				if err := l.sandbox.SetFaults(sandbox.Fault{Kind: sandbox.FaultUnavailable, Share: 1}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(test.after)
				got := askWithin(t, time.Minute, l.usage, example(test.asks))
				if got.header["x-usage-source"] != test.source || (got.response != nil) != (test.source != "") {
					t.Errorf("header %v, %v", got.header, got.status)
				}
				if test.source == "" && codes.Code(got.status.GetCode()) != codes.Unavailable {
					t.Errorf("%v", got.status)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // down it is too where it hangs: so the lane finds, after five calls of 30 s
		l := newLedgered(t, service.AnswerConfig{CacheBytes: 1 << 20, ServeStale: time.Hour}, jasperclient.DefaultFairUse())
		askWithin(t, time.Minute, l.usage, example())
		if err := l.sandbox.SetFaults(sandbox.Fault{Kind: sandbox.FaultHang, Share: 1}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		for range 2 {
			askWithin(t, 10*time.Minute, l.usage, device("8999901000000000019"))
		}
		for range 60 { // the closed lane, the probes that hang, and who comes while they do
			time.Sleep(5 * time.Second)
			if got := askWithin(t, 10*time.Second, l.usage, example()); got.header["x-usage-source"] != "stale" {
				t.Errorf("header %v, %v", got.header, got.status)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) { // what Control Center refuses, it refuses
		l := newLedgered(t, service.AnswerConfig{CacheBytes: 1 << 20, ServeStale: time.Hour}, unhurried)
		askWithin(t, time.Minute, l.usage, example())
		got := askWithin(t, time.Minute, l.usage, example(zone("Atlantis")))
		if got.header["x-usage-source"] != "" || codes.Code(got.status.GetCode()) != codes.InvalidArgument {
			t.Errorf("header %v, %v", got.header, got.status)
		}
	})
}

// Two accounts have nothing in common: neither answers, nor a closed lane.
func TestAccountsAreToldApart(t *testing.T) {
	good, bad := newSandbox(t), newSandbox(t, sandbox.WithCredentials("user", "another"))
	clients := map[string]*jasperclient.Client{}
	for name, controlCenter := range map[string]http.Handler{"good": good, "bad": bad} {
		clients[name] = newClient(t, newRig(t, controlCenter).upstream)
	}
	usage, err := service.New(keep, service.Account{Name: "good", Client: clients["good"]}, service.Account{Name: "bad", Client: clients["bad"]})
	if err != nil {
		t.Fatal(err)
	}
	r := newRigFor(t, usage)
	in := func(account string) func(*request) { return func(r *request) { r.Account = account } }
	for door, ask := range doors {
		for _, test := range []struct {
			account, answers string
			reason           string
		}{
			{"bad", "bad", "UPSTREAM_CREDENTIALS_REJECTED"}, {"", "good", ""}, {"good", "good", ""}, {"ugly", "", "ACCOUNT_UNKNOWN"},
			{"bad", "bad", "UPSTREAM_CREDENTIALS_REJECTED"}, {"Good", "", "ACCOUNT_UNKNOWN"},
		} {
			got := ask(t.Context(), t, r, example(in(test.account)))
			reason := ""
			if got.status != nil {
				reason = detailsOf(t, got.status)[0].(*errdetails.ErrorInfo).GetReason()
			}
			if reason != test.reason || got.header["x-usage-account"] != test.answers {
				t.Errorf("%s, %q: reason %q, header %v", door, test.account, reason, got.header)
			}
		}
		got := ask(t.Context(), t, r, example(in("ugly")))
		if codes.Code(got.status.GetCode()) != codes.InvalidArgument || (door == "REST" && got.httpStatus != http.StatusBadRequest) {
			t.Errorf("%s: %v", door, got.status)
		}
		want := []proto.Message{info(usagev1.ErrorReason_ERROR_REASON_ACCOUNT_UNKNOWN), fields("account")}
		if diff := cmp.Diff(want, detailsOf(t, got.status), protocmp.Transform(),
			protocmp.IgnoreFields(&errdetails.BadRequest_FieldViolation{}, "description")); diff != "" {
			t.Errorf("%s (-want +got)\n%s", door, diff)
		}
	}
}

func TestAccountsAreReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		controlCenter, err := sandbox.New(sandbox.WithCredentials("user", apiKey))
		if err != nil {
			t.Fatal(err)
		}
		client := bubbleClient(t, controlCenter, unhurried)
		one, two := service.Account{Name: "one", Client: client}, service.Account{Name: "two", Client: client}
		usage, err := service.New(keep, one)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range [][]service.Account{nil, {one, one}, {{Name: "one"}}, {{Client: client}}} {
			if err := usage.SetAccounts(bad...); err == nil {
				t.Errorf("%v is taken", bad)
			}
		}
		for _, set := range []struct {
			accounts []service.Account
			account  string // that answers by default
			calls    int    // so far
		}{
			{[]service.Account{one}, "one", 1}, {[]service.Account{one, two}, "one", 1}, {[]service.Account{two}, "two", 2},
			{[]service.Account{one, two}, "one", 3}, // what it had is gone
		} {
			if err := usage.SetAccounts(set.accounts...); err != nil {
				t.Fatal(err)
			}
			got := askWithin(t, time.Minute, usage, example())
			if got.header["x-usage-account"] != set.account || controlCenter.Ledger().Calls != set.calls {
				t.Errorf("%v: header %v, %d calls", set.accounts, got.header, controlCenter.Ledger().Calls)
			}
		}
	})
}

// The class comes with the call; another than the two there are is refused.
func TestTheClassOfACall(t *testing.T) {
	r := newRig(t, newSandbox(t))
	for class, ok := range map[string]bool{"bulk": true, "interactive": true, "": true, "batch": false, "b\xfclk": false} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "x-usage-class", class)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+usagePath, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Usage-Class", class)
		replies := map[string]reply{"REST": r.do(t, req)}
		if utf8.ValidString(class) { // no gRPC client sends what is not ASCII
			replies["gRPC"] = askGRPC(ctx, t, r, example())
		}
		for door, got := range replies {
			if ok && got.response == nil {
				t.Errorf("%s: %q: %v", door, class, got.status)
			}
			if !ok {
				checkStatus(t, door, got, codes.InvalidArgument, http.StatusBadRequest,
					[]proto.Message{info(usagev1.ErrorReason_ERROR_REASON_INVALID_REQUEST), fields("x-usage-class")})
			}
		}
	}
}

// Bulk questions let interactive ones go first, also one of theirs that an interactive caller asks too; and callers from
// different hosts take turns.
func TestWhoGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedgered(t, keep, jasperclient.FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 100}, sandbox.WithDevices(100))
		bulk := metadata.NewIncomingContext(t.Context(), metadata.Pairs("x-usage-class", "bulk"))
		start := time.Now()
		var asking sync.WaitGroup
		ask := func(ctx context.Context, host string, i int, want time.Duration) {
			asking.Go(func() {
				got := askFrom(ctx, l.usage, host, device(sandbox.GeneratedICCID(i)))
				if took := time.Since(start).Truncate(100 * time.Millisecond); got.response == nil || took != want {
					t.Errorf("device %d from %s after %v, want %v: %v", i, host, took, want, got.status)
				}
			})
			synctest.Wait()
		}
		for i := range 4 {
			want := []time.Duration{0, 5, 6, 3}[i] * time.Second
			ask(bulk, "192.0.2.1", i, want)
		}
		ask(t.Context(), "192.0.2.2", 10, 1*time.Second)
		ask(t.Context(), "192.0.2.2", 11, 4*time.Second)
		ask(t.Context(), "192.0.2.3", 12, 2*time.Second)
		ask(t.Context(), "192.0.2.4", 3, 3*time.Second) // raises it
		asking.Wait()
	})
}

// The key of a kept answer keeps nothing else of its request in memory.
func TestAKeptAnswerKeepsNoRequest(t *testing.T) {
	const answers, padding = 300, 20 << 10
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { writeUsage(w, r) }))
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for i := range answers {
		if _, err := r.grpc.GetDeviceUsageInZone(t.Context(), &request{Iccid: strings.Repeat(" ", padding) + fmt.Sprintf("89882177555201%05d", i)}); err != nil {
			t.Fatal(err)
		}
		path := fmt.Sprintf("/v1/devices/%s89882177555202%05d/usageInZone?zone=Home", strings.Repeat("%20", padding/3), i)
		if got := r.get(t.Context(), t, path); got.status != nil {
			t.Fatal(got.status)
		}
	}
	if grown := int64(heap() - before); grown > answers*padding/4 {
		t.Errorf("the heap grew by %d KiB for %d answers", grown>>10, 2*answers)
	}
}

// An answer whose sum is too great still answers for its parts.
func TestTheZonesOfAnAnswerThatHasNoSum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		usage := newService(t, keep, bubbleClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			calls.Add(1)
			const record = `{"ratePlan":"P","ratePlanVersion":"1","zone":"%s","dataUsage":9223372036854775807,"dataUsageUnit":"bytes"}`
			_, _ = fmt.Fprintf(w, `{"iccid":"8988217755520000031","timeStamp":"1999-12-10T05:31:17.557Z",`+
				`"cycleStartDate":"1999-12-01T00:00:00.000Z","cycleEndDate":"1999-12-31T23:59:59.000Z",`+
				`"deviceCycleUsageInZones":{"P, 1":[`+record+`,`+record+`]}}`, "Z1", "Z2")
		}), unhurried))
		if got := askWithin(t, time.Minute, usage, example()); reasonOf(t, got) != "UPSTREAM_INVALID_RESPONSE" {
			t.Fatalf("the whole: %v", got.status)
		}
		for _, name := range []string{"Z1", "Z2"} {
			if got := askWithin(t, time.Minute, usage, example(zone(name))); got.status != nil || got.response.GetTotal().GetDataBytes() != math.MaxInt64 {
				t.Errorf("%s: %v, %v", name, got.status, got.response)
			}
		}
		if calls.Load() != 1 {
			t.Errorf("%d calls, want one", calls.Load())
		}
	})
}

// While Control Center is down for as long as it says, who asks is told that, and gets an answer that is stale.
func TestAnOutageThatControlCenterAnnounces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		controlCenter, err := sandbox.New(sandbox.WithCredentials("user", apiKey))
		if err != nil {
			t.Fatal(err)
		}
		usage := newService(t, service.AnswerConfig{CacheBytes: 1 << 20, ServeStale: time.Hour}, bubbleClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if down.Load() {
				w.Header().Set("Retry-After", "3600")
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			controlCenter.ServeHTTP(w, r)
		}), jasperclient.DefaultFairUse()))
		if got := askWithin(t, time.Minute, usage, example()); got.status != nil {
			t.Fatal(got.status)
		}
		down.Store(true)
		for range 3 {
			time.Sleep(2 * time.Minute)
			if got := askWithin(t, 30*time.Second, usage, example()); got.header["x-usage-source"] != "stale" {
				t.Errorf("%v, %v, want a stale answer", got.status, got.header)
			}
			if got := askWithin(t, 30*time.Second, usage, &request{Iccid: "8999901000000000019"}); reasonOf(t, got) != "UPSTREAM_UNAVAILABLE" {
				t.Errorf("another device: %v, want UPSTREAM_UNAVAILABLE", got.status)
			}
		}
	})
}

// After the last refusal a caller is told to wait as long as the lane does.
func TestTheWaitAfterTheLastRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := bubbleClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTooManyRequests)
		}), jasperclient.DefaultFairUse())
		usage := newService(t, keep, client)
		for range 3 {
			got := askWithin(t, 9*time.Minute, usage, example())
			for _, detail := range detailsOf(t, got.status) {
				if info, ok := detail.(*errdetails.RetryInfo); ok && info.GetRetryDelay().AsDuration() != client.Lane().Spacing {
					t.Errorf("told to wait %v, where the lane calls every %v", info.GetRetryDelay().AsDuration(), client.Lane().Spacing)
				}
			}
		}
	})
}
