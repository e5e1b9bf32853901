package usageform

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

var columns = []string{
	"iccid", "timestamp", "cycle_start_time", "cycle_end_time", "rate_plan", "rate_plan_version", "zone",
	"data_bytes", "voice_mt_seconds", "voice_mo_seconds", "sms_mt_messages", "sms_mo_messages",
}

// CSV is one row a zone, an empty cell for what was not reported. A rate plan without zones has a row without a zone, and a
// device without usage one without a rate plan: it was asked, and has an answer. Names stand as Control Center gives them,
// also those that begin as a spreadsheet's formula does.
var CSV = Form{Header: strings.Join(columns, ",") + "\n", Append: appendCSV, held: heldCSV}

func appendCSV(text []byte, resp *usagev1.GetDeviceUsageInZoneResponse) ([]byte, error) {
	buffer := bytes.NewBuffer(text)
	rows := csv.NewWriter(buffer)
	device := []string{resp.GetIccid(), timeText(resp.GetTimestamp()),
		timeText(resp.GetBillingCycle().GetStartTime()), timeText(resp.GetBillingCycle().GetEndTime())}
	write := func(plan, version, zone string, usage *usagev1.Usage) {
		_ = rows.Write(append(append(device[:4:4], plan, version, zone), cells(usage)...)) // Error has what fails
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

func timeText(at *timestamppb.Timestamp) string {
	if at == nil {
		return ""
	}
	return at.AsTime().Format(time.RFC3339Nano)
}

// heldCSV takes a device for whole when a row of another one follows: how many rows it has, nothing tells. So the last one is
// asked about again.
func heldCSV(text io.Reader, size int64, tell func(string) error) (end int64, err error) {
	rows := csv.NewReader(text)
	rows.FieldsPerRecord = len(columns)
	rows.ReuseRecord = true
	last := "" // the device of the row before
	for {
		begin := rows.InputOffset()
		row, err := rows.Read()
		switch {
		case errors.Is(err, io.EOF) || (err != nil && rows.InputOffset() == size): // or the last row is torn
			return end, nil
		case err != nil:
			return 0, err
		case row[0] == last:
			continue
		case last != "":
			if err := tell(last); err != nil {
				return 0, err
			}
		}
		last, end = strings.Clone(row[0]), begin
	}
}
