package usageform

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

var columns = []string{
	"iccid", "timestamp", "cycle_start_time", "cycle_end_time", "rate_plan", "rate_plan_version", "zone",
	"data_bytes", "voice_mt_seconds", "voice_mo_seconds", "sms_mt_messages", "sms_mo_messages", "device_rows",
}

// CSV is one row a zone, an empty cell for what was not reported. A rate plan without zones has a row without a zone, and a
// device without usage one without a rate plan: it was asked, and has an answer. How many rows the device has is in each of
// them, because nothing else would tell that a file was cut off between two. Names stand as Control Center gives them, also
// those that begin as a spreadsheet's formula does.
var CSV = Form{Header: strings.Join(columns, ",") + "\n", Append: appendCSV, held: heldCSV, part: partCSV}

func appendCSV(text []byte, resp *usagev1.GetDeviceUsageInZoneResponse) ([]byte, error) {
	buffer := bytes.NewBuffer(text)
	rows := csv.NewWriter(buffer)
	device := []string{resp.GetIccid(), timeText(resp.GetTimestamp()),
		timeText(resp.GetBillingCycle().GetStartTime()), timeText(resp.GetBillingCycle().GetEndTime())}
	count := strconv.Itoa(rowsOf(resp))
	write := func(plan, version, zone string, usage *usagev1.Usage) {
		_ = rows.Write(slices.Concat(device, []string{plan, version, zone}, cells(usage), []string{count})) // Error has what fails
	}
	for _, plan := range resp.GetRatePlanUsages() {
		version := strconv.Itoa(int(plan.GetRatePlanVersion()))
		for _, zone := range plan.GetZoneUsages() {
			write(plan.GetRatePlan(), version, zone.GetZone(), zone.GetUsage())
		}
		if len(plan.GetZoneUsages()) == 0 {
			write(plan.GetRatePlan(), version, "", nil)
		}
	}
	if len(resp.GetRatePlanUsages()) == 0 {
		write("", "", "", nil)
	}
	rows.Flush()
	return buffer.Bytes(), rows.Error()
}

// rowsOf is how many rows an answer has.
func rowsOf(resp *usagev1.GetDeviceUsageInZoneResponse) int {
	n := 0
	for _, plan := range resp.GetRatePlanUsages() {
		n += max(len(plan.GetZoneUsages()), 1)
	}
	return max(n, 1)
}

func cells(usage *usagev1.Usage) []string {
	if usage == nil {
		usage = &usagev1.Usage{}
	}
	all := make([]string, 0, len(kinds))
	for _, kind := range kinds {
		cell := ""
		if n := kind.of(usage); n != nil {
			cell = strconv.FormatInt(*n, 10)
		}
		all = append(all, cell)
	}
	return all
}

// timeText is a time as JSON has it: with 0, 3, 6 or 9 digits after the second.
func timeText(at *timestamppb.Timestamp) string {
	if at == nil {
		return ""
	}
	text := at.AsTime().Format("2006-01-02T15:04:05.000000000")
	text = strings.TrimSuffix(strings.TrimSuffix(text, "000"), "000")
	return strings.TrimSuffix(text, ".000") + "Z"
}
