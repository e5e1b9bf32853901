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

// convert makes the response of Control Center's answer: sorted, with the totals that Control Center does not give.
func convert(usage *jasperclient.DeviceUsage) (*usagev1.GetDeviceUsageInZoneResponse, error) {
	resp := &usagev1.GetDeviceUsageInZoneResponse{
		Iccid:     string(usage.ICCID),
		Timestamp: timestamppb.New(usage.Timestamp),
		BillingCycle: &usagev1.BillingCycle{
			StartTime: timestamppb.New(usage.CycleStart),
			EndTime:   timestamppb.New(usage.CycleEnd),
		},
		Total: &usagev1.Usage{},
	}
	for _, ratePlan := range usage.RatePlans {
		converted, err := convertRatePlan(ratePlan)
		if err != nil {
			return nil, err
		}
		if err := add(resp.GetTotal(), converted.GetTotal()); err != nil {
			return nil, err
		}
		resp.RatePlanUsages = append(resp.RatePlanUsages, converted)
	}
	slices.SortStableFunc(resp.GetRatePlanUsages(), func(a, b *usagev1.RatePlanUsage) int {
		return cmp.Or(
			cmp.Compare(a.GetRatePlan(), b.GetRatePlan()),
			cmp.Compare(a.GetRatePlanVersion(), b.GetRatePlanVersion()))
	})
	return resp, nil
}

func convertRatePlan(ratePlan jasperclient.RatePlanUsage) (*usagev1.RatePlanUsage, error) {
	converted := &usagev1.RatePlanUsage{
		RatePlan:        ratePlan.RatePlan,
		RatePlanVersion: ratePlan.Version,
		Total:           &usagev1.Usage{},
	}
	for _, zone := range ratePlan.Zones {
		usage := &usagev1.Usage{
			DataBytes:      zone.DataBytes,
			VoiceMtSeconds: zone.VoiceMTSeconds,
			VoiceMoSeconds: zone.VoiceMOSeconds,
			SmsMtMessages:  zone.SMSMTMessages,
			SmsMoMessages:  zone.SMSMOMessages,
		}
		if err := add(converted.GetTotal(), usage); err != nil {
			return nil, err
		}
		converted.ZoneUsages = append(converted.ZoneUsages, &usagev1.ZoneUsage{Zone: zone.Zone, Usage: usage})
	}
	slices.SortStableFunc(converted.GetZoneUsages(), func(a, b *usagev1.ZoneUsage) int {
		return cmp.Compare(a.GetZone(), b.GetZone())
	})
	return converted, nil
}

// add adds each kind of usage that part has to total.
func add(total, part *usagev1.Usage) error {
	for _, kind := range []struct {
		total **int64
		part  *int64
	}{
		{&total.DataBytes, part.DataBytes},
		{&total.VoiceMtSeconds, part.VoiceMtSeconds},
		{&total.VoiceMoSeconds, part.VoiceMoSeconds},
		{&total.SmsMtMessages, part.SmsMtMessages},
		{&total.SmsMoMessages, part.SmsMoMessages},
	} {
		if kind.part == nil {
			continue
		}
		var sum int64
		if *kind.total != nil {
			sum = **kind.total
		}
		if sum > math.MaxInt64-*kind.part {
			return &jasperclient.InvalidResponseError{
				HTTPStatus: http.StatusOK,
				Err:        errors.New("a sum of its counts exceeds 2^63-1"),
			}
		}
		sum += *kind.part
		*kind.total = &sum
	}
	return nil
}
