package usageform_test

import (
	"encoding/csv"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/usageform"
)

type response = usagev1.GetDeviceUsageInZoneResponse

// answer is the answer for a device, in the cycle of the vendor's example.
func answer(iccid string, total *usagev1.Usage, plans ...*usagev1.RatePlanUsage) *response {
	at := func(text string) *timestamppb.Timestamp {
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			panic(err)
		}
		return timestamppb.New(t)
	}
	return &response{
		Iccid: iccid, Timestamp: at("2016-11-10T05:31:17.557Z"),
		BillingCycle:   &usagev1.BillingCycle{StartTime: at("2016-10-31T10:30:00Z"), EndTime: at("2016-11-30T10:29:59Z")},
		RatePlanUsages: plans, Total: total,
	}
}

func plan(name string, version int32, zones ...*usagev1.ZoneUsage) *usagev1.RatePlanUsage {
	return &usagev1.RatePlanUsage{RatePlan: name, RatePlanVersion: version, ZoneUsages: zones, Total: &usagev1.Usage{}}
}

func zone(name string, usage *usagev1.Usage) *usagev1.ZoneUsage {
	return &usagev1.ZoneUsage{Zone: name, Usage: usage}
}

// vendorExample is the answer to the vendor's first example.
func vendorExample() *response {
	return answer("8988217755520000031", &usagev1.Usage{DataBytes: proto.Int64(943718), VoiceMoSeconds: proto.Int64(944318)},
		plan("Rate Plan A", 1, zone("default zone", &usagev1.Usage{VoiceMoSeconds: proto.Int64(600)})),
		plan("Rate Plan B", 2, zone("default zone", &usagev1.Usage{DataBytes: proto.Int64(943718), VoiceMoSeconds: proto.Int64(943718)})))
}

// answers are a vendor's example and what is hard to write and to read back.
func answers() []*response {
	all := &usagev1.Usage{DataBytes: proto.Int64(1<<63 - 1), VoiceMtSeconds: proto.Int64(0), VoiceMoSeconds: proto.Int64(1<<53 + 1),
		SmsMtMessages: proto.Int64(0), SmsMoMessages: proto.Int64(7)}
	return []*response{
		vendorExample(),
		answer("8999901000000000050", &usagev1.Usage{}),                                         // no usage
		answer("8999901000000000126", &usagev1.Usage{}, plan("key, with, commas", 3)),           // no zone
		answer("8999901000000000068", all, plan("=1+1", 1, zone("+zone", all), zone("-", all))), // formulas
		answer("89999010000000000109", all, plan(`"quoted", `, 1, zone("two\nlines\n---\n...\n", all), zone("区域 😀", &usagev1.Usage{})),
			plan("@: {}#", 2, zone("\x1b[31m\x7f\u0085", all), zone("0123", all), zone("null", all), zone(" ", all)),
			plan("=", 1<<31-1, zone("a\u0085b\u2028c\u2029d\ufeff", all), zone("", all), zone("<<", all), zone("2016-11-10", all))),
		answer("899990100000000001", &usagev1.Usage{}),
	}
}

// forms are those that can be gone on with.
var forms = map[string]usageform.Form{"json": usageform.JSON, "csv": usageform.CSV, "yaml": usageform.YAML}

func write(t *testing.T, form usageform.Form, answers ...*response) string {
	t.Helper()
	text := []byte(form.Header)
	for _, resp := range answers {
		var err error
		if text, err = form.Append(text, resp); err != nil {
			t.Fatal(err)
		}
	}
	return string(text)
}

func TestJSONIsTheAnswer(t *testing.T) {
	lines := strings.SplitAfter(write(t, usageform.JSON, answers()...), "\n")
	for i, want := range answers() {
		got := &response{}
		if err := protojson.Unmarshal([]byte(lines[i]), got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

func TestEmptyListsAndDefaultsAreWritten(t *testing.T) {
	resp := answer("8988217755520000031", &usagev1.Usage{}, plan("", 0), plan("", 0, zone("", &usagev1.Usage{})))
	const plans = `[{"ratePlan":"","ratePlanVersion":0,"zoneUsages":[],"total":{}},` +
		`{"ratePlan":"","ratePlanVersion":0,"zoneUsages":[{"zone":"","usage":{}}],"total":{}}]`
	if got := write(t, usageform.JSON, resp, answer("8988217755520000049", &usagev1.Usage{})); !strings.Contains(got, plans) || !strings.Contains(got, `"ratePlanUsages":[]`) {
		t.Errorf("%s", got)
	}
	const yamlPlans = `ratePlanUsages:
  - ratePlan: ""
    ratePlanVersion: 0
    zoneUsages: []
    total: {}
`
	if got := write(t, usageform.YAML, resp); !strings.Contains(got, yamlPlans) {
		t.Errorf("%s", got)
	}
}

func TestYAMLIsTheAnswer(t *testing.T) {
	documents := yaml.NewDecoder(strings.NewReader(write(t, usageform.YAML, answers()...)))
	for _, want := range answers() {
		var document any
		if err := documents.Decode(&document); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		got := &response{}
		if err := protojson.Unmarshal(text, got); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

// Text stands in double quotes, with escapes for what some parsers take for the end of a line; names of fields and numbers do not.
func TestYAMLIsPlainToEveryParser(t *testing.T) {
	text := write(t, usageform.YAML, answers()...)
	if strings.ContainsAny(text, "\u0085\u2028\u2029\ufeff\x7f\x1b") {
		t.Error("there are characters that parsers do not agree about")
	}
	for line := range strings.Lines(text) {
		if !yamlLine.MatchString(line) {
			t.Errorf("%q", line)
		}
	}
}

var yamlLine = regexp.MustCompile(`^(---|\.\.\.|[ -]*[a-zA-Z]+:( ("([^"\\]|\\.)*"|\d+|\[\]|\{\}))?)\n$`)

// A row a zone: names as they are, an empty cell for what is unset, and 0 for 0.
func TestCSVHasEveryZone(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(write(t, usageform.CSV, answers()...))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{strings.Split(strings.TrimSpace(usageform.CSV.Header), ",")}
	rowCount := map[string][]string{
		"8988217755520000031": {"2"}, "8999901000000000126": {"1"}, "8999901000000000068": {"2"}, "89999010000000000109": {"10"},
	}
	for _, resp := range answers() {
		device := []string{resp.GetIccid(), "2016-11-10T05:31:17.557Z", "2016-10-31T10:30:00Z", "2016-11-30T10:29:59Z"}
		if len(resp.GetRatePlanUsages()) == 0 {
			want = append(want, slices.Concat(device, make([]string, 8), []string{"1"}))
		}
		for _, plan := range resp.GetRatePlanUsages() {
			named := slices.Concat(device, []string{plan.GetRatePlan(), strconv.Itoa(int(plan.GetRatePlanVersion()))})
			if len(plan.GetZoneUsages()) == 0 {
				want = append(want, slices.Concat(named, make([]string, 6), rowCount[resp.GetIccid()]))
			}
			for _, zone := range plan.GetZoneUsages() {
				row := slices.Concat(named, []string{zone.GetZone()})
				for _, field := range []string{"data_bytes", "voice_mt_seconds", "voice_mo_seconds", "sms_mt_messages", "sms_mo_messages"} {
					usage := zone.GetUsage().ProtoReflect()
					descriptor := usage.Descriptor().Fields().ByTextName(field)
					cell := ""
					if usage.Has(descriptor) {
						cell = usage.Get(descriptor).String()
					}
					row = append(row, cell)
				}
				want = append(want, append(row, rowCount[resp.GetIccid()]...))
			}
		}
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Times in CSV are the same text as in JSON.
func TestCSVHasJSONsTimes(t *testing.T) {
	for _, nanos := range []int32{0, 100_000_000, 557_000_000, 100_000, 123_400, 120, 123_456_789} {
		resp := vendorExample()
		resp.Timestamp.Nanos = nanos
		text, err := protojson.Marshal(resp.GetTimestamp())
		if err != nil {
			t.Fatal(err)
		}
		want := "," + strings.Trim(string(text), `"`) + ","
		if got := write(t, usageform.CSV, resp); !strings.Contains(got, want) {
			t.Errorf("there is no %s in\n%s", want, got)
		}
	}
}
