package service

import (
	"errors"
	"net/http"
	"slices"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/controlcenter"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// asControlCenter is the answer as Control Center gave it, made for each reply: callers that ask often have better doors.
func (a *answer) asControlCenter() (controlcenter.Answer, error) {
	resp, err := a.response()
	if err != nil {
		return controlcenter.Answer{}, err
	}
	answer := controlcenter.Answer{
		ICCID:      resp.GetIccid(),
		TimeStamp:  resp.GetTimestamp().AsTime(),
		CycleStart: resp.GetBillingCycle().GetStartTime().AsTime(),
		CycleEnd:   resp.GetBillingCycle().GetEndTime().AsTime(),
		NoUsage:    a.noUsage,
	}
	for _, plan := range resp.GetRatePlanUsages() {
		answer.RatePlans = append(answer.RatePlans, controlcenter.RatePlan{
			Name: plan.GetRatePlan(), Version: plan.GetRatePlanVersion(), Zones: controlCenterZones(plan),
		})
	}
	return answer, nil
}

func controlCenterZones(plan *usagev1.RatePlanUsage) []controlcenter.Zone {
	zones := make([]controlcenter.Zone, len(plan.GetZoneUsages()))
	for i, zone := range plan.GetZoneUsages() {
		usage := zone.GetUsage()
		zones[i] = controlcenter.Zone{
			Name: zone.GetZone(), Data: usage.DataBytes, VoiceMT: usage.VoiceMtSeconds, VoiceMO: usage.VoiceMoSeconds,
			SMSMT: usage.SmsMtMessages, SMSMO: usage.SmsMoMessages,
		}
	}
	return zones
}

// writeLegacyFailure writes a failure as Control Center does, and when to ask again.
func writeLegacyFailure(w http.ResponseWriter, err error) {
	if bad, ok := errors.AsType[*requestError](err); ok && bad.has(methodPart) {
		controlcenter.WriteMethodNotAllowed(w)
		return
	}
	writeRetryAfter(w.Header(), status.Convert(err))
	refusalOf(err).Write(w)
}

// refusalOf is what Control Center said, or would say of such a failure.
func refusalOf(err error) *controlcenter.Refusal {
	if bad, ok := errors.AsType[*requestError](err); ok {
		return bad.refusal()
	}
	if refused, ok := errors.AsType[*jasperclient.APIError](err); ok && isForCaller(refused) {
		return &controlcenter.Refusal{Status: refused.HTTPStatus, Code: string(refused.Code), Message: refused.Message}
	}
	switch reasonOf(err) {
	case usagev1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING:
		return controlcenter.AuthenticationRequired
	case usagev1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID:
		return controlcenter.InvalidCredentials
	case usagev1.ErrorReason_ERROR_REASON_NOT_ALLOWED, usagev1.ErrorReason_ERROR_REASON_ACCOUNT_UNKNOWN:
		return controlcenter.NoAccessToAccount
	case usagev1.ErrorReason_ERROR_REASON_RATE_LIMITED, usagev1.ErrorReason_ERROR_REASON_CALLER_RATE_LIMITED:
		return controlcenter.RateLimitExceeded
	case usagev1.ErrorReason_ERROR_REASON_UPSTREAM_UNAVAILABLE, usagev1.ErrorReason_ERROR_REASON_UNSPECIFIED: // no answer in time
		return controlcenter.UnknownServerError.WithStatus(http.StatusServiceUnavailable)
	}
	return controlcenter.UnknownServerError
}

// isForCaller reports whether to pass on Control Center's refusal: it has a code, and is not about the service's own user
// name and key, which the caller would take for its own.
func isForCaller(refused *jasperclient.APIError) bool {
	return refused.Code != "" && refused.Code != jasperclient.CodeInvalidCredentials && refused.HTTPStatus != http.StatusUnauthorized
}

// legacyRefusals are Control Center's refusals for each part of a request. The first that applies is given; this order is
// the sandbox's, and Control Center's is unknown.
var legacyRefusals = []struct {
	part    string
	refusal *controlcenter.Refusal
}{
	{versionPart, controlcenter.InvalidAPIVersion},
	{queryPart, controlcenter.InvalidRequest},
	{"cycle_start_date", controlcenter.InvalidDate},
	{string(iccidField), controlcenter.InvalidICCID},
	{"rate_plan", controlcenter.InvalidRatePlan},
	{"zone", controlcenter.InvalidZone},
}

// refusal is how Control Center refuses the request.
func (e *requestError) refusal() *controlcenter.Refusal {
	for _, legacy := range legacyRefusals {
		if e.has(legacy.part) {
			return legacy.refusal
		}
	}
	return controlcenter.InvalidRequest
}

// has reports whether a field is at fault.
func (e *requestError) has(field string) bool {
	return slices.ContainsFunc(e.violations, func(v *errdetails.BadRequest_FieldViolation) bool { return v.GetField() == field })
}
