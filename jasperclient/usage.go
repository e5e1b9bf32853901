package jasperclient

import (
	"errors"
	"time"
	"unicode/utf8"

	"github.com/zoneusage/zoneusage/internal/controlcenter"
)

// A UsageQuery asks for one device's usage in one billing cycle.
type UsageQuery struct {
	// ICCID is the device. Required; [ParseICCID] reads one.
	ICCID ICCID
	// CycleStartDate is a day of the billing cycle, which is the current cycle or one of the two before it. The zero Date
	// means the current cycle.
	CycleStartDate Date
	// RatePlan is the exact name of one rate plan; empty means every rate plan the device used.
	RatePlan string
	// Zone is the exact name of one zone; empty means every zone of the rate plans.
	Zone string
}

// valid is the query with its ICCID in plain form, or a [QueryError].
func (q UsageQuery) valid() (UsageQuery, error) {
	iccid, err := ParseICCID(string(q.ICCID))
	if err != nil {
		return q, &QueryError{Field: "ICCID", Err: err}
	}
	q.ICCID = iccid
	if !q.CycleStartDate.IsZero() {
		// time.Date would turn a day that the calendar does not have into another day.
		if date, err := ParseDate(q.CycleStartDate.String()); err != nil || date != q.CycleStartDate {
			return q, &QueryError{Field: "CycleStartDate", Err: errors.New("the calendar has no such day")}
		}
	}
	if !utf8.ValidString(q.RatePlan) {
		return q, &QueryError{Field: "RatePlan", Err: errors.New("the name is not UTF-8")}
	}
	if !utf8.ValidString(q.Zone) {
		return q, &QueryError{Field: "Zone", Err: errors.New("the name is not UTF-8")}
	}
	return q, nil
}

// DeviceUsage is one device's usage in one billing cycle. It is pre-invoiced and applies to wholesale rate plans.
type DeviceUsage struct {
	// ICCID is the device that was asked for.
	ICCID ICCID
	// Timestamp is when Control Center made the answer.
	Timestamp time.Time
	// CycleStart and CycleEnd are the billing cycle's first instant and its last second, as Control Center gives them.
	CycleStart, CycleEnd time.Time
	// RatePlans is the usage by rate plan and version, in the order of the answer.
	RatePlans []RatePlanUsage
	// NoUsage is how the answer says that there is no usage, if RatePlans is empty.
	NoUsage NoUsage
}

// NoUsage is a form of deviceCycleUsageInZones in an answer without any usage. It is unknown which form Control Center uses.
type NoUsage = controlcenter.NoUsage

// The forms of no usage.
const (
	NoUsageObject  = controlcenter.NoUsageObject  // {}
	NoUsageNull    = controlcenter.NoUsageNull    // null
	NoUsageMissing = controlcenter.NoUsageMissing // the key is left out
)

// RatePlanUsage is the usage on one version of one rate plan. A device on a prepaid plan can use two versions of it in
// one cycle.
type RatePlanUsage struct {
	// RatePlan is the rate plan's name, Version its version number.
	RatePlan string
	Version  int32
	// Zones holds the zones where usage occurred, in the order of the answer; it can be empty.
	Zones []ZoneUsage
}

// ZoneUsage is the usage in one zone.
type ZoneUsage struct {
	// Zone is the zone's name.
	Zone string
	Usage
}

// Usage counts what was used. A nil count means that Control Center did not report the count (null), which is not 0.
type Usage struct {
	DataBytes      *int64 // data, in bytes
	VoiceMTSeconds *int64 // mobile-terminated voice, in seconds
	VoiceMOSeconds *int64 // mobile-originated voice, in seconds
	SMSMTMessages  *int64 // mobile-terminated SMS, in messages
	SMSMOMessages  *int64 // mobile-originated SMS, in messages
}
