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

// Errors that any function of Control Center can return. Their texts are invented, and so is the status of NoAccessToAccount.
// The status of RateLimitExceeded can also be 400.
var (
	NoAccessToAccount = &Refusal{http.StatusForbidden, "10000062", "No access to the data of this account."}
	RateLimitExceeded = &Refusal{http.StatusTooManyRequests, "40000029", "Rate limit exceeded."}
)

// AuthenticationRequired answers a caller without credentials. It has no code, as several clients have seen. Some clients
// send their credentials only after this error.
var AuthenticationRequired = &Refusal{http.StatusUnauthorized, "", "Full authentication is required to access this resource"}

// WithStatus returns the same error with another HTTP status.
func (r *Refusal) WithStatus(status int) *Refusal { return &Refusal{status, r.Code, r.Message} }
