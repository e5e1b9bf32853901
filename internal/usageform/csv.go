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

// CSV has one row for each zone, with empty cells for what was not reported. A rate plan without zones has a row without a
// zone. A device without usage has a row without a rate plan, because it was asked about and has an answer. Each row gives
// the number of the device's rows, because otherwise nobody would notice a file that was cut off between two of them. Names
// stand as Control Center gives them, even if they begin like a spreadsheet's formula.
var CSV = Form{Header: strings.Join(columns, ",") + "\n", Append: appendCSV, held: heldCSV, part: partCSV}

func appendCSV(text []byte, resp *usagev1.GetDeviceUsageInZoneResponse) ([]byte, error) {
	buffer := bytes.NewBuffer(text)
	rows := csv.NewWriter(buffer)
	device := []string{resp.GetIccid(), timeText(resp.GetTimestamp()),
		timeText(resp.GetBillingCycle().GetStartTime()), timeText(resp.GetBillingCycle().GetEndTime())}
	count := strconv.Itoa(rowsOf(resp))
	write := func(plan, version, zone string, usage *usagev1.Usage) {
		_ = rows.Write(slices.Concat(device, []string{plan, version, zone}, cells(usage), []string{count})) // Error reports a failure
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

// timeText is the time as in protobuf's JSON, with 0, 3, 6 or 9 digits below the second.
func timeText(at *timestamppb.Timestamp) string {
	if at == nil {
		return ""
	}
	text := at.AsTime().Format("2006-01-02T15:04:05.000000000")
	text = strings.TrimSuffix(strings.TrimSuffix(text, "000"), "000")
	return strings.TrimSuffix(text, ".000") + "Z"
}
