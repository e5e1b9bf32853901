package service

import (
	"cmp"
	"errors"
	"math"
	"net/http"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// convert makes a response from Control Center's answer: sorted, and without totals.
func convert(usage *jasperclient.DeviceUsage) *usagev1.GetDeviceUsageInZoneResponse {
	resp := &usagev1.GetDeviceUsageInZoneResponse{
		Iccid:     string(usage.ICCID),
		Timestamp: timestamppb.New(usage.Timestamp),
		BillingCycle: &usagev1.BillingCycle{
			StartTime: timestamppb.New(usage.CycleStart),
			EndTime:   timestamppb.New(usage.CycleEnd),
		},
	}
	for _, ratePlan := range usage.RatePlans {
		resp.RatePlanUsages = append(resp.RatePlanUsages, convertRatePlan(ratePlan))
	}
	slices.SortStableFunc(resp.GetRatePlanUsages(), func(a, b *usagev1.RatePlanUsage) int {
		return cmp.Or(
			cmp.Compare(a.GetRatePlan(), b.GetRatePlan()),
			cmp.Compare(a.GetRatePlanVersion(), b.GetRatePlanVersion()))
	})
	return resp
}

func convertRatePlan(ratePlan jasperclient.RatePlanUsage) *usagev1.RatePlanUsage {
	converted := &usagev1.RatePlanUsage{RatePlan: ratePlan.RatePlan, RatePlanVersion: ratePlan.Version}
	for _, zone := range ratePlan.Zones {
		converted.ZoneUsages = append(converted.ZoneUsages, &usagev1.ZoneUsage{Zone: zone.Zone, Usage: convertUsage(zone.Usage)})
	}
	slices.SortStableFunc(converted.GetZoneUsages(), func(a, b *usagev1.ZoneUsage) int {
		return cmp.Compare(a.GetZone(), b.GetZone())
	})
	return converted
}

// convertUsage leaves what was not reported unset.
func convertUsage(usage jasperclient.Usage) *usagev1.Usage {
	return &usagev1.Usage{
		DataBytes:      usage.DataBytes,
		VoiceMtSeconds: usage.VoiceMTSeconds,
		VoiceMoSeconds: usage.VoiceMOSeconds,
		SmsMtMessages:  usage.SMSMTMessages,
		SmsMoMessages:  usage.SMSMOMessages,
	}
}

// filter keeps what the query's filters ask for, and reports whether any record is left. As Control Center does, it keeps a
// rate plan without zones if no zone is asked for.
func filter(resp *usagev1.GetDeviceUsageInZoneResponse, query jasperclient.UsageQuery) bool {
	found := false
	resp.RatePlanUsages = slices.DeleteFunc(resp.GetRatePlanUsages(), func(plan *usagev1.RatePlanUsage) bool {
		if query.RatePlan != "" && plan.GetRatePlan() != query.RatePlan {
			return true
		}
		plan.ZoneUsages = slices.DeleteFunc(plan.GetZoneUsages(), func(zone *usagev1.ZoneUsage) bool {
			return query.Zone != "" && zone.GetZone() != query.Zone
		})
		found = found || len(plan.GetZoneUsages()) > 0
		return query.Zone != "" && len(plan.GetZoneUsages()) == 0
	})
	return found
}

// addTotals adds the totals of each rate plan and of the whole response, which Control Center does not give.
func addTotals(resp *usagev1.GetDeviceUsageInZoneResponse) error {
	resp.Total = &usagev1.Usage{}
	for _, plan := range resp.GetRatePlanUsages() {
		plan.Total = &usagev1.Usage{}
		for _, zone := range plan.GetZoneUsages() {
			if err := add(plan.GetTotal(), zone.GetUsage()); err != nil {
				return err
			}
		}
		if err := add(resp.GetTotal(), plan.GetTotal()); err != nil {
			return err
		}
	}
	return nil
}

func removeTotals(resp *usagev1.GetDeviceUsageInZoneResponse) {
	resp.Total = nil
	for _, plan := range resp.GetRatePlanUsages() {
		plan.Total = nil
	}
}

// add adds each kind of usage in part to total.
func add(total, part *usagev1.Usage) error {
	return errors.Join(
		addCount(&total.DataBytes, part.DataBytes),
		addCount(&total.VoiceMtSeconds, part.VoiceMtSeconds),
		addCount(&total.VoiceMoSeconds, part.VoiceMoSeconds),
		addCount(&total.SmsMtMessages, part.SmsMtMessages),
		addCount(&total.SmsMoMessages, part.SmsMoMessages),
	)
}

// errSum is for counts whose sum is not an int64.
var errSum = errors.New("a sum of its counts exceeds 2^63-1")

func addCount(total **int64, part *int64) error {
	if part == nil {
		return nil
	}
	if *total == nil {
		*total = new(int64)
	}
	if **total > math.MaxInt64-*part {
		return &jasperclient.InvalidResponseError{HTTPStatus: http.StatusOK, Err: errSum}
	}
	**total += *part
	return nil
}
