package sandbox

import (
	"time"

	"github.com/zoneusage/zoneusage/internal/controlcenter"
)

func newAnswer(iccid string, now time.Time, c cycle, usage []planUsage, empty EmptyUsage) controlcenter.Answer {
	return controlcenter.Answer{
		ICCID:      iccid,
		TimeStamp:  now,
		CycleStart: c.start,
		// The vendor prints the cycle's last second, not the next one's first.
		CycleEnd:  c.next.Add(-time.Second),
		RatePlans: ratePlansOf(usage),
		NoUsage:   empty,
	}
}

func ratePlansOf(usage []planUsage) []controlcenter.RatePlan {
	plans := make([]controlcenter.RatePlan, len(usage))
	for i, plan := range usage {
		plans[i] = controlcenter.RatePlan{Name: plan.ratePlan, Version: plan.version}
		for _, z := range plan.zones {
			plans[i].Zones = append(plans[i].Zones, controlcenter.Zone{
				Name: z.zone, Data: z.data, VoiceMT: z.voiceMT, VoiceMO: z.voiceMO, SMSMT: z.smsMT, SMSMO: z.smsMO,
			})
		}
	}
	return plans
}
