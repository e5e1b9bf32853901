package main

import (
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

const plainRole = "http"

// The answer as structs, the way people write a REST service by hand. Its JSON is the same as the service's. Its times are
// texts already, which saves this reference some work.
type (
	plainUsage struct {
		ICCID     string       `json:"iccid"`
		Timestamp string       `json:"timestamp"`
		Cycle     plainCycle   `json:"billingCycle"`
		RatePlans []plainPlan  `json:"ratePlanUsages"`
		Total     *plainCounts `json:"total"`
	}
	plainCycle struct {
		Start string `json:"startTime"`
		End   string `json:"endTime"`
	}
	plainPlan struct {
		RatePlan string       `json:"ratePlan"`
		Version  int32        `json:"ratePlanVersion"`
		Zones    []plainZone  `json:"zoneUsages"`
		Total    *plainCounts `json:"total"`
	}
	plainZone struct {
		Zone  string       `json:"zone"`
		Usage *plainCounts `json:"usage"`
	}
	plainCounts struct {
		Data    *int64 `json:"dataBytes,string,omitempty"`
		VoiceMT *int64 `json:"voiceMtSeconds,string,omitempty"`
		VoiceMO *int64 `json:"voiceMoSeconds,string,omitempty"`
		SMSMT   *int64 `json:"smsMtMessages,string,omitempty"`
		SMSMO   *int64 `json:"smsMoMessages,string,omitempty"`
	}
)

func newPlainUsage(m *usagev1.GetDeviceUsageInZoneResponse) *plainUsage {
	u := &plainUsage{
		ICCID: m.GetIccid(), Timestamp: timeText(m.GetTimestamp()), RatePlans: []plainPlan{}, Total: newPlainCounts(m.GetTotal()),
		Cycle: plainCycle{timeText(m.GetBillingCycle().GetStartTime()), timeText(m.GetBillingCycle().GetEndTime())},
	}
	for _, p := range m.GetRatePlanUsages() {
		plan := plainPlan{RatePlan: p.GetRatePlan(), Version: p.GetRatePlanVersion(), Zones: []plainZone{}, Total: newPlainCounts(p.GetTotal())}
		for _, z := range p.GetZoneUsages() {
			plan.Zones = append(plan.Zones, plainZone{z.GetZone(), newPlainCounts(z.GetUsage())})
		}
		u.RatePlans = append(u.RatePlans, plan)
	}
	return u
}

// newPlainCounts reads the fields themselves, because the getters return 0 for unset fields.
func newPlainCounts(m *usagev1.Usage) *plainCounts {
	return &plainCounts{Data: m.DataBytes, VoiceMT: m.VoiceMtSeconds, VoiceMO: m.VoiceMoSeconds, SMSMT: m.SmsMtMessages, SMSMO: m.SmsMoMessages}
}

// timeText is the time as in protobuf's JSON: with no digits below the second or with three. The upstream's times are never
// finer.
func timeText(t *timestamppb.Timestamp) string {
	if t.GetNanos() == 0 {
		return t.AsTime().Format(time.RFC3339)
	}
	return t.AsTime().Format("2006-01-02T15:04:05.000Z07:00")
}

func runPlain(ctx context.Context, args []string) error {
	var secure tlsFlags
	flags := flag.NewFlagSet(plainRole, flag.ContinueOnError)
	file := flags.String("answer", "", "the file of the answer, a marshalled message")
	secure.register(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	_, message, err := readAnswer(*file)
	if err != nil {
		return err
	}
	return serveHTTP(ctx, newPlainUsage(message), secure)
}

// ServeHTTP implements http.Handler. It encodes the answer for every request.
func (u *plainUsage) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	body, err := json.Marshal(u)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // fails if the caller has left
}
