package service

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

const (
	// restTimeoutHeader is how a REST caller gives a deadline, in the form that gRPC's own header has.
	restTimeoutHeader = "Grpc-Timeout"
	// timeoutHeader carries it between the doors, in nanoseconds. As the deadline of the in-process call it would end that call from the
	// gateway's side first, and the server would take a deadline that passed for a caller that left.
	timeoutHeader = "x-rest-timeout"
)

// withDeadline gives a call without a deadline the default one and cuts a longer one to the greatest.
func withDeadline(otherwise, greatest time.Duration) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		timeout := greatest
		if asked, ok := restTimeout(ctx); ok {
			timeout = min(asked, greatest)
		} else if _, ok := ctx.Deadline(); !ok {
			timeout = otherwise
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		if ends, ok := ctx.Deadline(); ok { // the caller's own may be sooner
			recordOf(ctx).timeout = time.Until(ends).Round(time.Millisecond)
		}
		return handler(ctx, req)
	}
}

// restTimeout is the deadline that the gateway passes on.
func restTimeout(ctx context.Context) (time.Duration, bool) {
	values := metadata.ValueFromIncomingContext(ctx, timeoutHeader)
	if caller, ok := peer.FromContext(ctx); !ok || !isInProcess(caller.Addr) || len(values) == 0 {
		return 0, false
	}
	nanoseconds, err := strconv.ParseInt(values[0], 10, 64)
	return time.Duration(nanoseconds), err == nil
}

var (
	grpcTimeout      = regexp.MustCompile(`^(\d{1,8})([HMSmun])$`)
	grpcTimeoutUnits = map[string]time.Duration{
		"H": time.Hour, "M": time.Minute, "S": time.Second, "m": time.Millisecond, "u": time.Microsecond, "n": time.Nanosecond,
	}
)

// passTimeout takes a REST caller's deadline out of the headers and puts it where withDeadline looks for it.
func passTimeout(header http.Header) error {
	header.Del(timeoutHeader)
	text := header.Get(restTimeoutHeader)
	if text == "" {
		return nil
	}
	header.Del(restTimeoutHeader)
	match := grpcTimeout.FindStringSubmatch(text)
	if match == nil {
		return fmt.Errorf("%q is no timeout; write up to 8 digits and a unit, H, M, S, m (milliseconds), u or n, such as 30S", text)
	}
	unit := grpcTimeoutUnits[match[2]]
	n, err := strconv.ParseInt(match[1], 10, 64)
	if err != nil || n > math.MaxInt64/int64(unit) {
		n = math.MaxInt64 / int64(unit) // it is cut to the greatest deadline anyway
	}
	header.Set(timeoutHeader, strconv.FormatInt(n*int64(unit), 10))
	return nil
}
