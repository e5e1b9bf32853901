package service

import (
	"time"
	"unsafe"

	"github.com/zoneusage/zoneusage/jasperclient"
)

// How old a kept answer may be for a caller who does not say.
const (
	// currentFor: the vendor's fair use policy allows to poll once a minute.
	currentFor = time.Minute
	// closedFor: the usage of a cycle that is over hardly changes.
	closedFor = time.Hour
	// unknownFor: a device may be added at any time.
	unknownFor = time.Minute
)

// An answer is what Control Center said of a device: its usage, or that it knows no such device. It does not change.
type answer struct {
	usage   *jasperclient.DeviceUsage
	err     error     // in place of usage
	sent    time.Time // when Control Center was asked, by this machine's clock: the answer is no older
	current bool      // it is about the current cycle
	ends    time.Time // when that cycle ends, by the same clock; zero where it was over before
}

func newAnswer(query jasperclient.UsageQuery, usage *jasperclient.DeviceUsage, sent time.Time) *answer {
	a := &answer{usage: usage, sent: sent, current: query.CycleStartDate.IsZero()}
	// The end is the cycle's last second. Control Center's clock need not be this one.
	if left := usage.CycleEnd.Add(time.Second).Sub(usage.Timestamp); left > 0 {
		a.current, a.ends = true, sent.Add(left)
	}
	return a
}

// fresh reports whether the answer is what Control Center may be expected to say now, to a caller who takes answers up to
// an age, or does not say.
func (a *answer) fresh(maxAge *time.Duration, now time.Time) bool {
	oldest := closedFor
	switch {
	case maxAge != nil:
		oldest = *maxAge
	case a.err != nil:
		oldest = unknownFor
	case a.current:
		oldest = currentFor
	}
	return oldest > 0 && a.within(oldest, now)
}

// within reports whether the answer is of an age, and its cycle has not ended since.
func (a *answer) within(age time.Duration, now time.Time) bool {
	return now.Sub(a.sent) <= age && (a.ends.IsZero() || now.Before(a.ends))
}

// filtered is the usage that the query's filters leave; nil where no record matches them, for then only Control Center
// knows whether there are such names.
func filtered(usage *jasperclient.DeviceUsage, query jasperclient.UsageQuery) *jasperclient.DeviceUsage {
	part := *usage
	part.RatePlans = nil
	for _, plan := range usage.RatePlans {
		if query.RatePlan != "" && plan.RatePlan != query.RatePlan {
			continue
		}
		zones := plan.Zones
		plan.Zones = nil
		for _, zone := range zones {
			if query.Zone == "" || zone.Zone == query.Zone {
				plan.Zones = append(plan.Zones, zone)
			}
		}
		if len(plan.Zones) > 0 {
			part.RatePlans = append(part.RatePlans, plan)
		}
	}
	if len(part.RatePlans) == 0 {
		return nil
	}
	return &part
}

// bytes is the memory that the answer takes under its query: what it points to, and what the cache has for an entry.
func (a *answer) bytes(query jasperclient.UsageQuery) uint32 {
	const (
		entry = 256 // of the cache, measured
		count = 8   // of a number that was reported
		names = 16  // what the memory's size classes add to a record's two names
	)
	size := entry + int(unsafe.Sizeof(*a)) + len(query.ICCID) + len(query.RatePlan) + len(query.Zone)
	if a.usage == nil {
		return uint32(size)
	}
	size += int(unsafe.Sizeof(*a.usage)) + len(a.usage.ICCID) +
		cap(a.usage.RatePlans)*int(unsafe.Sizeof(jasperclient.RatePlanUsage{}))
	for _, plan := range a.usage.RatePlans {
		size += len(plan.RatePlan) + cap(plan.Zones)*int(unsafe.Sizeof(jasperclient.ZoneUsage{}))
		for _, zone := range plan.Zones {
			size += len(zone.Zone) + names
			for _, n := range []*int64{zone.DataBytes, zone.VoiceMTSeconds, zone.VoiceMOSeconds, zone.SMSMTMessages, zone.SMSMOMessages} {
				if n != nil {
					size += count
				}
			}
		}
	}
	return uint32(size)
}
