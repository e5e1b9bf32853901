package inquiry

import (
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
)

// ReasonOf is the reason of a call's error as the contract has it, and else the name of its gRPC code.
func ReasonOf(err error) string {
	if info, ok := detailOf[*errdetails.ErrorInfo](err); ok {
		return info.GetReason()
	}
	return code.Code(status.Code(err)).String()
}

// TextOf is the text of a call's error, with what is said of single fields.
func TextOf(err error) string {
	text := status.Convert(err).Message()
	if request, ok := detailOf[*errdetails.BadRequest](err); ok {
		for _, violation := range request.GetFieldViolations() {
			text += "; " + violation.GetField() + ": " + violation.GetDescription()
		}
	}
	return text
}

// OfAll reports whether every other device would have the same error: who asks may not, or the question is wrong, or the
// service is not there.
func OfAll(err error) bool {
	switch status.Code(err) {
	case codes.Unauthenticated, codes.PermissionDenied, codes.Unimplemented:
		return true
	case codes.Unavailable:
		_, answered := detailOf[*errdetails.ErrorInfo](err)
		return !answered
	}
	switch ReasonOf(err) {
	case "ACCOUNT_UNKNOWN", "INVALID_CYCLE_START_DATE", "CYCLE_START_DATE_OUT_OF_RANGE", "UPSTREAM_CREDENTIALS_REJECTED":
		return true
	}
	return false
}

// OfName reports whether Control Center does not know the rate plan or zone that is asked for. Whether it would know it for
// another device, nobody has documented.
func OfName(err error) bool {
	reason := ReasonOf(err)
	return reason == "RATE_PLAN_NOT_FOUND" || reason == "INVALID_ZONE"
}

// detailOf finds the detail of a type in a call's error.
func detailOf[T protoadapt.MessageV1](err error) (detail T, ok bool) {
	for _, found := range status.Convert(err).Details() {
		if detail, ok = found.(T); ok {
			return detail, true
		}
	}
	return detail, false
}
