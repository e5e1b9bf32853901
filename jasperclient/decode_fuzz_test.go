package jasperclient

import (
	"testing"
	"unicode/utf8"
)

// What the decoder lets through can be trusted, whatever was sent.
func FuzzDecodeUsage(f *testing.F) {
	for _, seed := range []string{
		`{"iccid":"8988217755520000031","timeStamp":"2016-11-10T05:31:17.557Z","cycleStartDate":"2016-10-31T10:30:00.000Z",` +
			`"cycleEndDate":"2016-11-30T10:29:59.000Z","deviceCycleUsageInZones":{"Rate Plan A, 1":[{"ratePlan":"Rate Plan A",` +
			`"ratePlanVersion":"1","zone":"default zone","dataUsage":6.0,"dataUsageUnit":"bytes","voiceMTUsage":null,` +
			`"voiceMTUsageUnit":null,"voiceMOUsage":"600","voiceMOUsageUnit":"seconds","smsmtusage":1e3,"smsmousage":0}],"B, 2, 3":[]}}`,
		`{"errorMessage":"Invalid credentials","errorCode":"10000001"}`,
		`{"deviceCycleUsageInZones":null}`,
		`null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		code, message, _ := errorBody(body)
		if !utf8.ValidString(string(code)) || !utf8.ValidString(message) {
			t.Errorf("errorBody: %q, %q", code, message)
		}
		usage, err := decodeUsage(body)
		if err != nil {
			return
		}
		if _, err := ParseICCID(string(usage.ICCID)); err != nil {
			t.Error(err)
		}
		if usage.CycleEnd.Before(usage.CycleStart) || usage.Timestamp.Year() > maxYear {
			t.Errorf("%+v", usage)
		}
		for _, plan := range usage.RatePlans {
			if !utf8.ValidString(plan.RatePlan) {
				t.Errorf("rate plan %q", plan.RatePlan)
			}
			for _, zone := range plan.Zones {
				for _, n := range []*int64{zone.DataBytes, zone.VoiceMTSeconds, zone.VoiceMOSeconds, zone.SMSMTMessages, zone.SMSMOMessages} {
					if n != nil && *n < 0 {
						t.Errorf("%+v", zone)
					}
				}
			}
		}
	})
}
