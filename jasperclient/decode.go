package jasperclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
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
	if err := json.Unmarshal(withoutBOM(body), &wire); err != nil {
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
	// Whether Control Center regards letter case in a filter is unknown; the answer shows the name that it has.
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

// withoutBOM drops the mark with which some servers begin UTF-8.
func withoutBOM(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\uFEFF")) }

// errorCode is what a code looks like: what does not is no code, but still a refusal.
var errorCode = regexp.MustCompile(`^[0-9A-Za-z_-]{1,32}$`)

// maxMessage bounds the vendor's text, which goes into errors and logs.
const maxMessage = 1000

// errorBody finds the code and text of an error's body, and whether it has an errorCode at all.
func errorBody(body []byte) (code Code, message string, refused bool) {
	var wire struct {
		ErrorCode    any    `json:"errorCode"`
		ErrorMessage string `json:"errorMessage"`
	}
	dec := json.NewDecoder(bytes.NewReader(withoutBOM(bytes.ToValidUTF8(body, []byte("\uFFFD")))))
	dec.UseNumber()
	// A body that cannot be read has no code: its HTTP status must do.
	_ = dec.Decode(&wire)
	text := fmt.Sprint(wire.ErrorCode)
	refused = wire.ErrorCode != nil && text != ""
	if refused && errorCode.MatchString(text) {
		code = Code(text)
	}
	message = wire.ErrorMessage
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage], "") + "…"
	}
	return code, message, refused
}

// ratePlans groups the records by the rate plan and version that they name themselves.
func (w wirePlanZones) ratePlans() ([]RatePlanUsage, error) {
	var plans []RatePlanUsage
	index := map[planVersion]int{}
	seen := map[planVersion]map[string]bool{}
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
			if seen[pv] == nil {
				seen[pv] = map[string]bool{}
			}
			if seen[pv][zone.Zone] {
				return nil, fmt.Errorf("two records are of %q, version %d, in %q", pv.plan, pv.version, zone.Zone)
			}
			seen[pv][zone.Zone] = true
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
	version, err := strconv.ParseUint(key[i+2:], 10, 31)
	if err != nil {
		return planVersion{}, fmt.Errorf("the key %q ends in no version number", key)
	}
	return planVersion{key[:i], int32(version)}, nil
}

// usage converts one record.
func (r *wireZone) usage() (planVersion, ZoneUsage, error) {
	if r.RatePlan == nil || *r.RatePlan == "" || r.Zone == nil || r.Version.n == nil {
		return planVersion{}, ZoneUsage{}, errors.New("it lacks ratePlan, ratePlanVersion or zone")
	}
	if strings.ContainsRune(*r.RatePlan+*r.Zone, utf8.RuneError) {
		// encoding/json puts it in the place of half a surrogate pair: the name is not the one that was sent.
		return planVersion{}, ZoneUsage{}, errors.New("a name in it has a character that cannot be decoded")
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
		if counted.count.n != nil && strings.ToLower(counted.unit) != counted.known {
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
