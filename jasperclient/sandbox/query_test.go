package sandbox_test

import (
	"testing"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

func TestParameters(t *testing.T) {
	s := newSandbox(t)
	for _, test := range []struct{ query, code string }{
		{"cycleStartDate=&ratePlan=&zone=", ""},
		{"zone", ""},
		{"isActiveRatePlan=true", ""},
		{"fields=ratePlan,zone", ""},
		{"accountId=", ""},
		{"accountId=100020620", "10000028"},
		{"rateplan=Rate+Plan+A", "10000028"},
		{"=x", "10000028"},
		{"zone=default+zone&zone=default+zone", "10000028"},
		{"ratePlan=&ratePlan=", "10000028"},
		{"cycleStartDate=2016-11-10Z&cycleStartDate=2016-11-10Z", "10000028"},
		{"zone=%zz", "10000028"},
		{"zone=default+zone;x=y", "10000031"}, // ";" is part of the name
	} {
		if got := ask(s, exampleDevice+"?"+test.query).code(t); got != test.code {
			t.Errorf("%q: code %q, want %q", test.query, got, test.code)
		}
	}
}

func TestDates(t *testing.T) {
	for _, test := range []struct {
		name string
		opts []sandbox.Option
		date string // as it travels
		code string
	}{
		{name: "Z", date: "2016-11-10Z"},
		{name: "zero offset", date: "2016-11-10%2B00:00"},
		{name: "plus is a space", date: "2016-11-10+00:00", code: "10000012"},
		{name: "30 February", date: "2016-02-30Z", code: "10000012"},
		{name: "29 February of another year", date: "2015-02-29Z", code: "10000012"},
		{name: "one digit", date: "2016-11-1Z", code: "10000012"},
		{name: "lower case", date: "2016-11-10z", code: "10000012"},
		{name: "time of day", date: "2016-11-10T00:00:00Z", code: "10000012"},
		{name: "not a date", date: "today", code: "10000012"},
		{name: "too short", date: "Z", code: "10000012"},
		{name: "year 1", date: "0001-01-01Z", code: "10000032"},

		{name: "first day", date: "2016-11-01Z"},
		{name: "last day", date: "2016-11-30Z"},
		{name: "after the current cycle", date: "2016-12-01Z", code: "10000012"},
		{name: "first day of the oldest cycle", date: "2016-09-01Z"},
		{name: "day before the oldest cycle", date: "2016-08-31Z", code: "10000032"},

		{name: "bare", date: "2016-11-10", code: "10000012"},
		{name: "bare accepted", opts: []sandbox.Option{sandbox.WithBareDates(true)}, date: "2016-11-10"},
		{name: "offset", date: "2016-11-10%2B08:00", code: "10000012"},
		{name: "offset accepted", opts: []sandbox.Option{sandbox.WithOffsetDates(true)}, date: "2016-11-10%2B08:00"},
		{name: "negative offset accepted", opts: []sandbox.Option{sandbox.WithOffsetDates(true)}, date: "2016-11-10-05:00"},
		{name: "no offset accepted", opts: []sandbox.Option{sandbox.WithOffsetDates(true)}, date: "2016-11-10%2B8", code: "10000012"},
		{name: "bare needs its own option", opts: []sandbox.Option{sandbox.WithOffsetDates(true)}, date: "2016-11-10", code: "10000012"},
		{name: "future accepted", opts: []sandbox.Option{sandbox.WithFutureDates(true)}, date: "2026-01-01Z"},

		{name: "exact first day", opts: []sandbox.Option{sandbox.WithMidCycleDates(false)}, date: "2016-10-01Z"},
		{name: "exact, mid cycle", opts: []sandbox.Option{sandbox.WithMidCycleDates(false)}, date: "2016-11-10Z", code: "10000012"},
		{name: "exact, too old", opts: []sandbox.Option{sandbox.WithMidCycleDates(false)}, date: "2016-08-15Z", code: "10000032"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ask(newSandbox(t, test.opts...), exampleDevice+"?cycleStartDate="+test.date)
			if code := got.code(t); code != test.code {
				t.Errorf("code %q, want %q", code, test.code)
			}
		})
	}
}

// Each of the three cycles is answered by its own start.
func TestDateSelectsCycle(t *testing.T) {
	const device = "8999901000000000084"
	s := newSandbox(t, sandbox.WithFutureDates(true))
	for _, test := range []struct {
		date, start string
		used        int64
	}{
		{"2016-11-30Z", "2016-10-31T10:30:00.000Z", 3000},
		{"2016-11-01Z", "2016-10-31T10:30:00.000Z", 3000},
		{"2016-10-31Z", "2016-09-30T10:30:00.000Z", 2000},
		{"2016-10-01+00:00", "2016-09-30T10:30:00.000Z", 2000},
		{"2016-09-30Z", "2016-08-31T10:30:00.000Z", 1000},
		{"2017-01-01Z", "2016-10-31T10:30:00.000Z", 3000},
	} {
		got := ask(s, usage(device, "cycleStartDate", test.date)).answer(t)
		used := *got.Usage["Rate Plan A, 1"][0].DataUsage
		if got.CycleStartDate != test.start || used != test.used {
			t.Errorf("%s: cycle %s with %d, want %s with %d", test.date, got.CycleStartDate, used, test.start, test.used)
		}
	}
}
