package inquiry_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/iccids"
	"github.com/zoneusage/zoneusage/internal/inquiry"
	"github.com/zoneusage/zoneusage/jasperclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type (
	request  = usagev1.GetDeviceUsageInZoneRequest
	response = usagev1.GetDeviceUsageInZoneResponse
)

// A service answers as a test wants, over gRPC.
type service struct {
	usagev1.UnimplementedUsageServiceServer
	answer func(ctx context.Context, req *request) error // nil: the device's answer
}

func (s service) GetDeviceUsageInZone(ctx context.Context, req *request) (*response, error) {
	if err := s.answer(ctx, req); err != nil {
		return nil, err
	}
	return &response{Iccid: req.GetIccid()}, nil
}

// ask makes an inquiry of a service in this bubble.
func ask(t *testing.T, answer func(context.Context, *request) error) inquiry.Inquiry {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	usagev1.RegisterUsageServiceServer(server, service{answer: answer})
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	conn, err := grpc.NewClient("passthrough:///service", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		serving.Wait()
	})
	return inquiry.Inquiry{Client: usagev1.NewUsageServiceClient(conn), Question: &request{}, Parallel: 8, Timeout: 2 * time.Minute, Retries: 4}
}

// devices are entries of a list.
func devices(n int) iter.Seq[iccids.Entry] {
	return func(yield func(iccids.Entry) bool) {
		for i := range n {
			if !yield(iccids.Entry{ICCID: device(i)}) {
				return
			}
		}
	}
}

func device(i int) jasperclient.ICCID { return jasperclient.ICCID(fmt.Sprintf("%019d", i)) }

// failure is a status with details.
func failure(t *testing.T, code codes.Code, details ...protoadapt.MessageV1) error {
	t.Helper()
	st, err := status.New(code, "no").WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return st.Err()
}

func reason(name string) *errdetails.ErrorInfo {
	return &errdetails.ErrorInfo{Reason: name, Domain: "usage.jasper"}
}

func retryIn(wait time.Duration) *errdetails.RetryInfo {
	return &errdetails.RetryInfo{RetryDelay: durationpb.New(wait)}
}

// What may pass is waited for, as long as the service says, until the time or the retries are used up.
func TestWaits(t *testing.T) {
	limited := failure(t, codes.ResourceExhausted, reason("RATE_LIMITED"), retryIn(7*time.Second))
	for name, test := range map[string]struct {
		err      error
		pushback string // in the trailer
		fails    int    // so many calls
		want     string
		calls    int
		after    time.Duration
	}{
		"rate limited":               {err: limited, fails: 3, calls: 4, after: 21 * time.Second},
		"rate limited for ever":      {err: limited, fails: 1000, want: "RATE_LIMITED", calls: 18, after: 119 * time.Second},
		"for longer than there is":   {err: failure(t, codes.ResourceExhausted, reason("RATE_LIMITED"), retryIn(time.Hour)), fails: 1, want: "RATE_LIMITED", calls: 1},
		"rate limited, for no time":  {err: failure(t, codes.ResourceExhausted, retryIn(0)), fails: 4, calls: 5, after: time.Second},
		"pushback":                   {err: failure(t, codes.ResourceExhausted), pushback: "1500", fails: 2, calls: 3, after: 3 * time.Second},
		"never":                      {err: failure(t, codes.ResourceExhausted), pushback: "-1", fails: 1, want: "RESOURCE_EXHAUSTED", calls: 1},
		"pushback that is no number": {err: failure(t, codes.Unavailable), pushback: "soon", fails: 1, want: "UNAVAILABLE", calls: 1},
		"an answer too large":        {err: failure(t, codes.ResourceExhausted), fails: 1, want: "RESOURCE_EXHAUSTED", calls: 1},
		"unavailable":                {err: failure(t, codes.Unavailable), fails: 4, calls: 5, after: 3750 * time.Millisecond},
		"unavailable for ever":       {err: failure(t, codes.Unavailable, reason("UPSTREAM_UNAVAILABLE"), retryIn(5*time.Second)), fails: 1000, want: "UPSTREAM_UNAVAILABLE", calls: 5, after: 20 * time.Second},
		"unknown":                    {err: failure(t, codes.NotFound, reason("DEVICE_NOT_FOUND")), fails: 1000, want: "DEVICE_NOT_FOUND", calls: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				q := ask(t, func(ctx context.Context, _ *request) error {
					calls++
					if calls > test.fails {
						return nil
					}
					if test.pushback != "" {
						if err := grpc.SetTrailer(ctx, metadata.Pairs("grpc-retry-pushback-ms", test.pushback)); err != nil {
							t.Error(err)
						}
					}
					return test.err
				})
				begun := time.Now()
				for answer := range q.Ask(t.Context(), devices(1)) {
					if test.want == "" && (answer.Err != nil || answer.Response.GetIccid() != string(device(0))) {
						t.Errorf("%v", answer)
					}
					if test.want != "" && inquiry.ReasonOf(answer.Err) != test.want {
						t.Errorf("%v, want %s", answer.Err, test.want)
					}
				}
				if after := time.Since(begun); calls != test.calls || after != test.after {
					t.Errorf("%d calls in %s, want %d in %s", calls, after, test.calls, test.after)
				}
			})
		})
	}
}

func TestTheTimeoutIsTheCallsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := ask(t, func(ctx context.Context, _ *request) error {
			<-ctx.Done()
			return ctx.Err()
		})
		begun := time.Now()
		for answer := range q.Ask(t.Context(), devices(3)) {
			if status.Code(answer.Err) != codes.DeadlineExceeded {
				t.Errorf("%v", answer.Err)
			}
		}
		if after := time.Since(begun); after != q.Timeout {
			t.Errorf("after %s", after)
		}
		synctest.Wait()
	})
}

// However long each takes, answers come in the order of the list, and no more calls are under way than are allowed.
func TestOrderAndBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		underway, most := 0, 0
		q := ask(t, func(_ context.Context, req *request) error {
			mu.Lock()
			underway++
			most = max(most, underway)
			mu.Unlock()
			time.Sleep(time.Duration(req.GetIccid()[18]-'0') * time.Second)
			mu.Lock()
			underway--
			mu.Unlock()
			return nil
		})
		const n = 100
		bad := errors.New("line 51")
		var got []jasperclient.ICCID
		for answer := range q.Ask(t.Context(), func(yield func(iccids.Entry) bool) {
			for entry := range devices(n) {
				if entry.ICCID == device(50) {
					entry.Err = bad
				}
				if !yield(entry) {
					return
				}
			}
		}) {
			if (answer.ICCID == device(50)) != errors.Is(answer.Err, bad) {
				t.Errorf("%v", answer)
			}
			got = append(got, answer.ICCID)
		}
		if !slices.IsSorted(got) || len(got) != n || most != q.Parallel {
			t.Errorf("%d calls at once, %v", most, got)
		}
	})
}

// Nothing of an inquiry is left when its context ends or nobody wants more answers, also while the list has no next entry yet.
func TestAnInquiryEnds(t *testing.T) {
	for name, test := range map[string]struct{ leave bool }{"by its context": {false}, "by its caller": {true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, ended := 0, 0
				var mu sync.Mutex
				q := ask(t, func(ctx context.Context, req *request) error {
					if req.GetIccid() == string(device(0)) {
						return nil
					}
					mu.Lock()
					began++
					mu.Unlock()
					<-ctx.Done()
					mu.Lock()
					ended++
					mu.Unlock()
					return ctx.Err()
				})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				typed := make(chan struct{})
				answers := 0
				for answer := range q.Ask(ctx, func(yield func(iccids.Entry) bool) {
					for entry := range devices(3) {
						if !yield(entry) {
							return
						}
					}
					<-typed // as a read of a terminal
				}) {
					synctest.Wait() // until the others are asked
					if answers++; answer.Err != nil {
						t.Errorf("%v", answer.Err)
					}
					if test.leave {
						break
					}
					cancel()
				}
				synctest.Wait()
				mu.Lock()
				defer mu.Unlock()
				if answers != 1 || began != 2 || ended != 2 {
					t.Errorf("%d answers, %d further calls began and %d ended", answers, began, ended)
				}
				close(typed)
			})
		})
	}
}

func TestTheQuestionAndItsClass(t *testing.T) {
	for _, bulk := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var got *request
			var class []string
			q := ask(t, func(ctx context.Context, req *request) error {
				got = req
				class = metadata.ValueFromIncomingContext(ctx, "x-usage-class")
				return nil
			})
			q.Bulk = bulk
			q.Question = &request{CycleStartDate: "2016-11-10", RatePlan: "Rate Plan A", Zone: "Zone B", Account: "emea", MaxAge: durationpb.New(0)}
			for answer := range q.Ask(t.Context(), devices(1)) {
				if answer.Err != nil {
					t.Error(answer.Err)
				}
			}
			want := &request{Iccid: string(device(0)), CycleStartDate: "2016-11-10", RatePlan: "Rate Plan A", Zone: "Zone B", Account: "emea", MaxAge: durationpb.New(0)}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if (len(class) == 1 && class[0] == "bulk") != bulk || (class == nil) == bulk {
				t.Errorf("class %v", class)
			}
			if q.Question.GetIccid() != "" {
				t.Error("the question was changed")
			}
		})
	}
}

func TestErrorsOfAll(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"unknown device":       {failure(t, codes.NotFound, reason("DEVICE_NOT_FOUND")), false},
		"no turn":              {failure(t, codes.ResourceExhausted, reason("RATE_LIMITED")), false},
		"Control Center fails": {failure(t, codes.Unavailable, reason("UPSTREAM_UNAVAILABLE")), false},
		"another service":      {failure(t, codes.Unimplemented), true},
		"no token":             {failure(t, codes.Unauthenticated, reason("CREDENTIALS_MISSING")), true},
		"not allowed":          {failure(t, codes.PermissionDenied, reason("NOT_ALLOWED")), true},
		"no such account":      {failure(t, codes.InvalidArgument, reason("ACCOUNT_UNKNOWN")), true},
		"too old a cycle":      {failure(t, codes.OutOfRange, reason("CYCLE_START_DATE_OUT_OF_RANGE")), true},
		"a deadline":           {failure(t, codes.DeadlineExceeded), false},
		"no such rate plan":    {failure(t, codes.NotFound, reason("RATE_PLAN_NOT_FOUND")), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := inquiry.AffectsEveryDevice(test.err); got != test.want {
				t.Errorf("%v", got)
			}
		})
	}
	if inquiry.IsUnreachable(failure(t, codes.Unavailable, reason("UPSTREAM_UNAVAILABLE"))) || !inquiry.IsUnreachable(failure(t, codes.Unavailable)) {
		t.Error("a service that answers is told from none by its reason")
	}
	refused := failure(t, codes.InvalidArgument, reason("INVALID_REQUEST"),
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "zone", Description: "too long"}}})
	if got := inquiry.TextOf(refused); got != "zone: too long" {
		t.Errorf("%q", got)
	}
	if got := inquiry.ReasonOf(failure(t, codes.DeadlineExceeded)); got != "DEADLINE_EXCEEDED" {
		t.Errorf("%q", got)
	}
}

func TestErrorsOfAName(t *testing.T) {
	for name, want := range map[string]bool{"RATE_PLAN_NOT_FOUND": true, "INVALID_ZONE": true, "DEVICE_NOT_FOUND": false} {
		if got := inquiry.IsUnknownName(failure(t, codes.NotFound, reason(name))); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
