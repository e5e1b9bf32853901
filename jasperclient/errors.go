package jasperclient

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"
)

// A Code is the errorCode of Control Center's answer. Expect codes that are not listed here.
type Code string

// The codes that the vendor's page lists.
const (
	CodeInvalidCredentials       Code = "10000001" // also when the caller's address is outside the allowed range
	CodeInvalidDateFormat        Code = "10000012"
	CodeInvalidRatePlan          Code = "10000013"
	CodeInvalidAPIVersion        Code = "10000024"
	CodeInvalidRequest           Code = "10000028" // one or more unrecognized parameters
	CodeInvalidZone              Code = "10000031"
	CodeCycleStartDateOutOfRange Code = "10000032" // not one of the last three cycles
	CodeResourceNotFound         Code = "20000001" // invalid ICCID
	CodeUnknownServerError       Code = "30000001"
)

// Codes that any function of Control Center can answer with: several clients in use have seen them.
const (
	CodeInvalidICCID        Code = "10000021"
	CodeRoleLacksAccess     Code = "10000030"
	CodeNoAccessToAccount   Code = "10000062"
	CodeAccountMayNotUseAPI Code = "10000079"
	CodeRoleMayNotUseAPI    Code = "10000080"
	CodeRateLimitExceeded   Code = "40000029"
)

// An APIError is Control Center's refusal.
type APIError struct {
	// Code is the answer's errorCode; empty if it has none, as in the 401 to a call without credentials.
	Code Code
	// HTTPStatus is the status of the answer. It can be a success: a body with an errorCode is an error whatever its
	// status.
	HTTPStatus int
	// Message is the vendor's text, for people: never match on it.
	Message string
	// RetryAfter is how long to wait before asking again: the answer's Retry-After, which Control Center is not known to
	// send, or the time until the lane has a turn, if that is longer; 0 if neither is known.
	RetryAfter time.Duration
}

func (e *APIError) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("control center: HTTP status %d: %s", e.HTTPStatus, e.Message)
	}
	return fmt.Sprintf("control center: error %s (HTTP status %d): %s", e.Code, e.HTTPStatus, e.Message)
}

// rateLimited finds the refusal of a call that came too often, by its code under any HTTP status or by HTTP's own status;
// nil for any other outcome.
func rateLimited(outcome error) *APIError {
	e, ok := errors.AsType[*APIError](outcome)
	if ok && (e.Code == CodeRateLimitExceeded || e.HTTPStatus == http.StatusTooManyRequests) {
		return e
	}
	return nil
}

// upstreamFailed reports whether the outcome is the fault of Control Center or of something on the way to it.
func upstreamFailed(outcome error) bool {
	if _, ok := errors.AsType[*UnavailableError](outcome); ok {
		return true
	}
	refused, ok := errors.AsType[*APIError](outcome)
	return ok && (refused.Code == CodeUnknownServerError || refused.HTTPStatus >= http.StatusInternalServerError)
}

// unanswered reports whether the call ended without a complete answer: by a timeout, or because its connection broke.
func unanswered(outcome error) bool {
	_, ok := errors.AsType[*UnavailableError](outcome)
	return ok && !errors.Is(outcome, errPage)
}

// worthRetrying reports whether another attempt can succeed. A status of 4xx says that it cannot, whoever sent it.
func worthRetrying(outcome error) bool {
	status := httpStatusOf(outcome)
	return upstreamFailed(outcome) && (status < 400 || status > 499)
}

func httpStatusOf(outcome error) int {
	if refused, ok := errors.AsType[*APIError](outcome); ok {
		return refused.HTTPStatus
	}
	if unavailable, ok := errors.AsType[*UnavailableError](outcome); ok {
		return unavailable.HTTPStatus
	}
	return 0
}

// retryAfterOf is how long to wait according to an error; 0 if it does not say.
func retryAfterOf(err error) time.Duration {
	if refused, ok := errors.AsType[*APIError](err); ok {
		return refused.RetryAfter
	}
	if unavailable, ok := errors.AsType[*UnavailableError](err); ok {
		return unavailable.RetryAfter
	}
	if busy, ok := errors.AsType[*BusyError](err); ok {
		return busy.Wait
	}
	return 0
}

// withRetryAfter is the error, saying to wait at least so long.
func withRetryAfter(err error, wait time.Duration) error {
	if refused, ok := errors.AsType[*APIError](err); ok {
		longer := *refused
		longer.RetryAfter = max(longer.RetryAfter, wait)
		return &longer
	}
	if unavailable, ok := errors.AsType[*UnavailableError](err); ok {
		longer := *unavailable
		longer.RetryAfter = max(longer.RetryAfter, wait)
		return &longer
	}
	return err
}

// credentialsRefused finds the refusal of the user name and key, or of the caller's address; nil for any other outcome.
func credentialsRefused(outcome error) *APIError {
	e, ok := errors.AsType[*APIError](outcome)
	if !ok {
		return nil
	}
	bare := e.Code == "" && (e.HTTPStatus == http.StatusUnauthorized || e.HTTPStatus == http.StatusForbidden)
	if e.Code == CodeInvalidCredentials || bare {
		return e
	}
	return nil
}

var dateInText = regexp.MustCompile(`\b\d{4}-\d{2}-\d{2}\b`)

// EarliestCycleStartDate is the earliest day that Control Center accepts. Only the text of a
// [CodeCycleStartDateOutOfRange] says it; false if this one does not.
func (e *APIError) EarliestCycleStartDate() (Date, bool) {
	if e.Code != CodeCycleStartDateOutOfRange {
		return Date{}, false
	}
	date, err := ParseDate(dateInText.FindString(e.Message))
	return date, err == nil
}

// ErrClosed is the error of the calls of a closed [Client].
var ErrClosed = errors.New("jasperclient: the client is closed")

// An UnavailableError means that Control Center could not be reached or broke off, that something in front of it answered in
// its place (an HTML page), or that it was not asked because it had failed again and again.
type UnavailableError struct {
	// HTTPStatus is the status of the answer; 0 if there was none.
	HTTPStatus int
	// RetryAfter is how long to wait before asking again: the answer's Retry-After, or the time until the lane has a turn or
	// opens, if that is longer; 0 if neither is known.
	RetryAfter time.Duration
	// Err is what went wrong.
	Err error
}

// errPage is wrapped by the UnavailableError for a complete answer that is not Control Center's.
var errPage = errors.New("an HTML page in place of JSON")

func (e *UnavailableError) Error() string { return "control center unavailable: " + e.Err.Error() }

// Unwrap returns Err.
func (e *UnavailableError) Unwrap() error { return e.Err }

// An InvalidResponseError means that Control Center's answer cannot be trusted, so that nothing in it is used.
type InvalidResponseError struct {
	// HTTPStatus is the status of the answer.
	HTTPStatus int
	// Err says what is wrong with the answer.
	Err error
}

func (e *InvalidResponseError) Error() string {
	return "control center's answer cannot be trusted: " + e.Err.Error()
}

// Unwrap returns Err.
func (e *InvalidResponseError) Unwrap() error { return e.Err }

// A BusyError means that Control Center was not asked: the account has no turn for the caller before its deadline or no
// place to wait for a turn, or the call had to give its place to a caller with fewer calls.
type BusyError struct {
	// Wait is the time until a turn is expected.
	Wait time.Duration
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("the account's calls are used up for now: a turn is expected in %s", e.Wait)
}

// A QueryError means that the query cannot be asked.
type QueryError struct {
	// Field is the field of [UsageQuery] at fault.
	Field string
	// Err is what is wrong with the value.
	Err error
}

func (e *QueryError) Error() string { return fmt.Sprintf("query's %s: %v", e.Field, e.Err) }

// Unwrap returns Err.
func (e *QueryError) Unwrap() error { return e.Err }
