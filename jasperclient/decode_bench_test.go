package jasperclient

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// plainUsage is the answer as encoding/json reads it without further ado, and without a doubt: the yardstick.
type plainUsage struct {
	ICCID      string                 `json:"iccid"`
	TimeStamp  string                 `json:"timeStamp"`
	CycleStart string                 `json:"cycleStartDate"`
	CycleEnd   string                 `json:"cycleEndDate"`
	RatePlans  map[string][]plainZone `json:"deviceCycleUsageInZones"`
}

type plainZone struct {
	RatePlan    string  `json:"ratePlan"`
	Version     string  `json:"ratePlanVersion"`
	Zone        string  `json:"zone"`
	Data        *int64  `json:"dataUsage"`
	DataUnit    *string `json:"dataUsageUnit"`
	VoiceMT     *int64  `json:"voiceMTUsage"`
	VoiceMTUnit *string `json:"voiceMTUsageUnit"`
	VoiceMO     *int64  `json:"voiceMOUsage"`
	VoiceMOUnit *string `json:"voiceMOUsageUnit"`
	SMSMT       *int64  `json:"smsmtusage"`
	SMSMO       *int64  `json:"smsmousage"`
}

// benchAnswer is an answer of so many rate plans and zones.
func benchAnswer(plans, zones int) []byte {
	var entries []string
	for p := range plans {
		var records []string
		for z := range zones {
			records = append(records, fmt.Sprintf(`{"ratePlan":"Rate Plan %d","ratePlanVersion":"1","zone":"Zone %d",`+
				`"dataUsage":%d,"dataUsageUnit":"bytes","voiceMTUsage":null,"voiceMTUsageUnit":null,"voiceMOUsage":600,`+
				`"voiceMOUsageUnit":"seconds","smsmtusage":null,"smsmousage":3}`, p, z, 943718*(z+1)))
		}
		entries = append(entries, fmt.Sprintf(`"Rate Plan %d, 1":[%s]`, p, strings.Join(records, ",")))
	}
	return []byte(`{"iccid":"8988217755520000031","timeStamp":"2016-11-10T05:31:17.557Z","cycleStartDate":"2016-10-31T10:30:00.000Z",` +
		`"cycleEndDate":"2016-11-30T10:29:59.000Z","deviceCycleUsageInZones":{` + strings.Join(entries, ",") + `}}`)
}

// The vendor's example, as its page has it.
const vendorsExample = `{
  "iccid":"8988217755520000031",
  "timeStamp":"2016-11-10T05:31:17.557Z",
  "cycleStartDate":"2016-10-31T10:30:00.000Z",
  "cycleEndDate":"2016-11-30T10:29:59.000Z",
  "deviceCycleUsageInZones":{
    "Rate Plan A, 1":[
      {"ratePlan":"Rate Plan A","ratePlanVersion":"1","zone":"default zone",
       "dataUsage":null,"dataUsageUnit":null,
       "voiceMTUsage":null,"voiceMTUsageUnit":null,
       "voiceMOUsage":600,"voiceMOUsageUnit":"seconds",
       "smsmtusage":null,"smsmousage":null}],
    "Rate Plan B, 2":[
      {"ratePlan":"Rate Plan B","ratePlanVersion":"2","zone":"default zone",
       "dataUsage":943718,"dataUsageUnit":"bytes",
       "voiceMTUsage":null,"voiceMTUsageUnit":null,
       "voiceMOUsage":943718,"voiceMOUsageUnit":"seconds",
       "smsmtusage":null,"smsmousage":null}]}}`

// From the bytes of an answer to what the caller gets, beside encoding/json into plain structs, which checks nothing.
func BenchmarkDecode(b *testing.B) {
	for _, size := range []struct {
		name string
		body []byte
	}{
		{"small", []byte(vendorsExample)},
		{"large", benchAnswer(10, 20)},
	} {
		b.Run(size.name+"/ours", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(size.body)))
			for b.Loop() {
				if err := (&answer{status: 200, body: size.body}).refusal(); err != nil {
					b.Fatal(err)
				}
				if _, err := decodeUsage(size.body); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(size.name+"/plain", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(size.body)))
			for b.Loop() {
				var usage plainUsage
				if err := json.Unmarshal(size.body, &usage); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
