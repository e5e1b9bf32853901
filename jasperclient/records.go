package jasperclient

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// A ratePlanReader groups records by the rate plan and version that each record names, in the order of the answer.
type ratePlanReader struct {
	plans []RatePlanUsage
	index map[planVersion]int // of plans
	seen  map[zoneOfPlan]bool
}

type planVersion struct {
	plan    string
	version int32
}

type zoneOfPlan struct {
	planVersion
	zone string
}

// readRatePlans reads the object of records by rate plan. A Go map would lose the order and, silently, the first of two
// entries with the same key.
func readRatePlans(dec *jsontext.Decoder) ([]RatePlanUsage, error) {
	switch dec.PeekKind() {
	case jsontext.KindNull:
		return nil, skip(dec)
	case jsontext.KindBeginObject, jsontext.KindInvalid: // reading says why it is invalid
	default:
		return nil, errors.New("deviceCycleUsageInZones is not an object")
	}
	r := ratePlanReader{index: map[planVersion]int{}, seen: map[zoneOfPlan]bool{}}
	err := readObject(dec, func(name []byte) error { return r.readEntry(dec, string(name)) })
	return r.plans, err
}

// readEntry reads the records under a key. The key names the rate plan only if there are no records.
func (r *ratePlanReader) readEntry(dec *jsontext.Decoder, key string) error {
	empty := true
	if dec.PeekKind() == jsontext.KindNull {
		if err := skip(dec); err != nil {
			return err
		}
	} else {
		if err := readKind(dec, jsontext.KindBeginArray); err != nil {
			return err
		}
		for ; dec.PeekKind() != jsontext.KindEndArray; empty = false {
			if err := r.readRecord(dec); err != nil {
				return fmt.Errorf("a record of %q: %w", key, err)
			}
		}
		if err := readKind(dec, jsontext.KindEndArray); err != nil {
			return err
		}
	}
	if !empty {
		return nil
	}
	pv, err := parsePlanKey(key)
	if err == nil {
		r.plan(pv)
	}
	return err
}

// plan is the entry of a rate plan, which it adds if there is none yet.
func (r *ratePlanReader) plan(pv planVersion) *RatePlanUsage {
	i, ok := r.index[pv]
	if !ok {
		i = len(r.plans)
		r.index[pv] = i
		r.plans = append(r.plans, RatePlanUsage{RatePlan: pv.plan, Version: pv.version})
	}
	return &r.plans[i]
}

// readRecord reads a record into its rate plan.
func (r *ratePlanReader) readRecord(dec *jsontext.Decoder) error {
	var rec record
	if err := rec.read(dec); err != nil {
		return err
	}
	pv, zone, err := rec.usage()
	if err != nil {
		return err
	}
	key := zoneOfPlan{pv, zone.Zone}
	if r.seen[key] {
		return fmt.Errorf("two records are of %q, version %d, in %q", pv.plan, pv.version, zone.Zone)
	}
	r.seen[key] = true
	plan := r.plan(pv)
	plan.Zones = append(plan.Zones, zone)
	return nil
}

// parsePlanKey splits "Rate Plan Name, Version Number" at its last ", ": a name can hold commas.
func parsePlanKey(key string) (planVersion, error) {
	i := strings.LastIndex(key, ", ")
	if i < 0 {
		return planVersion{}, fmt.Errorf("the key %q is not a rate plan and its version", key)
	}
	if strings.ContainsRune(key, utf8.RuneError) {
		return planVersion{}, errUndecodable
	}
	version, err := strconv.ParseUint(key[i+2:], 10, 31)
	if err != nil {
		return planVersion{}, fmt.Errorf("the key %q does not end in a valid version number", key)
	}
	return planVersion{key[:i], int32(version)}, nil
}

// errUndecodable is for a name with half a surrogate pair: utf8.RuneError replaces that, so the name is not what was sent.
var errUndecodable = errors.New("a name in it has a character that cannot be decoded")

// A record is the usage in one zone on one version of a rate plan.
type record struct {
	ratePlan string
	version  *int64
	zone     string
	named    bool // whether it has a zone, whose name can be empty
	count    Usage
	unit     struct{ data, voiceMT, voiceMO string } // of the counts that have one
}

var recordFields = []string{"ratePlan", "ratePlanVersion", "zone", "dataUsage", "dataUsageUnit", "voiceMTUsage", "voiceMTUsageUnit",
	"voiceMOUsage", "voiceMOUsageUnit", "smsmtusage", "smsmousage"}

// read reads the record; null is an empty record.
func (r *record) read(dec *jsontext.Decoder) error {
	if dec.PeekKind() == jsontext.KindNull {
		return skip(dec)
	}
	return readFields(dec, recordFields, func(field string) (err error) {
		switch field {
		case "ratePlan":
			r.ratePlan, _, err = readText(dec)
		case "ratePlanVersion":
			r.version, err = readCount(dec)
		case "zone":
			r.zone, r.named, err = readText(dec)
		case "dataUsage":
			r.count.DataBytes, err = readCount(dec)
		case "dataUsageUnit":
			r.unit.data, _, err = readText(dec)
		case "voiceMTUsage":
			r.count.VoiceMTSeconds, err = readCount(dec)
		case "voiceMTUsageUnit":
			r.unit.voiceMT, _, err = readText(dec)
		case "voiceMOUsage":
			r.count.VoiceMOSeconds, err = readCount(dec)
		case "voiceMOUsageUnit":
			r.unit.voiceMO, _, err = readText(dec)
		case "smsmtusage":
			r.count.SMSMTMessages, err = readCount(dec)
		case "smsmousage":
			r.count.SMSMOMessages, err = readCount(dec)
		}
		return err
	})
}

const (
	unitBytes   = "bytes"
	unitSeconds = "seconds"
)

// usage checks and converts the record.
func (r *record) usage() (planVersion, ZoneUsage, error) {
	fail := func(err error) (planVersion, ZoneUsage, error) { return planVersion{}, ZoneUsage{}, err }
	if r.ratePlan == "" || !r.named || r.version == nil {
		return fail(errors.New("it lacks ratePlan, ratePlanVersion or zone"))
	}
	if strings.ContainsRune(r.ratePlan, utf8.RuneError) || strings.ContainsRune(r.zone, utf8.RuneError) {
		return fail(errUndecodable)
	}
	version := int32(*r.version)
	if int64(version) != *r.version {
		return fail(fmt.Errorf("its ratePlanVersion %d is not a valid version number", *r.version))
	}
	for _, counted := range []struct {
		name        string
		count       *int64
		unit, known string
	}{
		{"dataUsage", r.count.DataBytes, r.unit.data, unitBytes},
		{"voiceMTUsage", r.count.VoiceMTSeconds, r.unit.voiceMT, unitSeconds},
		{"voiceMOUsage", r.count.VoiceMOSeconds, r.unit.voiceMO, unitSeconds},
	} {
		if counted.count != nil && strings.ToLower(counted.unit) != counted.known {
			return fail(fmt.Errorf("the unit of its %s is %q, not %s", counted.name, counted.unit, counted.known))
		}
	}
	return planVersion{r.ratePlan, version}, ZoneUsage{Zone: r.zone, Usage: r.count}, nil
}
