package sandbox

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// wireTime is the vendor's yyyy-MM-ddTHH:mm:ss.SSSZ, in UTC.
const wireTime = "2006-01-02T15:04:05.000Z"

// usageAnswer is the answer's body, its fields in the order of the vendor's
// example.
type usageAnswer struct {
	ICCID                   string          `json:"iccid"`
	TimeStamp               string          `json:"timeStamp"`
	CycleStartDate          string          `json:"cycleStartDate"`
	CycleEndDate            string          `json:"cycleEndDate"`
	DeviceCycleUsageInZones json.RawMessage `json:"deviceCycleUsageInZones,omitempty"`
}

// usageRecord is one device's usage of one zone of one rate plan version.
type usageRecord struct {
	RatePlan         string  `json:"ratePlan"`
	RatePlanVersion  string  `json:"ratePlanVersion"`
	Zone             string  `json:"zone"`
	DataUsage        *int64  `json:"dataUsage"`
	DataUsageUnit    *string `json:"dataUsageUnit"`
	VoiceMTUsage     *int64  `json:"voiceMTUsage"`
	VoiceMTUsageUnit *string `json:"voiceMTUsageUnit"`
	VoiceMOUsage     *int64  `json:"voiceMOUsage"`
	VoiceMOUsageUnit *string `json:"voiceMOUsageUnit"`
	SMSMTUsage       *int64  `json:"smsmtusage"`
	SMSMOUsage       *int64  `json:"smsmousage"`
}

func newAnswer(iccid string, now time.Time, c cycle, usage []planUsage, empty EmptyUsage) usageAnswer {
	return usageAnswer{
		ICCID:          iccid,
		TimeStamp:      now.UTC().Format(wireTime),
		CycleStartDate: c.start.UTC().Format(wireTime),
		// The vendor prints the cycle's last second, not the next one's first.
		CycleEndDate:            c.next.Add(-time.Second).UTC().Format(wireTime),
		DeviceCycleUsageInZones: usageInZones(usage, empty),
	}
}

// usageInZones writes the object of records, its keys in the order of usage: a
// Go map would put version 10 before version 2.
func usageInZones(usage []planUsage, empty EmptyUsage) json.RawMessage {
	if len(usage) == 0 {
		return empty.body()
	}
	var object bytes.Buffer
	for i, plan := range usage {
		separator := byte(',')
		if i == 0 {
			separator = '{'
		}
		object.WriteByte(separator)
		object.Write(encode(plan.ratePlan + ", " + strconv.Itoa(plan.version)))
		object.WriteByte(':')
		object.Write(encode(records(plan)))
	}
	object.WriteByte('}')
	return object.Bytes()
}

func (form EmptyUsage) body() json.RawMessage {
	switch form {
	case EmptyNull:
		return json.RawMessage("null")
	case EmptyMissing:
		return nil // omitted from the answer
	default:
		return json.RawMessage("{}")
	}
}

func records(plan planUsage) []usageRecord {
	records := make([]usageRecord, len(plan.zones))
	for i, z := range plan.zones {
		records[i] = usageRecord{
			RatePlan:         plan.ratePlan,
			RatePlanVersion:  strconv.Itoa(plan.version),
			Zone:             z.zone,
			DataUsage:        z.data,
			DataUsageUnit:    unit(z.data, "bytes"),
			VoiceMTUsage:     z.voiceMT,
			VoiceMTUsageUnit: unit(z.voiceMT, "seconds"),
			VoiceMOUsage:     z.voiceMO,
			VoiceMOUsageUnit: unit(z.voiceMO, "seconds"),
			SMSMTUsage:       z.smsMT,
			SMSMOUsage:       z.smsMO,
		}
	}
	return records
}

// unit is null beside usage that was not reported.
func unit(usage *int64, name string) *string {
	if usage == nil {
		return nil
	}
	return &name
}

// encode writes JSON as the vendor does: "&", "<" and ">" in names stay as they are.
func encode(v any) []byte {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err) // only strings, integers and null are ever encoded
	}
	return bytes.TrimSuffix(body.Bytes(), []byte("\n"))
}
