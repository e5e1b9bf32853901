package usageform

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

// A Style is how tables look.
type Style struct {
	Width int  // columns of the terminal; 0 is no bound
	Color bool // whether escape sequences set the headings apart
}

// none stands for a number that was not reported, which differs from 0.
const none = "—"

// Table is for people. Each device has a table with one row for each zone, and bars that compare the zones with the largest
// one.
func Table(style Style) Form {
	between := ""
	return Form{Append: func(text []byte, resp *usagev1.GetDeviceUsageInZoneResponse) ([]byte, error) {
		cycle := resp.GetBillingCycle()
		text = fmt.Appendf(text, "%s%s\nbilling cycle %s to %s, as of %s\n\n", between, style.bold(Printable(resp.GetIccid())),
			clock(cycle.GetStartTime()), clock(cycle.GetEndTime()), clock(resp.GetTimestamp()))
		between = "\n"
		return append(text, style.body(zones(resp))...), nil
	}}
}

// A zone is a row of the table.
type zone struct {
	plan, name string
	usage      *usagev1.Usage
	total      bool
}

// zones makes the rows of an answer, with a total if there are several.
func zones(resp *usagev1.GetDeviceUsageInZoneResponse) []zone {
	var rows []zone
	for _, plan := range resp.GetRatePlanUsages() {
		name := fmt.Sprintf("%s, %d", Printable(plan.GetRatePlan()), plan.GetRatePlanVersion())
		for _, z := range plan.GetZoneUsages() {
			rows = append(rows, zone{plan: name, name: Printable(z.GetZone()), usage: z.GetUsage()})
		}
		if len(plan.GetZoneUsages()) == 0 {
			rows = append(rows, zone{plan: name, name: none, usage: &usagev1.Usage{}})
		}
	}
	if len(rows) > 1 {
		rows = append(rows, zone{plan: "Total", usage: resp.GetTotal(), total: true})
	}
	return rows
}

// body is the widest form of the rows that fits: with bars, without bars, or with each number on a line of its own.
func (s Style) body(rows []zone) string {
	if len(rows) == 0 {
		return "Control Center reported no usage.\n"
	}
	for _, bars := range []bool{true, false} {
		if g := newGrid(rows, bars); s.Width == 0 || g.width() <= s.Width {
			return g.text(s)
		}
	}
	return s.list(rows)
}

// list is the form for terminals that are too narrow for a table.
func (s Style) list(rows []zone) string {
	var text strings.Builder
	for _, row := range rows {
		name := row.plan
		if row.name != "" {
			name += separator + row.name
		}
		fmt.Fprintln(&text, s.bold(name))
		for _, kind := range kinds {
			fmt.Fprintf(&text, "  %-8s  %s\n", kind.title, number(kind.text, kind.of(row.usage)))
		}
	}
	return text.String()
}

// number is the text of a number, or none if it was not reported.
func number(text func(int64) string, n *int64) string {
	if n == nil {
		return none
	}
	return text(*n)
}

func (s Style) bold(text string) string {
	if !s.Color {
		return text
	}
	return "\x1b[1m" + text + "\x1b[0m"
}

func clock(at *timestamppb.Timestamp) string {
	return at.AsTime().Format(time.DateTime) + " UTC"
}
