package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

// TestPlainBody: the reference's body is protobuf's JSON as the service writes it. That it is the service's own, each row
// makes sure before it begins.
func TestPlainBody(t *testing.T) {
	at := func(nanos int32) *timestamppb.Timestamp {
		return &timestamppb.Timestamp{Seconds: 1790000000, Nanos: nanos}
	}
	every := &usagev1.Usage{DataBytes: proto.Int64(1 << 62), VoiceMtSeconds: proto.Int64(0), VoiceMoSeconds: proto.Int64(3),
		SmsMtMessages: proto.Int64(4), SmsMoMessages: proto.Int64(5)}
	cycle := &usagev1.BillingCycle{StartTime: at(0), EndTime: at(0)}
	for name, message := range map[string]*usagev1.GetDeviceUsageInZoneResponse{
		"nothing used": {Iccid: smallICCID, Timestamp: at(0), BillingCycle: cycle, Total: &usagev1.Usage{}},
		"much": {Iccid: smallICCID, Timestamp: at(120e6), BillingCycle: cycle, Total: every, RatePlanUsages: []*usagev1.RatePlanUsage{
			{RatePlan: "A & <B>", RatePlanVersion: 0, Total: every, ZoneUsages: []*usagev1.ZoneUsage{{Zone: "ü", Usage: every}, {Zone: "x", Usage: &usagev1.Usage{}}}},
			{RatePlan: "C", RatePlanVersion: 7, Total: &usagev1.Usage{}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			want, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(message)
			if err != nil {
				t.Fatal(err)
			}
			reply := httptest.NewRecorder()
			newPlainUsage(message).ServeHTTP(reply, nil)
			if diff := cmp.Diff(parsed(t, want), parsed(t, reply.Body.Bytes())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func parsed(t *testing.T, body []byte) (value map[string]any) {
	t.Helper()
	if err := json.Unmarshal(body, &value); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return value
}

// TestUpstream: the small answer is the vendor's example at another time, and the large one has every count.
func TestUpstream(t *testing.T) {
	small, large := prepare(smallPlans(), time.Now()), prepare(largePlansOf(largePlans, largeZones), time.Now())
	mux := http.NewServeMux()
	mux.Handle("GET "+upstreamPath("{iccid}"), &upstream{small: small, large: large, latency: time.Millisecond})
	ask := func(iccid, key string) *httptest.ResponseRecorder {
		req := httptest.NewRequest(http.MethodGet, upstreamPath(iccid), nil)
		req.SetBasicAuth(upstreamUser, key)
		reply := httptest.NewRecorder()
		mux.ServeHTTP(reply, req)
		return reply
	}
	example, err := os.ReadFile("../../cmd/zoneusage/testdata/vendor_example.json")
	if err != nil {
		t.Fatal(err)
	}
	got, want := parsed(t, ask(smallICCID, upstreamKey).Body.Bytes()), parsed(t, example)
	for _, name := range []string{"timeStamp", "cycleStartDate", "cycleEndDate"} {
		delete(got, name)
		delete(want, name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	much := parsed(t, ask(largeICCID, upstreamKey).Body.Bytes())
	plans := much["deviceCycleUsageInZones"].(map[string]any)
	if len(plans) != largePlans || much["iccid"] != largeICCID {
		t.Errorf("%s has %d plans", much["iccid"], len(plans))
	}
	for _, zones := range plans {
		if len(zones.([]any)) != largeZones {
			t.Errorf("a plan has %d zones", len(zones.([]any)))
		}
	}
	if reply := ask(smallICCID, "wrong"); reply.Code != http.StatusUnauthorized {
		t.Errorf("a wrong key gets HTTP status %d", reply.Code)
	}
}
