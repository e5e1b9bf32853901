package sandbox

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// A generated ICCID is a prefix and the device's number. 89 is the prefix of SIM
// cards, and 999 is not a country's code: no real SIM has this number.
const (
	generatedPrefix = "8999900"
	generatedDigits = 12
	maxGenerated    = 1_000_000_000_000
)

// GeneratedICCID returns the ICCID of generated device i, counted from 0:
// "8999900" and i in twelve digits.
func GeneratedICCID(i int) string {
	return fmt.Sprintf("%s%0*d", generatedPrefix, generatedDigits, i)
}

// generatedFleet computes the devices' usage when it is asked for; nothing is stored.
type generatedFleet struct {
	devices int
	seed    uint64
}

// find returns the number of a generated device.
func (g generatedFleet) find(iccid string) (int, bool) {
	digits, ok := strings.CutPrefix(iccid, generatedPrefix)
	if !ok || len(digits) != generatedDigits || !isDigits(digits) {
		return 0, false
	}
	i, err := strconv.Atoi(digits)
	return i, err == nil && i < g.devices
}

// generatedRatePlans returns the rate plans of generated devices with all their
// zones and no usage.
func generatedRatePlans() []planUsage {
	return []planUsage{
		{ratePlan: "Meter", version: 1, zones: []zoneUsage{{zone: "Home"}}},
		{ratePlan: "Vehicle", version: 3, zones: []zoneUsage{{zone: "Home"}, {zone: "Neighbours"}, {zone: "Rest of World"}}},
		{ratePlan: "Alarm", version: 2, zones: []zoneUsage{{zone: "Home"}, {zone: "Neighbours"}}},
	}
}

// usage computes what device i used in a cycle. A device keeps its rate plan from
// cycle to cycle. About one in sixteen used nothing, and a zone abroad is used
// about every fourth time.
func (g generatedFleet) usage(i int, c cycle) []planUsage {
	plans := generatedRatePlans()
	plan := plans[i%len(plans)]
	random := rand.New(rand.NewPCG(g.seed, uint64(i)<<16|uint64(c.month&0xffff)))
	if random.IntN(16) == 0 {
		return nil
	}
	used := []zoneUsage{randomUsage(random, plan.zones[0].zone)}
	for _, abroad := range plan.zones[1:] {
		if random.IntN(4) == 0 {
			used = append(used, randomUsage(random, abroad.zone))
		}
	}
	plan.zones = used
	return []planUsage{plan}
}

// randomUsage always has data; each other kind is null half of the time.
func randomUsage(random *rand.Rand, zone string) zoneUsage {
	maybe := func(limit int64) *int64 {
		if random.IntN(2) == 0 {
			return nil
		}
		return used(random.Int64N(limit))
	}
	return zoneUsage{
		zone:    zone,
		data:    used(random.Int64N(1 << 30)),
		voiceMT: maybe(3600),
		voiceMO: maybe(3600),
		smsMT:   maybe(100),
		smsMO:   maybe(100),
	}
}
