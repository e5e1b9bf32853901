package callers

import (
	"fmt"
	"time"
)

// An UnauthenticatedError means that a call does not show who its caller is.
type UnauthenticatedError struct {
	// Missing says that it shows no credentials at all.
	Missing bool
	// Err says what is wrong with them, for the log: a caller who is not known is told no more than that.
	Err error
}

func (e *UnauthenticatedError) Error() string { return "unauthenticated: " + e.Err.Error() }

// Unwrap gives what is wrong.
func (e *UnauthenticatedError) Unwrap() error { return e.Err }

// A NotAllowedError means that the caller is known, and may not do this.
type NotAllowedError struct {
	// Why it may not, for the log.
	Why string
}

func (e *NotAllowedError) Error() string { return "not allowed: " + e.Why }

// An UnavailableError means that a token cannot be checked, because the issuer's keys cannot be had.
type UnavailableError struct {
	// Err is why.
	Err error
}

func (e *UnavailableError) Error() string {
	return "the issuer's keys cannot be had: " + e.Err.Error()
}

// Unwrap gives why.
func (e *UnavailableError) Unwrap() error { return e.Err }

// A RateError means that the caller asks too often.
type RateError struct {
	// Wait is when it may ask again.
	Wait time.Duration
}

func (e *RateError) Error() string {
	return fmt.Sprintf("the caller's requests are used up for %s", e.Wait)
}
