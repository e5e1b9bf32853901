package service

import (
	"context"
	"errors"
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/callers"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// publicStatus is what a caller sees of each reason: the code and our own text, never the vendor's or Go's.
var publicStatus = map[usagev1.ErrorReason]struct {
	code codes.Code
	text string
}{
	usagev1.ErrorReason_ERROR_REASON_INVALID_REQUEST: {codes.InvalidArgument,
		"the request is malformed; see each field's violation"},
	usagev1.ErrorReason_ERROR_REASON_ACCOUNT_UNKNOWN: {codes.InvalidArgument,
		"the service has no account of this name; leave it out for the default one"},
	usagev1.ErrorReason_ERROR_REASON_INVALID_CYCLE_START_DATE: {codes.InvalidArgument,
		"Control Center does not take this cycle_start_date; give a day, or if that fails the first day, of the current billing cycle or of the two before it"},
	usagev1.ErrorReason_ERROR_REASON_CYCLE_START_DATE_OUT_OF_RANGE: {codes.OutOfRange,
		"cycle_start_date lies before the oldest billing cycle that Control Center keeps: it keeps the current one and the two before it"},
	usagev1.ErrorReason_ERROR_REASON_INVALID_ZONE: {codes.InvalidArgument,
		"Control Center knows no zone of this name; give its exact name"},
	usagev1.ErrorReason_ERROR_REASON_RATE_PLAN_NOT_FOUND: {codes.NotFound,
		"Control Center knows no rate plan of this name; give the exact name of a wholesale rate plan"},
	usagev1.ErrorReason_ERROR_REASON_DEVICE_NOT_FOUND: {codes.NotFound,
		"Control Center knows no device of this ICCID in the account"},
	usagev1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED: {codes.Internal,
		"Control Center refuses the service's credentials, address or role; the operator of the service has to mend this"},
	usagev1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED_REQUEST: {codes.Internal,
		"Control Center refuses the request as the service made it; the operator of the service has to look into this"},
	usagev1.ErrorReason_ERROR_REASON_RATE_LIMITED: {codes.ResourceExhausted,
		"the account's calls to Control Center are used up for now; ask again after the time in RetryInfo"},
	usagev1.ErrorReason_ERROR_REASON_UPSTREAM_UNAVAILABLE: {codes.Unavailable,
		"Control Center cannot be reached or fails; ask again after the time in RetryInfo"},
	usagev1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_RESPONSE: {codes.Internal,
		"Control Center's answer cannot be trusted, so nothing of it is passed on"},
	usagev1.ErrorReason_ERROR_REASON_UPSTREAM_ERROR: {codes.Unknown,
		"Control Center refuses in a way that the service does not know; upstream_code and upstream_status tell it"},
	usagev1.ErrorReason_ERROR_REASON_SERVICE_FAILED: {codes.Internal,
		"the service failed; its log has the cause under x-request-id"},
	usagev1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING: {codes.Unauthenticated,
		"the call does not say who calls; send a token as Authorization: Bearer, or use a client certificate, as the service's operator says"},
	usagev1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID: {codes.Unauthenticated,
		"the token is not valid, or no longer; get a new one"},
	usagev1.ErrorReason_ERROR_REASON_NOT_ALLOWED: {codes.PermissionDenied,
		"the service's policy does not list the caller, or does not give it this account; its operator can change that"},
	usagev1.ErrorReason_ERROR_REASON_CALLER_RATE_LIMITED: {codes.ResourceExhausted,
		"the caller asks the service more often than its policy allows; ask again after the time in RetryInfo"},
	usagev1.ErrorReason_ERROR_REASON_ISSUER_UNAVAILABLE: {codes.Unavailable,
		"the token cannot be checked, because its issuer cannot be reached; ask again after the time in RetryInfo"},
}

// reasonByCode is the meaning of Control Center's codes.
var reasonByCode = map[jasperclient.Code]usagev1.ErrorReason{
	jasperclient.CodeInvalidDateFormat:        usagev1.ErrorReason_ERROR_REASON_INVALID_CYCLE_START_DATE,
	jasperclient.CodeCycleStartDateOutOfRange: usagev1.ErrorReason_ERROR_REASON_CYCLE_START_DATE_OUT_OF_RANGE,
	jasperclient.CodeInvalidZone:              usagev1.ErrorReason_ERROR_REASON_INVALID_ZONE,
	jasperclient.CodeInvalidRatePlan:          usagev1.ErrorReason_ERROR_REASON_RATE_PLAN_NOT_FOUND,
	jasperclient.CodeResourceNotFound:         usagev1.ErrorReason_ERROR_REASON_DEVICE_NOT_FOUND,
	jasperclient.CodeInvalidICCID:             usagev1.ErrorReason_ERROR_REASON_DEVICE_NOT_FOUND,
	jasperclient.CodeInvalidCredentials:       usagev1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED,
	jasperclient.CodeRoleLacksAccess:          usagev1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED,
	jasperclient.CodeNoAccessToAccount:        usagev1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED,
	jasperclient.CodeAccountMayNotUseAPI:      usagev1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED,
	jasperclient.CodeRoleMayNotUseAPI:         usagev1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED,
	jasperclient.CodeInvalidAPIVersion:        usagev1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED_REQUEST,
	jasperclient.CodeInvalidRequest:           usagev1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED_REQUEST,
	jasperclient.CodeRateLimitExceeded:        usagev1.ErrorReason_ERROR_REASON_RATE_LIMITED,
	jasperclient.CodeUnknownServerError:       usagev1.ErrorReason_ERROR_REASON_UPSTREAM_UNAVAILABLE,
}

// A callError is what a caller sees of an error, with the error itself for the log. It must not be wrapped: grpc-go
// sends the whole text of an error that wraps a status.
type callError struct {
	status *status.Status
	cause  error
}

func (e *callError) Error() string { return e.cause.Error() }

func (e *callError) Unwrap() error { return e.cause }

// GRPCStatus is what grpc-go sends to the caller.
func (e *callError) GRPCStatus() *status.Status { return e.status }

// fail is err as the caller of the query sees it.
func fail(ctx context.Context, err error, query jasperclient.UsageQuery) error {
	if ctx.Err() != nil && reasonOf(err) == usagev1.ErrorReason_ERROR_REASON_SERVICE_FAILED {
		err = ctx.Err() // grpc-go fails in many ways once the caller has left
	}
	return &callError{status: toStatus(err, query), cause: err}
}

// toStatus turns any error of a query into code, reason, details and public text. Nothing else does so for a question.
func toStatus(err error, query jasperclient.UsageQuery) *status.Status {
	reason := reasonOf(err)
	if reason == usagev1.ErrorReason_ERROR_REASON_UNSPECIFIED {
		if errors.Is(err, context.Canceled) {
			return status.New(codes.Canceled, "the caller left before the answer came")
		}
		return status.New(codes.DeadlineExceeded, "the deadline passed before the answer came")
	}
	text := publicStatus[reason].text
	if errors.Is(err, errSum) { // unlike all other answers that cannot be trusted, parts of this one can be had
		text = "a total exceeds 2^63-1, the greatest number that there is for it; ask by rate_plan or zone"
	}
	st := status.New(publicStatus[reason].code, text)
	withDetails, err := st.WithDetails(details(reason, err, query)...)
	if err != nil {
		return st // marshaling fails only for invalid UTF-8, which neither the doors nor jasperclient let in
	}
	return withDetails
}

// reasonOf classifies the error. It is UNSPECIFIED for the end of the caller's context, which has no reason.
func reasonOf(err error) usagev1.ErrorReason {
	if reason := reasonOfCaller(err); reason != usagev1.ErrorReason_ERROR_REASON_UNSPECIFIED {
		return reason
	}
	switch {
	case isA[*unknownAccountError](err):
		return usagev1.ErrorReason_ERROR_REASON_ACCOUNT_UNKNOWN
	case isA[*jasperclient.BusyError](err):
		return usagev1.ErrorReason_ERROR_REASON_RATE_LIMITED
	case isA[*requestError](err):
		return usagev1.ErrorReason_ERROR_REASON_INVALID_REQUEST
	}
	if refused, ok := errors.AsType[*jasperclient.APIError](err); ok {
		return reasonOfRefusal(refused)
	}
	switch {
	case isA[*jasperclient.UnavailableError](err): // may wrap a timeout of its own, so it stands before the context's errors
		return usagev1.ErrorReason_ERROR_REASON_UPSTREAM_UNAVAILABLE
	case isA[*jasperclient.InvalidResponseError](err):
		return usagev1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_RESPONSE
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return usagev1.ErrorReason_ERROR_REASON_UNSPECIFIED
	}
	return usagev1.ErrorReason_ERROR_REASON_SERVICE_FAILED
}

// reasonOfCaller is why a caller is not let in; UNSPECIFIED if something else failed.
func reasonOfCaller(err error) usagev1.ErrorReason {
	if unauthenticated, ok := errors.AsType[*callers.UnauthenticatedError](err); ok {
		if unauthenticated.Missing {
			return usagev1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING
		}
		return usagev1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID
	}
	switch {
	case isA[*callers.NotAllowedError](err):
		return usagev1.ErrorReason_ERROR_REASON_NOT_ALLOWED
	case isA[*callers.RateError](err):
		return usagev1.ErrorReason_ERROR_REASON_CALLER_RATE_LIMITED
	case isA[*callers.UnavailableError](err):
		return usagev1.ErrorReason_ERROR_REASON_ISSUER_UNAVAILABLE
	}
	return usagev1.ErrorReason_ERROR_REASON_UNSPECIFIED
}

// isA reports whether err is of the type E or wraps an error that is.
func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// reasonOfRefusal goes by the code; the HTTP status decides if there is none.
func reasonOfRefusal(refused *jasperclient.APIError) usagev1.ErrorReason {
	if reason, ok := reasonByCode[refused.Code]; ok {
		return reason
	}
	bare := refused.Code == ""
	switch {
	case refused.HTTPStatus == http.StatusTooManyRequests:
		// With an unknown code, too: to go on asking would break the fair use policy.
		return usagev1.ErrorReason_ERROR_REASON_RATE_LIMITED
	case bare && (refused.HTTPStatus == http.StatusUnauthorized || refused.HTTPStatus == http.StatusForbidden):
		return usagev1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED
	case bare && refused.HTTPStatus >= http.StatusInternalServerError:
		return usagev1.ErrorReason_ERROR_REASON_UPSTREAM_UNAVAILABLE
	}
	return usagev1.ErrorReason_ERROR_REASON_UPSTREAM_ERROR
}
