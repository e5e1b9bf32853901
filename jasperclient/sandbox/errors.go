package sandbox

import (
	"net/http"
	"strings"
	"time"

	"github.com/zoneusage/zoneusage/internal/controlcenter"
)

// TroublePrefix begins the ICCIDs that always answer with an error: the prefix
// and the eight digits of the error's code. 890000000030000001 answers with
// 30000001, "Unknown server error.". A code that Control Center does not have is
// answered with status 400 and the sandbox's own text.
const TroublePrefix = "8900000000"

// errBeforeThirdCycle is the only error whose text depends on the day.
func errBeforeThirdCycle(cycles [3]cycle) *controlcenter.Refusal {
	earliest := cycles[2].firstDay.Format(time.DateOnly)
	return &controlcenter.Refusal{Status: http.StatusBadRequest, Code: "10000032",
		Message: "Cycle Start Date should be greater than or equal to " + earliest + "."}
}

// errRateLimit is the error whose status is an option.
func (s *Sandbox) errRateLimit() *controlcenter.Refusal {
	return controlcenter.RateLimitExceeded.WithStatus(s.rateLimitStatus)
}

// troubles are the errors that do not depend on the request: the errors of the
// vendor's page, and errors that any function of Control Center can return. The
// texts of the latter are the sandbox's own, and the statuses of 10000021 and
// 10000062 are guesses.
var troubles = []*controlcenter.Refusal{
	controlcenter.InvalidCredentials,
	controlcenter.InvalidDate,
	controlcenter.InvalidRatePlan,
	controlcenter.InvalidAPIVersion,
	controlcenter.InvalidRequest,
	controlcenter.InvalidZone,
	controlcenter.InvalidICCID,
	controlcenter.UnknownServerError,
	{Status: http.StatusBadRequest, Code: "10000021", Message: "Invalid ICCID."},
	{Status: http.StatusBadRequest, Code: "10000030", Message: "The role does not have access to this function."},
	controlcenter.NoAccessToAccount,
	{Status: http.StatusForbidden, Code: "10000079", Message: "The account may not use this API."},
	{Status: http.StatusForbidden, Code: "10000080", Message: "The role may not use this API."},
}

// troubleCode returns the error code that a trouble ICCID asks for.
func troubleCode(iccid string) (string, bool) {
	code, ok := strings.CutPrefix(iccid, TroublePrefix)
	return code, ok && len(code) == 8 && isDigits(code)
}

func isDigits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

// trouble returns the error with a code, as it would be on a day with these
// cycles.
func (s *Sandbox) trouble(code string, cycles [3]cycle) *controlcenter.Refusal {
	switch beforeThirdCycle := errBeforeThirdCycle(cycles); code {
	case beforeThirdCycle.Code:
		return beforeThirdCycle
	case controlcenter.RateLimitExceeded.Code:
		return s.errRateLimit()
	}
	for _, trouble := range troubles {
		if trouble.Code == code {
			return trouble
		}
	}
	return &controlcenter.Refusal{Status: http.StatusBadRequest, Code: code, Message: "Sandbox error " + code + "."}
}
