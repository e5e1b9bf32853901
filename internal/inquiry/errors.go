package inquiry

import (
	"strings"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/zoneusage/zoneusage/internal/errordetail"
)

// ReasonOf returns the reason in a call's error, as in the contract, or the name of its gRPC code if there is none.
func ReasonOf(err error) string {
	if info, ok := errordetail.Of[*errdetails.ErrorInfo](status.Convert(err)); ok {
		return info.GetReason()
	}
	return code.Code(status.Code(err)).String()
}

// TextOf returns the text of a call's error: the descriptions of the fields at fault, or the message if there are none.
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

// AffectsEveryDevice reports whether every device would fail with the same error: the caller may not ask, or the question is
// wrong.
func AffectsEveryDevice(err error) bool {
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

// IsUnreachable reports whether the call reached no zoneusage: an error of zoneusage's own has an ErrorInfo.
func IsUnreachable(err error) bool {
	_, answered := errordetail.Of[*errdetails.ErrorInfo](status.Convert(err))
	return status.Code(err) == codes.Unavailable && !answered
}

// IsUnknownName reports whether Control Center does not know the rate plan or zone in the question. It is not documented
// whether Control Center would know the name for another device.
func IsUnknownName(err error) bool {
	reason := ReasonOf(err)
	return reason == "RATE_PLAN_NOT_FOUND" || reason == "INVALID_ZONE"
}
