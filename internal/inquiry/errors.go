package inquiry

import (
	"strings"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/zoneusage/zoneusage/internal/errordetail"
)

// ReasonOf is the reason of a call's error as the contract has it, and else the name of its gRPC code.
func ReasonOf(err error) string {
	if info, ok := errordetail.Of[*errdetails.ErrorInfo](status.Convert(err)); ok {
		return info.GetReason()
	}
	return code.Code(status.Code(err)).String()
}

// TextOf is what is said of a call's error: of its fields, where that is at fault, else in all.
func TextOf(err error) string {
	request, _ := errordetail.Of[*errdetails.BadRequest](status.Convert(err))
	if len(request.GetFieldViolations()) == 0 {
		return status.Convert(err).Message()
	}
	var texts []string
	for _, violation := range request.GetFieldViolations() {
		texts = append(texts, violation.GetField()+": "+violation.GetDescription())
	}
	return strings.Join(texts, "; ")
}

// OfAll reports whether every other device would have the same error: who asks may not, or the question is wrong.
func OfAll(err error) bool {
	switch status.Code(err) {
	case codes.Unauthenticated, codes.PermissionDenied, codes.Unimplemented:
		return true
	}
	switch ReasonOf(err) {
	case "ACCOUNT_UNKNOWN", "INVALID_CYCLE_START_DATE", "CYCLE_START_DATE_OUT_OF_RANGE", "UPSTREAM_CREDENTIALS_REJECTED":
		return true
	}
	return false
}

// NotThere reports whether no zoneusage answered.
func NotThere(err error) bool {
	_, answered := errordetail.Of[*errdetails.ErrorInfo](status.Convert(err))
	return status.Code(err) == codes.Unavailable && !answered
}

// OfName reports whether Control Center does not know the rate plan or zone that is asked for. Whether it would know it for
// another device, nobody has documented.
func OfName(err error) bool {
	reason := ReasonOf(err)
	return reason == "RATE_PLAN_NOT_FOUND" || reason == "INVALID_ZONE"
}
