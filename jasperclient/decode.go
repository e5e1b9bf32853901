package jasperclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// decodeUsage reads the body of an answer that is no refusal.
func decodeUsage(body []byte) (*DeviceUsage, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("it is not UTF-8")
	}
	var wire wireUsage
	if err := json.Unmarshal(body, &wire); err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	iccid, err := ParseICCID(wire.ICCID)
	if err != nil {
		return nil, fmt.Errorf("its iccid: %w", err)
	}
	usage := &DeviceUsage{
		ICCID:      iccid,
		Timestamp:  wire.TimeStamp.Time,
		CycleStart: wire.CycleStart.Time,
		CycleEnd:   wire.CycleEnd.Time,
	}
	if usage.Timestamp.IsZero() || usage.CycleStart.IsZero() || usage.CycleEnd.IsZero() {
		return nil, errors.New("it lacks timeStamp, cycleStartDate or cycleEndDate")
	}
	if usage.CycleEnd.Before(usage.CycleStart) {
		return nil, errors.New("its billing cycle ends before it starts")
	}
	usage.RatePlans, err = wire.RatePlans.ratePlans()
	return usage, err
}

// answers says why usage is no answer to q, nil when it is one.
func (u *DeviceUsage) answers(q UsageQuery) error {
	if u.ICCID != q.ICCID {
		return errors.New("it is for another device")
	}
	// The end is the cycle's last second.
	if !q.CycleStartDate.IsZero() && !q.CycleStartDate.overlaps(u.CycleStart, u.CycleEnd.Add(time.Second)) {
		return fmt.Errorf("its billing cycle, %s to %s, does not hold %s",
			u.CycleStart.Format(time.RFC3339), u.CycleEnd.Format(time.RFC3339), q.CycleStartDate)
	}
	for _, plan := range u.RatePlans {
		if q.RatePlan != "" && !strings.EqualFold(plan.RatePlan, q.RatePlan) {
			return fmt.Errorf("it has the rate plan %q where %q was asked for", plan.RatePlan, q.RatePlan)
		}
		for _, zone := range plan.Zones {
			if q.Zone != "" && !strings.EqualFold(zone.Zone, q.Zone) {
				return fmt.Errorf("it has the zone %q where %q was asked for", zone.Zone, q.Zone)
			}
		}
	}
	return nil
}

// errorBody finds the code and text of an error's body; a body without an errorCode gives the text alone.
func errorBody(body []byte) (Code, string) {
	var wire struct {
		ErrorCode    json.RawMessage `json:"errorCode"`
		ErrorMessage string          `json:"errorMessage"`
	}
	// A body that cannot be read has no code: its HTTP status must do.
	_ = json.Unmarshal(bytes.ToValidUTF8(body, []byte("\uFFFD")), &wire)
	code := strings.Trim(string(wire.ErrorCode), `" `)
	if code == "null" {
		code = ""
	}
	return Code(code), wire.ErrorMessage
}

// ratePlans groups the records by the rate plan and version that they name themselves.
func (w wirePlanZones) ratePlans() ([]RatePlanUsage, error) {
	var plans []RatePlanUsage
	index := map[planVersion]int{}
	place := func(pv planVersion) *RatePlanUsage {
		i, ok := index[pv]
		if !ok {
			i = len(plans)
			index[pv] = i
			plans = append(plans, RatePlanUsage{RatePlan: pv.plan, Version: pv.version})
		}
		return &plans[i]
	}
	for _, entry := range w {
		if len(entry.zones) == 0 {
			pv, err := parsePlanKey(entry.key)
			if err != nil {
				return nil, err
			}
			place(pv)
		}
		for i := range entry.zones {
			pv, zone, err := entry.zones[i].usage()
			if err != nil {
				return nil, fmt.Errorf("a record of %q: %w", entry.key, err)
			}
			plan := place(pv)
			plan.Zones = append(plan.Zones, zone)
		}
	}
	return plans, nil
}

type planVersion struct {
	plan    string
	version int32
}

// parsePlanKey splits "Rate Plan Name, Version Number" at its last ", ": a name can hold commas.
func parsePlanKey(key string) (planVersion, error) {
	i := strings.LastIndex(key, ", ")
	if i < 0 {
		return planVersion{}, fmt.Errorf("the key %q is not a rate plan and its version", key)
	}
	version, err := strconv.ParseInt(key[i+2:], 10, 32)
	if err != nil {
		return planVersion{}, fmt.Errorf("the key %q ends in no version number", key)
	}
	return planVersion{key[:i], int32(version)}, nil
}

// usage converts one record.
func (r *wireZone) usage() (planVersion, ZoneUsage, error) {
	if r.RatePlan == nil || r.Zone == nil || r.Version.n == nil {
		return planVersion{}, ZoneUsage{}, errors.New("it lacks ratePlan, ratePlanVersion or zone")
	}
	version := int32(*r.Version.n)
	if int64(version) != *r.Version.n {
		return planVersion{}, ZoneUsage{}, fmt.Errorf("its ratePlanVersion %d is no version number", *r.Version.n)
	}
	for _, counted := range []struct {
		name        string
		count       wireCount
		unit, known string
	}{
		{"dataUsage", r.Data, r.DataUnit, unitBytes},
		{"voiceMTUsage", r.VoiceMT, r.VoiceMTUnit, unitSeconds},
		{"voiceMOUsage", r.VoiceMO, r.VoiceMOUnit, unitSeconds},
	} {
		if counted.count.n != nil && !strings.EqualFold(counted.unit, counted.known) {
			return planVersion{}, ZoneUsage{}, fmt.Errorf("the unit of its %s is %q, not %s",
				counted.name, counted.unit, counted.known)
		}
	}
	return planVersion{*r.RatePlan, version}, ZoneUsage{Zone: *r.Zone, Usage: Usage{
		DataBytes:      r.Data.n,
		VoiceMTSeconds: r.VoiceMT.n,
		VoiceMOSeconds: r.VoiceMO.n,
		SMSMTMessages:  r.SMSMT.n,
		SMSMOMessages:  r.SMSMO.n,
	}}, nil
}
