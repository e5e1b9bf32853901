package service

import (
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// restTimeoutHeader is where a REST caller gives a timeout, in the form that gRPC's own header has.
const restTimeoutHeader = "Grpc-Timeout"

var (
	grpcTimeout      = regexp.MustCompile(`^(\d{1,8})([HMSmun])$`)
	grpcTimeoutUnits = map[string]time.Duration{
		"H": time.Hour, "M": time.Minute, "S": time.Second, "m": time.Millisecond, "u": time.Microsecond, "n": time.Nanosecond,
	}
)

// takeTimeout takes a REST caller's timeout out of the headers, where grpc-gateway would find it: it would end the call by
// itself, and does not know the longest timeout.
func (r *record) takeTimeout(header http.Header) error {
	text := header.Get(restTimeoutHeader)
	if text == "" {
		return nil
	}
	header.Del(restTimeoutHeader)
	match := grpcTimeout.FindStringSubmatch(text)
	if match == nil {
		return fmt.Errorf("%q is not a valid timeout; write up to 8 digits and a unit, H, M, S, m (milliseconds), u or n, such as 30S", text)
	}
	unit := grpcTimeoutUnits[match[2]]
	n, err := strconv.ParseInt(match[1], 10, 64)
	if err != nil || n > math.MaxInt64/int64(unit) {
		n = math.MaxInt64 / int64(unit) // it is cut to the longest timeout anyway
	}
	r.timeout, r.hasTimeout = time.Duration(n)*unit, true
	return nil
}
