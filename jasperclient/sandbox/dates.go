package sandbox

import (
	"time"

	"github.com/zoneusage/zoneusage/internal/controlcenter"
)

// dateRules says which dates are accepted beyond the two known spellings.
type dateRules struct {
	midCycle, bare, offset, future bool
}

// parse reads the two spellings seen in real clients, 2016-11-10Z and
// 2016-11-10+00:00, and the spellings that the rules add. The day is returned as
// its midnight in UTC; it is nil if there is no date.
func (rules dateRules) parse(value string) (*time.Time, *controlcenter.Refusal) {
	if value == "" {
		return nil, nil
	}
	const dayLength = len(time.DateOnly)
	if len(value) < dayLength {
		return nil, controlcenter.InvalidDate
	}
	day, err := time.Parse(time.DateOnly, value[:dayLength])
	if err != nil || !rules.acceptOffset(value[dayLength:]) {
		return nil, controlcenter.InvalidDate
	}
	return &day, nil
}

func (rules dateRules) acceptOffset(offset string) bool {
	switch offset {
	case "Z", "+00:00":
		return true
	case "":
		return rules.bare
	}
	_, err := time.Parse("-07:00", offset)
	return err == nil && rules.offset
}

// selectCycle finds the cycle that holds a day of the account's calendar, as an
// index of cycles. No date selects the current cycle.
func (rules dateRules) selectCycle(date *time.Time, cycles [3]cycle) (age int, err *controlcenter.Refusal) {
	if date == nil {
		return 0, nil
	}
	if !date.Before(cycles[0].nextFirstDay) {
		if rules.future {
			return 0, nil
		}
		return 0, controlcenter.InvalidDate
	}
	for age, c := range cycles {
		if date.Equal(c.firstDay) || rules.midCycle && date.After(c.firstDay) {
			return age, nil
		}
	}
	if date.After(cycles[2].firstDay) {
		return 0, controlcenter.InvalidDate
	}
	return 0, errBeforeThirdCycle(cycles)
}
