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
	}
	var total jasperclient.Usage
	for _, ratePlan := range usage.RatePlans {
		converted, sum, err := convertRatePlan(ratePlan)
		if err != nil {
			return nil, err
		}
		if err := add(&total, sum); err != nil {
			return nil, err
		}
		resp.RatePlanUsages = append(resp.RatePlanUsages, converted)
	}
	slices.SortStableFunc(resp.GetRatePlanUsages(), func(a, b *usagev1.RatePlanUsage) int {
		return cmp.Or(
			cmp.Compare(a.GetRatePlan(), b.GetRatePlan()),
			cmp.Compare(a.GetRatePlanVersion(), b.GetRatePlanVersion()))
	})
	resp.Total = convertUsage(total)
	return resp, nil
}

// convertRatePlan also gives the sum over the zones.
func convertRatePlan(ratePlan jasperclient.RatePlanUsage) (*usagev1.RatePlanUsage, jasperclient.Usage, error) {
	converted := &usagev1.RatePlanUsage{RatePlan: ratePlan.RatePlan, RatePlanVersion: ratePlan.Version}
	var total jasperclient.Usage
	for _, zone := range ratePlan.Zones {
		if err := add(&total, zone.Usage); err != nil {
			return nil, total, err
		}
		converted.ZoneUsages = append(converted.ZoneUsages, &usagev1.ZoneUsage{Zone: zone.Zone, Usage: convertUsage(zone.Usage)})
	}
	slices.SortStableFunc(converted.GetZoneUsages(), func(a, b *usagev1.ZoneUsage) int {
		return cmp.Compare(a.GetZone(), b.GetZone())
	})
	converted.Total = convertUsage(total)
	return converted, total, nil
}

// convertUsage keeps what was not reported unset.
func convertUsage(usage jasperclient.Usage) *usagev1.Usage {
	return &usagev1.Usage{
		DataBytes:      usage.DataBytes,
		VoiceMtSeconds: usage.VoiceMTSeconds,
		VoiceMoSeconds: usage.VoiceMOSeconds,
		SmsMtMessages:  usage.SMSMTMessages,
		SmsMoMessages:  usage.SMSMOMessages,
	}
}

// add adds each kind of usage that part has to total.
func add(total *jasperclient.Usage, part jasperclient.Usage) error {
	return errors.Join(
		addCount(&total.DataBytes, part.DataBytes),
		addCount(&total.VoiceMTSeconds, part.VoiceMTSeconds),
		addCount(&total.VoiceMOSeconds, part.VoiceMOSeconds),
		addCount(&total.SMSMTMessages, part.SMSMTMessages),
		addCount(&total.SMSMOMessages, part.SMSMOMessages),
	)
}

func addCount(total **int64, part *int64) error {
	if part == nil {
		return nil
	}
	if *total == nil {
		*total = new(int64)
	}
	if **total > math.MaxInt64-*part {
		return &jasperclient.InvalidResponseError{
			HTTPStatus: http.StatusOK,
			Err:        errors.New("a sum of its counts exceeds 2^63-1"),
		}
	}
	**total += *part
	return nil
}
