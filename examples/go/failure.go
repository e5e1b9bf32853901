package main

import (
	"cmp"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// reason is a value of ErrorReason without its prefix, or empty where the service gave none, such as after the deadline.
func reason(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == "usage.jasper" {
			return info.GetReason()
		}
	}
	return ""
}

// rateLimited tells whether the account's calls are used up, and for how long.
func rateLimited(err error) (time.Duration, bool) {
	if reason(err) != "RATE_LIMITED" {
		return 0, false
	}
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration(), true
		}
	}
	return 0, false
}

// explain tells the code, the reason and the text of a failure.
func explain(err error) string {
	failure := status.Convert(err)
	return fmt.Sprintf("%s, %s: %s", code.Code(failure.Code()), cmp.Or(reason(err), "no reason"), failure.Message())
}
