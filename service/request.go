package service

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// A requestError says what is wrong in each field of a request.
type requestError struct {
	violations []*errdetails.BadRequest_FieldViolation
}

func (e *requestError) Error() string {
	texts := make([]string, len(e.violations))
	for i, v := range e.violations {
		texts[i] = v.GetField() + ": " + v.GetDescription()
	}
	return strings.Join(texts, "; ")
}

const (
	// maxViolations bounds the reply to a request with thousands of faults.
	maxViolations = 20
	// maxNameBytes is far above any name of a rate plan or zone. Errors repeat the name, and gRPC sends errors as headers.
	maxNameBytes = 1024
)

// violate adds a fault of a field, which is named as in the contract or as the caller wrote it.
func (e *requestError) violate(field string, err error) {
	switch len(e.violations) {
	case maxViolations:
		field, err = "request", errors.New("it has more faults than are told here")
	case maxViolations + 1:
		return
	}
	e.violations = append(e.violations, &errdetails.BadRequest_FieldViolation{Field: field, Description: err.Error()})
}

// An unknownAccountError is for a request of an account that the service does not have.
type unknownAccountError struct{ name string }

func (e *unknownAccountError) Error() string { return fmt.Sprintf("there is no account %q", e.name) }

// validate reads the request as a question, or fails with a requestError that names every field at fault.
func validate(rec *record, req *usagev1.GetDeviceUsageInZoneRequest) (question, error) {
	var bad requestError
	caller := callerOf(rec, &bad)
	var maxAge *time.Duration
	query := jasperclient.UsageQuery{RatePlan: req.GetRatePlan(), Zone: req.GetZone()}
	var err error
	if query.ICCID, err = jasperclient.ParseICCID(req.GetIccid()); err != nil {
		bad.violate("iccid", err)
	}
	if date := req.GetCycleStartDate(); date != "" {
		if query.CycleStartDate, err = jasperclient.ParseDate(date); err != nil {
			bad.violate("cycle_start_date", err)
		}
	}
	for _, name := range []struct{ field, value string }{{"rate_plan", query.RatePlan}, {"zone", query.Zone}, {"account", req.GetAccount()}} {
		if len(name.value) > maxNameBytes {
			bad.violate(name.field, fmt.Errorf("it has %d bytes; give a name of at most %d", len(name.value), maxNameBytes))
		}
	}
	if age := req.GetMaxAge(); age != nil {
		duration := age.AsDuration()
		maxAge = &duration
		if err := age.CheckValid(); err != nil {
			bad.violate("max_age", errors.New("it is not a valid duration; give seconds and nanos of one sign"))
		} else if duration < 0 {
			bad.violate("max_age", errors.New("an age is not negative; give 0 to ask Control Center now"))
		}
	}
	q := question{query: query, maxAge: maxAge, caller: caller, deadline: rec.deadline}
	if len(bad.violations) > 0 {
		return q, &requestError{bad.violations}
	}
	return q, nil
}
