package service

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/gen/openapi"
	"github.com/zoneusage/zoneusage/internal/callers"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// documented is the part of the OpenAPI document that tells of failures.
type documented struct {
	Paths map[string]map[string]struct {
		Parameters []struct{ Name, In string }
		Responses  map[string]struct {
			Reasons []string `json:"x-reasons"`
			Content map[string]struct {
				Examples map[string]struct{ Value json.RawMessage }
			}
		}
	}
	Components struct {
		Schemas map[string]struct {
			Enum       []string
			Required   []string
			Properties map[string]json.RawMessage
		}
	}
}

func readDocument(t *testing.T) documented {
	t.Helper()
	var document documented
	if err := json.Unmarshal(openapi.JSON, &document); err != nil {
		t.Fatal(err)
	}
	return document
}

// The OpenAPI document has the fields of the contract, each where REST has it, and no other.
func TestTheDocumentHasTheContractsFields(t *testing.T) {
	document := readDocument(t)
	var got []string
	for _, parameter := range document.Paths["/v1/devices/{iccid}/usageInZone"]["get"].Parameters {
		if parameter.In != "header" {
			got = append(got, parameter.Name)
		}
	}
	want, _ := fieldsOf(new(usagev1.GetDeviceUsageInZoneRequest))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parameters (-contract +document)\n%s", diff)
	}
	for _, message := range []proto.Message{
		new(usagev1.GetDeviceUsageInZoneResponse), new(usagev1.BillingCycle), new(usagev1.RatePlanUsage), new(usagev1.ZoneUsage), new(usagev1.Usage),
	} {
		name := string(message.ProtoReflect().Descriptor().Name())
		schema := document.Components.Schemas[name]
		all, always := fieldsOf(message)
		slices.Sort(all)
		if diff := cmp.Diff(all, slices.Sorted(maps.Keys(schema.Properties))); diff != "" {
			t.Errorf("%s (-contract +document)\n%s", name, diff)
		}
		if diff := cmp.Diff(always, schema.Required); diff != "" {
			t.Errorf("%s, what is always there (-contract +document)\n%s", name, diff)
		}
	}
}

// fieldsOf are the names in JSON of a message's fields, and those of the fields that are always there.
func fieldsOf(message proto.Message) (all, always []string) {
	fields := message.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		all = append(all, fields.Get(i).JSONName())
		if !fields.Get(i).HasOptionalKeyword() {
			always = append(always, fields.Get(i).JSONName())
		}
	}
	return all, always
}

// The OpenAPI document has each reason, under the HTTP status that it has, with the text and the details that a caller sees.
func TestTheDocumentTellsEveryFailureAsItIs(t *testing.T) {
	document := readDocument(t)
	responses := document.Paths["/v1/devices/{iccid}/usageInZone"]["get"].Responses
	wantReasons := map[string][]string{
		"404": {"INVALID_REQUEST"}, "405": {"INVALID_REQUEST"}, // for the door's own
	}
	var all []string
	for reason, seen := range publicStatus {
		name, httpStatus := shortReason(reason), strconv.Itoa(runtime.HTTPStatusFromCode(seen.code))
		all = append(all, name)
		wantReasons[httpStatus] = append(wantReasons[httpStatus], name)
		st, err := status.New(seen.code, seen.text).WithDetails(details(reason, causeOf(name), jasperclient.UsageQuery{})...)
		if err != nil {
			t.Fatal(err)
		}
		example := &spb.Status{}
		if err := protojson.Unmarshal(responses[httpStatus].Content["application/json"].Examples[name].Value, example); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(outline(st), outline(status.FromProto(example))); diff != "" {
			t.Errorf("%s (-sent +documented)\n%s", name, diff)
		}
	}
	gotReasons := map[string][]string{}
	for httpStatus, response := range responses {
		if wantReasons[httpStatus] == nil && !slices.Contains(withoutReason, httpStatus) {
			t.Errorf("there is no HTTP status %s", httpStatus)
		}
		if len(response.Reasons) > 0 {
			gotReasons[httpStatus] = response.Reasons
		}
	}
	sorted := cmp.Transformer("sorted", func(names []string) []string { return slices.Sorted(slices.Values(names)) })
	if diff := cmp.Diff(wantReasons, gotReasons, cmp.FilterValues(unsorted, sorted)); diff != "" {
		t.Errorf("the reasons of the HTTP statuses (-sent +documented)\n%s", diff)
	}
	if diff := cmp.Diff(all, document.Components.Schemas["ErrorReason"].Enum, cmp.FilterValues(unsorted, sorted)); diff != "" {
		t.Errorf("all reasons (-sent +documented)\n%s", diff)
	}
}

// withoutReason are the HTTP statuses of no reason: an answer, headers that are too large, a caller who left, a deadline.
var withoutReason = []string{"200", "431", "499", "504"}

func unsorted(a, b []string) bool { return !slices.IsSorted(a) || !slices.IsSorted(b) }

// causeOf is an error of the kind that has the reason.
func causeOf(reason string) error {
	switch reason {
	case "INVALID_REQUEST":
		bad := &requestError{}
		bad.violate("iccid", errors.New("it is malformed"))
		return bad
	case "CALLER_RATE_LIMITED":
		return &callers.RateError{Wait: time.Second}
	}
	return errors.New("something else")
}

// outline is the code, the text and the kinds of details of a status.
func outline(st *status.Status) []string {
	lines := []string{st.Code().String(), st.Message()}
	for _, detail := range st.Proto().GetDetails() {
		lines = append(lines, detail.GetTypeUrl())
	}
	return lines
}
