package sandbox_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loaded, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func TestCycles(t *testing.T) {
	for _, test := range []struct {
		name, zone string
		day        int
		now        string
		start, end string
	}{
		{"recorded traffic", "Asia/Shanghai", 27, "2018-09-01T00:00:00Z", "2018-08-26T16:00:00.000Z", "2018-09-26T15:59:59.000Z"},
		{"calendar month", "UTC", 1, "2024-05-15T12:00:00Z", "2024-05-01T00:00:00.000Z", "2024-05-31T23:59:59.000Z"},
		{"first instant", "UTC", 5, "2024-05-05T00:00:00Z", "2024-05-05T00:00:00.000Z", "2024-06-04T23:59:59.000Z"},
		{"last second", "UTC", 5, "2024-06-04T23:59:59Z", "2024-05-05T00:00:00.000Z", "2024-06-04T23:59:59.000Z"},
		{"within the last second", "UTC", 5, "2024-06-04T23:59:59.999999999Z", "2024-05-05T00:00:00.000Z", "2024-06-04T23:59:59.000Z"},
		{"year end", "UTC", 27, "2024-01-05T00:00:00Z", "2023-12-27T00:00:00.000Z", "2024-01-26T23:59:59.000Z"},
		{"December", "UTC", 27, "2023-12-31T00:00:00Z", "2023-12-27T00:00:00.000Z", "2024-01-26T23:59:59.000Z"},
		{"the local day counts", "America/New_York", 1, "2024-06-01T03:59:59Z", "2024-05-01T04:00:00.000Z", "2024-06-01T03:59:59.000Z"},

		{"day 31, leap February", "America/New_York", 31, "2024-03-15T00:00:00Z", "2024-02-29T05:00:00.000Z", "2024-03-31T03:59:59.000Z"},
		{"day 31, February", "America/New_York", 31, "2023-03-15T00:00:00Z", "2023-02-28T05:00:00.000Z", "2023-03-31T03:59:59.000Z"},
		{"day 31, before February's last", "America/New_York", 31, "2023-02-28T04:59:59Z", "2023-01-31T05:00:00.000Z", "2023-02-28T04:59:59.000Z"},
		{"day 31, a month of 30", "America/New_York", 31, "2023-05-01T00:00:00Z", "2023-04-30T04:00:00.000Z", "2023-05-31T03:59:59.000Z"},
		{"clocks go back within", "America/New_York", 31, "2023-11-10T00:00:00Z", "2023-10-31T04:00:00.000Z", "2023-11-30T04:59:59.000Z"},

		{"midnight skipped", "America/Sao_Paulo", 4, "2018-11-10T00:00:00Z", "2018-11-04T03:00:00.000Z", "2018-12-04T01:59:59.000Z"},
		{"midnight twice, west", "America/Havana", 1, "2026-11-10T00:00:00Z", "2026-11-01T04:00:00.000Z", "2026-12-01T04:59:59.000Z"},
		{"midnight twice, east", "Asia/Amman", 29, "2021-11-10T00:00:00Z", "2021-10-28T21:00:00.000Z", "2021-11-28T21:59:59.000Z"},
		{"day skipped", "Pacific/Apia", 30, "2012-01-10T00:00:00Z", "2011-12-30T10:00:00.000Z", "2012-01-29T09:59:59.000Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSandbox(t, at(instant(t, test.now)), sandbox.WithBilling(zone(t, test.zone), test.day))
			got := ask(s, exampleDevice).answer(t)
			if got.CycleStartDate != test.start || got.CycleEndDate != test.end {
				t.Errorf("%s … %s, want %s … %s", got.CycleStartDate, got.CycleEndDate, test.start, test.end)
			}
		})
	}
}

// Whatever the zone and the cycle day, each cycle begins where the one before ends,
// and every instant lies in the cycle that is answered for it.
func TestCyclesTileTime(t *testing.T) {
	const cycles = 30
	for _, name := range []string{
		"UTC", "America/New_York", "America/Sao_Paulo", "America/Havana", "Asia/Amman",
		"Asia/Kolkata", "Asia/Beirut", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kiritimati",
	} {
		for _, day := range []int{1, 4, 15, 27, 28, 29, 30, 31} {
			t.Run(fmt.Sprintf("%s/%d", name, day), func(t *testing.T) {
				checkTiling(t, sandbox.WithBilling(zone(t, name), day), cycles)
			})
		}
	}
}

func checkTiling(t *testing.T, billing sandbox.Option, cycles int) {
	t.Helper()
	now := time.Date(2011, time.January, 15, 0, 0, 0, 0, time.UTC)
	s := newSandbox(t, billing, sandbox.WithClock(func() time.Time { return now }))
	cycle := ask(s, exampleDevice).answer(t)
	for range cycles {
		start, next := instant(t, cycle.CycleStartDate), instant(t, cycle.CycleEndDate).Add(time.Second)
		if days := next.Sub(start).Hours() / 24; days < 27 || days > 32 {
			t.Fatalf("a cycle of %v days: %s … %s", days, start, next)
		}
		now = next.Add(-time.Nanosecond)
		if last := ask(s, exampleDevice).answer(t); last.CycleStartDate != cycle.CycleStartDate {
			t.Fatalf("at %v the cycle began %s, want %s", now, last.CycleStartDate, cycle.CycleStartDate)
		}
		now = next
		cycle = ask(s, exampleDevice).answer(t)
		if begin := instant(t, cycle.CycleStartDate); !begin.Equal(next) {
			t.Fatalf("a cycle begins at %v, the one before ends at %v", begin, next)
		}
	}
}

// The earliest date named by the error is itself accepted, and the day before
// it is not.
func TestEarliestDate(t *testing.T) {
	for day := 1; day <= 31; day++ {
		s := newSandbox(t, at(instant(t, "2024-04-15T12:00:00Z")), sandbox.WithBilling(zone(t, "America/New_York"), day))
		refused := ask(s, usage(exampleICCID, "cycleStartDate", "2000-01-01Z"))
		var earliest string
		const text = `{"errorMessage":"Cycle Start Date should be greater than or equal to %10s.","errorCode":"10000032"}`
		if _, err := fmt.Sscanf(refused.body, text, &earliest); err != nil {
			t.Fatalf("day %d: %v in %s", day, err, refused.body)
		}
		first, err := time.Parse(time.DateOnly, earliest)
		if err != nil {
			t.Fatal(err)
		}
		before := first.AddDate(0, 0, -1).Format(time.DateOnly)
		if got := ask(s, usage(exampleICCID, "cycleStartDate", earliest+"Z")).code(t); got != "" {
			t.Errorf("day %d: %s refused with %s", day, earliest, got)
		}
		if got := ask(s, usage(exampleICCID, "cycleStartDate", before+"Z")).code(t); got != "10000032" {
			t.Errorf("day %d: %s has code %q", day, before, got)
		}
	}
}
