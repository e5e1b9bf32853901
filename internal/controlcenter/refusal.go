package controlcenter

import "net/http"

// A Refusal is an error as Control Center words it.
type Refusal struct {
	Status  int
	Code    string // empty for an error without one
	Message string
}

// The errors of the vendor's page, with its texts.
var (
	InvalidCredentials = &Refusal{http.StatusUnauthorized, "10000001", "Invalid credentials."}
	InvalidDate        = &Refusal{http.StatusBadRequest, "10000012", "Invalid date format."}
	InvalidRatePlan    = &Refusal{http.StatusNotFound, "10000013", "Invalid ratePlan."}
	InvalidAPIVersion  = &Refusal{http.StatusBadRequest, "10000024", "Invalid apiVersion."}
	InvalidRequest     = &Refusal{http.StatusBadRequest, "10000028", "Invalid request."}
	InvalidZone        = &Refusal{http.StatusBadRequest, "10000031", "Invalid Zone."}
	InvalidICCID       = &Refusal{http.StatusNotFound, "20000001", "Resource not found - Invalid ICCID."}
	UnknownServerError = &Refusal{http.StatusInternalServerError, "30000001", "Unknown server error."}
)

// Errors that any function of Control Center can return. Their texts are invented, and so is the status of the first; that
// of the second can be 400 too.
var (
	NoAccessToAccount = &Refusal{http.StatusForbidden, "10000062", "No access to the data of this account."}
	RateLimitExceeded = &Refusal{http.StatusTooManyRequests, "40000029", "Rate limit exceeded."}
)

// AuthenticationRequired answers a caller without credentials: an error without a code, seen by several clients. Some send
// credentials only after it.
var AuthenticationRequired = &Refusal{http.StatusUnauthorized, "", "Full authentication is required to access this resource"}

// WithStatus is the same error in another HTTP status.
func (r *Refusal) WithStatus(status int) *Refusal { return &Refusal{status, r.Code, r.Message} }
