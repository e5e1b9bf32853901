package jasperclient

import (
	"fmt"
	"regexp"
	"time"
)

// A Date is a calendar day, such as a day of a billing cycle in the account's time zone. The zero Date is not a day.
type Date struct {
	Year  int // 1 to 9999
	Month time.Month
	Day   int // of the month, from 1
}

var dateForm = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2})(Z|\+00:00)?$`)

// ParseDate reads YYYY-MM-DD and Control Center's own spellings of the same day, YYYY-MM-DDZ and YYYY-MM-DD+00:00.
func ParseDate(s string) (Date, error) {
	match := dateForm.FindStringSubmatch(s)
	if match == nil {
		const shown = 40
		return Date{}, fmt.Errorf("%.*q is not a valid date; write YYYY-MM-DD, YYYY-MM-DDZ or YYYY-MM-DD+00:00 (in a URL, + as %%2B)", shown, s)
	}
	t, err := time.Parse(time.DateOnly, match[1])
	if err != nil {
		return Date{}, fmt.Errorf("the calendar has no day %s", match[1])
	}
	return Date{Year: t.Year(), Month: t.Month(), Day: t.Day()}, nil
}

// String gives the date as YYYY-MM-DD.
func (d Date) String() string {
	return d.utc().Format(time.DateOnly)
}

// IsZero reports whether d is the zero Date.
func (d Date) IsZero() bool {
	return d == Date{}
}

func (d Date) utc() time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
}

// The time zones farthest from UTC: a calendar day begins first at UTC+14 and ends last at UTC-12.
const (
	easternmost = 14 * time.Hour
	westernmost = 12 * time.Hour
)

// overlaps reports whether any instant of the calendar day d, in any time zone, lies in [start, end).
func (d Date) overlaps(start, end time.Time) bool {
	first := d.utc().Add(-easternmost)
	last := d.utc().AddDate(0, 0, 1).Add(westernmost)
	return first.Before(end) && start.Before(last)
}
