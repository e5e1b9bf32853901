package jasperclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// wireUsage is the answer as it travels. encoding/json matches its names in any letter case and ignores unknown ones.
type wireUsage struct {
	ICCID      string        `json:"iccid"`
	TimeStamp  wireTime      `json:"timeStamp"`
	CycleStart wireTime      `json:"cycleStartDate"`
	CycleEnd   wireTime      `json:"cycleEndDate"`
	RatePlans  wirePlanZones `json:"deviceCycleUsageInZones"`
}

// wireZone is one record: one zone on one version of one rate plan.
type wireZone struct {
	RatePlan    *string   `json:"ratePlan"`
	Version     wireCount `json:"ratePlanVersion"`
	Zone        *string   `json:"zone"`
	Data        wireCount `json:"dataUsage"`
	DataUnit    string    `json:"dataUsageUnit"`
	VoiceMT     wireCount `json:"voiceMTUsage"`
	VoiceMTUnit string    `json:"voiceMTUsageUnit"`
	VoiceMO     wireCount `json:"voiceMOUsage"`
	VoiceMOUnit string    `json:"voiceMOUsageUnit"`
	SMSMT       wireCount `json:"smsmtusage"`
	SMSMO       wireCount `json:"smsmousage"`
}

const (
	unitBytes   = "bytes"
	unitSeconds = "seconds"
)

// UnmarshalJSON reads the answer, unless a field stands in it twice.
func (w *wireUsage) UnmarshalJSON(data []byte) error {
	if err := uniqueNames(data); err != nil {
		return err
	}
	type fields wireUsage
	return json.Unmarshal(data, (*fields)(w))
}

// UnmarshalJSON reads the record, unless a field stands in it twice.
func (r *wireZone) UnmarshalJSON(data []byte) error {
	if err := uniqueNames(data); err != nil {
		return err
	}
	type fields wireZone
	return json.Unmarshal(data, (*fields)(r))
}

// uniqueNames refuses an object with one name twice, in any letter case: encoding/json would take the last of them, and
// nobody knows which one is meant.
func uniqueNames(object []byte) error {
	dec := json.NewDecoder(bytes.NewReader(object))
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return err // what is no object, encoding/json refuses or takes as null
	}
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		name := strings.ToLower(token.(string)) // an object's key is a string, or Token fails
		if seen[name] {
			return fmt.Errorf("the field %q stands in one object twice", name)
		}
		seen[name] = true
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
	}
	return nil
}

// wirePlanZones is the object of records by rate plan, its entries in the order of the wire. A Go map would lose the
// order, and silently the first of two entries of one key.
type wirePlanZones []wirePlan

type wirePlan struct {
	key   string
	zones []wireZone
}

// UnmarshalJSON reads the object entry by entry.
func (w *wirePlanZones) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return errors.New("deviceCycleUsageInZones is no object")
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		plan := wirePlan{key: key.(string)} // an object's key is a string, or Token fails
		if err := dec.Decode(&plan.zones); err != nil {
			return err
		}
		*w = append(*w, plan)
	}
	return nil
}

// wireCount is a count: an integer of 0 to 2^63-1, also as an integral float or as a string; nil is null.
type wireCount struct{ n *int64 }

// A number of JSON, its exponent short enough to compute with.
var wireNumber = regexp.MustCompile(`^\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,2})?$`)

// UnmarshalJSON reads the count exactly: a float64 would round above 2^53.
func (c *wireCount) UnmarshalJSON(data []byte) error {
	text := string(data)
	if text == "null" {
		return nil
	}
	if unquoted, err := strconv.Unquote(text); err == nil {
		text = strings.TrimSpace(unquoted)
	}
	if !wireNumber.MatchString(text) {
		return fmt.Errorf("%s is no count", data)
	}
	value, ok := new(big.Rat).SetString(text)
	if !ok || !value.IsInt() || !value.Num().IsInt64() {
		return fmt.Errorf("%s is no whole number up to 2^63-1", data)
	}
	n := value.Num().Int64()
	c.n = &n
	return nil
}

// maxYear is the last one that RFC 3339, and so every form this answer takes later, can write.
const maxYear = 9999

// wireTime is a time of the wire: yyyy-MM-ddTHH:mm:ss.SSSZ, where Z is the letter or, as Java's format letter of
// that name prints it, an offset such as +0000.
type wireTime struct{ time.Time }

// UnmarshalJSON reads the time; null leaves it zero.
func (t *wireTime) UnmarshalJSON(data []byte) error {
	var text *string
	if err := json.Unmarshal(data, &text); err != nil || text == nil {
		return err
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700"} {
		at, err := time.Parse(layout, *text)
		if at = at.UTC(); err == nil && at.Unix() > 0 && at.Year() <= maxYear {
			t.Time = at
			return nil
		}
	}
	return fmt.Errorf("%q is no time of a billing system", *text)
}
