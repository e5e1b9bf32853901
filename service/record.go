package service

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// A Call is one that has ended, as [Config].Called is told of it.
type Call struct {
	// Method is gRPC's full name of the method; empty for a REST request whose path is no method's.
	Method string
	// Door is grpc or rest.
	Door string
	// Code is how the call ended.
	Code codes.Code
	// Took is the time from its first interceptor, or from the REST door, to its end.
	Took time.Duration
	// Account is the name of the account that was asked; empty where there was none.
	Account string
	// Reason is why it failed, as ErrorInfo has it; empty where it did not, or for no reason of the service's.
	Reason string
	// Source is where the answer is from: live, joined, cache or stale; empty where there was none.
	Source string
}

// A record is what the log and the metrics tell of a call. Whoever learns something of it on the call's way fills it in; it
// belongs to the goroutine of the call.
type record struct {
	start     time.Time
	requestID string
	method    string // gRPC's full name; empty for a REST request whose path is no method's
	door      string
	peer      string
	caller    string // the name of who asks; empty where it is not known
	subject   string // of the caller's JWT
	iccid     string
	account   string // that is asked
	source    string // of the answer
	bulk      bool
	waited    time.Duration // for turns in the lane
	attempts  int           // how often Control Center was asked
	timeout   time.Duration // that the call has in all
	traceID   string        // of a sampled trace
}

type recordKey struct{}

func withRecord(ctx context.Context, rec *record) context.Context {
	return context.WithValue(ctx, recordKey{}, rec)
}

// recordOf is the call's record, or one that nobody reads.
func recordOf(ctx context.Context) *record {
	if rec, ok := ctx.Value(recordKey{}).(*record); ok {
		return rec
	}
	return new(record)
}

// follow adds what a call of Control Center took for the call.
func (r *record) follow(call *jasperclient.Call) {
	waited, attempts := call.Progress()
	r.waited += waited
	r.attempts += attempts
}

var usagePrefix = "/" + usagev1.UsageService_ServiceDesc.ServiceName + "/"

// isUsage tells the calls of UsageService from those of health and reflection, of which there may be one every few seconds.
func isUsage(method string) bool { return strings.HasPrefix(method, usagePrefix) }
