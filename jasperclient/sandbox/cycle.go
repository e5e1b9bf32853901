package sandbox

import (
	"sort"
	"time"
)

// billing says when an account's billing cycles begin: at midnight, in zone, of
// a day of the month.
type billing struct {
	zone *time.Location
	day  int
}

// cycle is one billing cycle, from start until next. Its days are days of the
// account's calendar, each written as its midnight in UTC.
type cycle struct {
	month                  int // of the first day, counted from January of year 0
	firstDay, nextFirstDay time.Time
	start, next            time.Time
}

// lastThree returns the cycle that holds now and the two before it, newest first.
func (b billing) lastThree(now time.Time) [3]cycle {
	local := now.In(b.zone)
	month := local.Year()*12 + int(local.Month()) - 1
	if now.Before(b.cycle(month).start) {
		month--
	}
	return [3]cycle{b.cycle(month), b.cycle(month - 1), b.cycle(month - 2)}
}

// cycle returns the cycle that begins in a month.
func (b billing) cycle(month int) cycle {
	first, next := b.firstDay(month), b.firstDay(month+1)
	return cycle{
		month:        month,
		firstDay:     first,
		nextFirstDay: next,
		start:        startOfDay(first, b.zone),
		next:         startOfDay(next, b.zone),
	}
}

// firstDay returns the cycle day of a month, or the month's last day when the
// month is shorter.
func (b billing) firstDay(month int) time.Time {
	year, m := month/12, time.Month(month%12+1)
	last := time.Date(year, m+1, 0, 0, 0, 0, 0, time.UTC).Day()
	return time.Date(year, m, min(b.day, last), 0, 0, 0, 0, time.UTC)
}

// startOfDay returns the first second of a day in a zone. [time.Date] alone is
// not enough: where clocks change at midnight it may return an hour of the day
// before, or the second of two midnights.
func startOfDay(day time.Time, zone *time.Location) time.Time {
	const span = 24 * 60 * 60 // seconds; no zone is further from UTC
	earliest := day.Add(-span * time.Second)
	seconds := sort.Search(2*span, func(s int) bool {
		year, month, d := earliest.Add(time.Duration(s) * time.Second).In(zone).Date()
		return !time.Date(year, month, d, 0, 0, 0, 0, time.UTC).Before(day)
	})
	return earliest.Add(time.Duration(seconds) * time.Second)
}
