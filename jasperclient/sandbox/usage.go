package sandbox

import (
	"cmp"
	"slices"

	"github.com/zoneusage/zoneusage/internal/controlcenter"
)

// planUsage is what a device used in one billing cycle of one version of a rate
// plan. No zones means that the plan was in use but no zone saw service.
type planUsage struct {
	ratePlan string
	version  int32
	zones    []zoneUsage
}

// zoneUsage is what a device used in a zone: bytes, seconds and messages. nil is
// the vendor's null: nothing was reported, which is not 0.
type zoneUsage struct {
	zone             string
	data             *int64
	voiceMT, voiceMO *int64
	smsMT, smsMO     *int64
}

// filter returns the usage of a rate plan and a zone, an empty name meaning all,
// in the vendor's order: by rate plan, version and zone. usage itself, which
// requests share, stays as it is.
func filter(usage []planUsage, ratePlan, zone string) []planUsage {
	var kept []planUsage
	for _, plan := range usage {
		if ratePlan != "" && plan.ratePlan != ratePlan {
			continue
		}
		plan.zones = filterZones(plan.zones, zone)
		if zone == "" || len(plan.zones) > 0 {
			kept = append(kept, plan)
		}
	}
	slices.SortFunc(kept, func(a, b planUsage) int {
		return cmp.Or(cmp.Compare(a.ratePlan, b.ratePlan), cmp.Compare(a.version, b.version))
	})
	return kept
}

func filterZones(zones []zoneUsage, zone string) []zoneUsage {
	var kept []zoneUsage
	for _, z := range zones {
		if zone == "" || z.zone == zone {
			kept = append(kept, z)
		}
	}
	slices.SortFunc(kept, func(a, b zoneUsage) int { return cmp.Compare(a.zone, b.zone) })
	return kept
}

// ratePlans are the rate plans known to the account, by name, each with the
// names of its zones.
type ratePlans map[string]map[string]bool

// add makes the rate plans and zones of some usage known.
func (known ratePlans) add(usage []planUsage) {
	for _, plan := range usage {
		if known[plan.ratePlan] == nil {
			known[plan.ratePlan] = make(map[string]bool)
		}
		for _, z := range plan.zones {
			known[plan.ratePlan][z.zone] = true
		}
	}
}

// check refuses names that the account does not know; an empty name means that
// none is given. If a rate plan is given, it must have the zone. A known name is
// right even if the device used nothing of it.
func (known ratePlans) check(ratePlan, zone string) *controlcenter.Refusal {
	if _, ok := known[ratePlan]; ratePlan != "" && !ok {
		return controlcenter.InvalidRatePlan
	}
	if zone == "" || known[ratePlan][zone] {
		return nil
	}
	if ratePlan == "" {
		for _, zones := range known {
			if zones[zone] {
				return nil
			}
		}
	}
	return controlcenter.InvalidZone
}
