package controlcenter

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// An Answer is the usage of one device in one billing cycle.
type Answer struct {
	ICCID     string
	TimeStamp time.Time // when the answer was made
	// CycleStart and CycleEnd are the first instant and the last second of the billing cycle.
	CycleStart, CycleEnd time.Time
	// RatePlans are written in this order.
	RatePlans []RatePlan
	// NoUsage is the form of an answer without rate plans.
	NoUsage NoUsage
}

// A RatePlan is the usage of one version of a rate plan. No zones means that the plan was in use but no zone saw service.
type RatePlan struct {
	Name    string
	Version int32
	Zones   []Zone
}

// A Zone is the usage in one zone, in bytes, seconds and messages. nil is the vendor's null, which means not reported and
// differs from 0.
type Zone struct {
	Name             string
	Data             *int64
	VoiceMT, VoiceMO *int64
	SMSMT, SMSMO     *int64
}

// NoUsage is a form of deviceCycleUsageInZones in an answer without any usage. Which form Control Center uses is unknown.
type NoUsage int

// The forms of no usage.
const (
	NoUsageObject  NoUsage = iota // {}
	NoUsageNull                   // null
	NoUsageMissing                // the key is left out
)

// wireTime is the vendor's yyyy-MM-ddTHH:mm:ss.SSSZ, in UTC.
const wireTime = "2006-01-02T15:04:05.000Z"

// answerBody is the body of an answer. The fields are in the order of the vendor's example.
type answerBody struct {
	ICCID                   string          `json:"iccid"`
	TimeStamp               string          `json:"timeStamp"`
	CycleStartDate          string          `json:"cycleStartDate"`
	CycleEndDate            string          `json:"cycleEndDate"`
	DeviceCycleUsageInZones json.RawMessage `json:"deviceCycleUsageInZones,omitempty"`
}

// record is one device's usage of one zone of one rate plan version.
type record struct {
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

// Body is the answer's JSON.
func (a Answer) Body() []byte {
	return encode(answerBody{
		ICCID:                   a.ICCID,
		TimeStamp:               a.TimeStamp.UTC().Format(wireTime),
		CycleStartDate:          a.CycleStart.UTC().Format(wireTime),
		CycleEndDate:            a.CycleEnd.UTC().Format(wireTime),
		DeviceCycleUsageInZones: a.usageInZones(),
	})
}

// usageInZones writes the object of records, with the keys in the order of the rate plans: a Go map would put version 10
// before version 2.
func (a Answer) usageInZones() json.RawMessage {
	if len(a.RatePlans) == 0 {
		return a.NoUsage.body()
	}
	var object bytes.Buffer
	for i, plan := range a.RatePlans {
		separator := byte(',')
		if i == 0 {
			separator = '{'
		}
		object.WriteByte(separator)
		object.Write(encode(plan.Name + ", " + plan.version()))
		object.WriteByte(':')
		object.Write(encode(plan.records()))
	}
	object.WriteByte('}')
	return object.Bytes()
}

func (form NoUsage) body() json.RawMessage {
	switch form {
	case NoUsageNull:
		return json.RawMessage("null")
	case NoUsageMissing:
		return nil // omitted from the answer
	default:
		return json.RawMessage("{}")
	}
}

func (p RatePlan) version() string { return strconv.Itoa(int(p.Version)) }

func (p RatePlan) records() []record {
	records := make([]record, len(p.Zones))
	for i, z := range p.Zones {
		records[i] = record{
			RatePlan:         p.Name,
			RatePlanVersion:  p.version(),
			Zone:             z.Name,
			DataUsage:        z.Data,
			DataUsageUnit:    unit(z.Data, "bytes"),
			VoiceMTUsage:     z.VoiceMT,
			VoiceMTUsageUnit: unit(z.VoiceMT, "seconds"),
			VoiceMOUsage:     z.VoiceMO,
			VoiceMOUsageUnit: unit(z.VoiceMO, "seconds"),
			SMSMTUsage:       z.SMSMT,
			SMSMOUsage:       z.SMSMO,
		}
	}
	return records
}

// unit is the unit of a usage; null if the usage was not reported.
func unit(usage *int64, name string) *string {
	if usage == nil {
		return nil
	}
	return &name
}

// encode writes JSON as the vendor does: it does not escape "&", "<" and ">" in names.
func encode(v any) []byte {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err) // only strings, integers and null are ever encoded
	}
	return bytes.TrimSuffix(body.Bytes(), []byte("\n"))
}
