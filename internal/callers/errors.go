package callers

import (
	"fmt"
	"time"
)

// An UnauthenticatedError means that a call does not prove who its caller is.
type UnauthenticatedError struct {
	// Missing says that the call has no credentials at all.
	Missing bool
	// Err says what is wrong with the credentials. It is only for the log: an unknown caller is not told more.
	Err error
}

func (e *UnauthenticatedError) Error() string { return "unauthenticated: " + e.Err.Error() }

// Unwrap returns Err.
func (e *UnauthenticatedError) Unwrap() error { return e.Err }

// A NotAllowedError means that the credentials are valid, but the caller may not do this.
type NotAllowedError struct {
	// Why says why not, for the log.
	Why string
}

func (e *NotAllowedError) Error() string { return "not allowed: " + e.Why }

// An UnavailableError means that a token cannot be checked, because the issuer's keys are not available.
type UnavailableError struct {
	// Err says why they are not available.
	Err error
}

func (e *UnavailableError) Error() string {
	return "the issuer's keys cannot be had: " + e.Err.Error()
}

// Unwrap returns Err.
func (e *UnavailableError) Unwrap() error { return e.Err }

// A RateError means that the caller asks too often.
type RateError struct {
	// Wait is the time after which the caller may ask again.
	Wait time.Duration
}

func (e *RateError) Error() string {
	return fmt.Sprintf("the caller's requests are used up for %s", e.Wait)
}
