package sandbox

import (
	"net/http"
	"strings"
	"time"
)

// TroublePrefix begins the ICCIDs that always answer with an error: the prefix
// and the eight digits of the error's code. 890000000030000001 answers with
// 30000001, "Unknown server error.". A code Control Center does not have is
// answered with status 400 and a text of the sandbox.
const TroublePrefix = "8900000000"

// vendorError is an error as Control Center words it.
type vendorError struct {
	status  int
	code    string
	message string
}

// The errors of the vendor's page, with its texts.
var (
	errInvalidCredentials = &vendorError{http.StatusUnauthorized, "10000001", "Invalid credentials."}
	errInvalidDate        = &vendorError{http.StatusBadRequest, "10000012", "Invalid date format."}
	errInvalidRatePlan    = &vendorError{http.StatusNotFound, "10000013", "Invalid ratePlan."}
	errInvalidAPIVersion  = &vendorError{http.StatusBadRequest, "10000024", "Invalid apiVersion."}
	errInvalidRequest     = &vendorError{http.StatusBadRequest, "10000028", "Invalid request."}
	errInvalidZone        = &vendorError{http.StatusBadRequest, "10000031", "Invalid Zone."}
	errInvalidICCID       = &vendorError{http.StatusNotFound, "20000001", "Resource not found - Invalid ICCID."}
	errUnknownServer      = &vendorError{http.StatusInternalServerError, "30000001", "Unknown server error."}
)

// errBeforeThirdCycle is the one error whose text depends on the day.
func errBeforeThirdCycle(cycles [3]cycle) *vendorError {
	earliest := cycles[2].firstDay.Format(time.DateOnly)
	return &vendorError{http.StatusBadRequest, "10000032",
		"Cycle Start Date should be greater than or equal to " + earliest + "."}
}

// codeRateLimit is the error whose status is an option.
const codeRateLimit = "40000029"

func (s *Sandbox) errRateLimit() *vendorError {
	return &vendorError{s.rateLimitStatus, codeRateLimit, "Rate limit exceeded."}
}

// troubles are the errors that do not depend on the request: those of the
// vendor's page, and those that any function of Control Center can return. The
// texts of the latter are the sandbox's own, and the statuses of 10000021 and
// 10000062 a guess.
var troubles = []*vendorError{
	errInvalidCredentials,
	errInvalidDate,
	errInvalidRatePlan,
	errInvalidAPIVersion,
	errInvalidRequest,
	errInvalidZone,
	errInvalidICCID,
	errUnknownServer,
	{http.StatusBadRequest, "10000021", "Invalid ICCID."},
	{http.StatusBadRequest, "10000030", "The role does not have access to this function."},
	{http.StatusForbidden, "10000062", "No access to the data of this account."},
	{http.StatusForbidden, "10000079", "The account may not use this API."},
	{http.StatusForbidden, "10000080", "The role may not use this API."},
}

// troubleCode returns the error code a trouble ICCID asks for.
func troubleCode(iccid string) (string, bool) {
	code, ok := strings.CutPrefix(iccid, TroublePrefix)
	return code, ok && len(code) == 8 && isDigits(code)
}

func isDigits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

// trouble returns the error with a code, as it would be on a day with these
// cycles.
func (s *Sandbox) trouble(code string, cycles [3]cycle) *vendorError {
	switch beforeThirdCycle := errBeforeThirdCycle(cycles); code {
	case beforeThirdCycle.code:
		return beforeThirdCycle
	case codeRateLimit:
		return s.errRateLimit()
	}
	for _, trouble := range troubles {
		if trouble.code == code {
			return trouble
		}
	}
	return &vendorError{http.StatusBadRequest, code, "Sandbox error " + code + "."}
}
