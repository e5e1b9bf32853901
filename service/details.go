package service

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/callers"
	"github.com/zoneusage/zoneusage/internal/errordetail"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// errorDomain is the domain of every ErrorInfo the service sends.
const errorDomain = "usage.jasper"

// How long a caller waits before it asks again if Control Center does not say: an account may make about one call a second,
// and an outage lasts longer than that.
const (
	retryRateLimited = time.Second
	retryUnavailable = 5 * time.Second
)

// upstream is what an error says of Control Center's answer, and of when to ask again; zero if it says nothing.
type upstream struct {
	code         jasperclient.Code
	httpStatus   int
	retryAfter   time.Duration
	earliestDate jasperclient.Date
}

func upstreamOf(err error) upstream {
	if tooOften, ok := errors.AsType[*callers.RateError](err); ok {
		return upstream{retryAfter: tooOften.Wait}
	}
	if busy, ok := errors.AsType[*jasperclient.BusyError](err); ok {
		return upstream{retryAfter: busy.Wait}
	}
	if refused, ok := errors.AsType[*jasperclient.APIError](err); ok {
		earliest, _ := refused.EarliestCycleStartDate()
		return upstream{refused.Code, refused.HTTPStatus, refused.RetryAfter, earliest}
	}
	if unavailable, ok := errors.AsType[*jasperclient.UnavailableError](err); ok {
		return upstream{httpStatus: unavailable.HTTPStatus, retryAfter: unavailable.RetryAfter}
	}
	if invalid, ok := errors.AsType[*jasperclient.InvalidResponseError](err); ok {
		return upstream{httpStatus: invalid.HTTPStatus}
	}
	return upstream{}
}

// details are the ErrorInfo and whatever else helps with the reason.
func details(reason usagev1.ErrorReason, err error, query jasperclient.UsageQuery) []protoadapt.MessageV1 {
	answered := upstreamOf(err)
	info := &errdetails.ErrorInfo{
		Reason:   shortReason(reason),
		Domain:   errorDomain,
		Metadata: answered.metadata(),
	}
	switch reason {
	case usagev1.ErrorReason_ERROR_REASON_INVALID_REQUEST:
		request, _ := errors.AsType[*requestError](err)
		return []protoadapt.MessageV1{info, &errdetails.BadRequest{FieldViolations: request.violations}}
	case usagev1.ErrorReason_ERROR_REASON_ACCOUNT_UNKNOWN:
		return []protoadapt.MessageV1{info, badRequest("account", "there is no such account; leave it out for the default one")}
	case usagev1.ErrorReason_ERROR_REASON_INVALID_CYCLE_START_DATE:
		return []protoadapt.MessageV1{info, badRequest("cycle_start_date",
			"Control Center refuses the date; give a day, or if that fails the first day, of one of its last three billing cycles")}
	case usagev1.ErrorReason_ERROR_REASON_CYCLE_START_DATE_OUT_OF_RANGE:
		text := "the day lies before the last three billing cycles"
		if !answered.earliestDate.IsZero() {
			text += "; the earliest is " + answered.earliestDate.String()
		}
		return []protoadapt.MessageV1{info, badRequest("cycle_start_date", text)}
	case usagev1.ErrorReason_ERROR_REASON_INVALID_ZONE:
		return []protoadapt.MessageV1{info, badRequest("zone",
			"Control Center knows no zone of this name; give its exact name")}
	case usagev1.ErrorReason_ERROR_REASON_RATE_PLAN_NOT_FOUND:
		return []protoadapt.MessageV1{info, &errdetails.ResourceInfo{ResourceType: "rate plan", ResourceName: query.RatePlan}}
	case usagev1.ErrorReason_ERROR_REASON_DEVICE_NOT_FOUND:
		return []protoadapt.MessageV1{info, &errdetails.ResourceInfo{ResourceType: "device", ResourceName: string(query.ICCID)}}
	case usagev1.ErrorReason_ERROR_REASON_RATE_LIMITED, usagev1.ErrorReason_ERROR_REASON_CALLER_RATE_LIMITED:
		if answered.httpStatus != 0 { // Control Center refused the call, and the lane's next turn can be very near
			answered.retryAfter = max(answered.retryAfter, retryRateLimited)
		}
		return []protoadapt.MessageV1{info, answered.retryInfo(retryRateLimited)}
	case usagev1.ErrorReason_ERROR_REASON_UPSTREAM_UNAVAILABLE, usagev1.ErrorReason_ERROR_REASON_ISSUER_UNAVAILABLE:
		return []protoadapt.MessageV1{info, answered.retryInfo(retryUnavailable)}
	}
	return []protoadapt.MessageV1{info}
}

// shortReason is the reason as it stands in ErrorInfo.
func shortReason(reason usagev1.ErrorReason) string {
	return strings.TrimPrefix(reason.String(), "ERROR_REASON_")
}

// metadata is what ErrorInfo says of Control Center's answer.
func (u upstream) metadata() map[string]string {
	md := map[string]string{}
	if u.code != "" {
		md["upstream_code"] = string(u.code)
	}
	if u.httpStatus != 0 {
		md["upstream_status"] = strconv.Itoa(u.httpStatus)
	}
	if !u.earliestDate.IsZero() {
		md["earliest_date"] = u.earliestDate.String()
	}
	return md
}

// retryInfo is the wait that Control Center asked for, or else the fallback.
func (u upstream) retryInfo(fallback time.Duration) *errdetails.RetryInfo {
	delay := u.retryAfter
	if delay <= 0 {
		delay = fallback
	}
	return &errdetails.RetryInfo{RetryDelay: durationpb.New(delay)}
}

func badRequest(field, description string) *errdetails.BadRequest {
	return &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: field, Description: description}}}
}

// retryDelay is the wait in a status, if there is one.
func retryDelay(st *status.Status) (time.Duration, bool) {
	info, ok := errordetail.Of[*errdetails.RetryInfo](st)
	return info.GetRetryDelay().AsDuration(), ok
}
