package sandbox_test

import (
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

func TestFleet(t *testing.T) {
	server := serve(t)
	iccid := regexp.MustCompile(`^[0-9]{18,22}$`)
	seen := make(map[string]bool)
	for _, device := range sandbox.Fleet() {
		if !iccid.MatchString(device.ICCID) || seen[device.ICCID] || device.Shows == "" {
			t.Errorf("%+v: no ICCID, or twice, or shows nothing", device)
		}
		if strings.HasPrefix(device.ICCID, sandbox.TroublePrefix) {
			t.Errorf("%s could be a trouble ICCID", device.ICCID)
		}
		seen[device.ICCID] = true
		got := get(t, server, usage(device.ICCID)).answer(t)
		if got.ICCID != device.ICCID || got.TimeStamp != "2016-11-10T05:31:17.557Z" {
			t.Errorf("%s: answered %s at %s", device.ICCID, got.ICCID, got.TimeStamp)
		}
	}
	for _, vendor := range []string{exampleICCID, "8988216716970004975", "9989203000880000201"} {
		if !seen[vendor] {
			t.Errorf("%s of the vendor's pages is missing", vendor)
		}
	}
}

// Every record is found again by its own names, percent-encoded, and names what
// its key says.
func TestFiltersFindEveryRecord(t *testing.T) {
	s := newSandbox(t)
	for _, device := range sandbox.Fleet() {
		for key, records := range ask(s, usage(device.ICCID)).answer(t).Usage {
			for _, r := range records {
				if key != r.RatePlan+", "+r.RatePlanVersion {
					t.Errorf("%s: key %q of plan %q, version %q", device.ICCID, key, r.RatePlan, r.RatePlanVersion)
				}
				found := ask(s, usage(device.ICCID, "ratePlan", r.RatePlan, "zone", r.Zone)).answer(t).Usage
				if diff := cmp.Diff([]record{r}, found[key]); diff != "" {
					t.Errorf("%s, %q in %q: (-want +got)\n%s", device.ICCID, r.RatePlan, r.Zone, diff)
				}
				if byZone := ask(s, usage(device.ICCID, "zone", r.Zone)).answer(t).Usage; len(byZone[key]) != 1 {
					t.Errorf("%s: zone %q alone finds %v", device.ICCID, r.Zone, byZone)
				}
			}
		}
	}
}

// order returns the keys and zones of a body in the order they stand.
func order(body string) []string {
	var names []string
	for _, match := range regexp.MustCompile(`"((?:[^"\\]|\\.)*)":\[|"zone":"((?:[^"\\]|\\.)*)"`).FindAllStringSubmatch(body, -1) {
		names = append(names, match[1]+match[2])
	}
	return names
}

func TestOrder(t *testing.T) {
	s := newSandbox(t)
	for iccid, want := range map[string][]string{
		"8999901000000000019": {"Rate Plan A, 1", "Zone A", "Zone B", "default zone"},
		"8999901000000000027": {"Prepaid 100MB, 9", "default zone", "Prepaid 100MB, 10", "default zone"},
		"8999901000000000092": {"Standard 500MB, 1", "default zone", "Starter 10MB, 1", "default zone"},
		"8999901000000000126": {"key, with, commas, 3"},
		"8999901000000000050": nil,
	} {
		if diff := cmp.Diff(want, order(ask(s, usage(iccid)).body)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", iccid, diff)
		}
	}
}

func TestWireForms(t *testing.T) {
	s := newSandbox(t)
	for _, test := range []struct{ iccid, holds string }{
		{"8999901000000000035", `"Fleet, Car & Truck + 50% / \"Gold\", 1":[`},
		{"8999901000000000035", `"zone":"50% + \"roaming\" / <other>"`},
		{"8999901000000000043", `"物联网套餐, 100兆, 1":[`},
		{"8999901000000000043", `"zone":"🌍 monde"`},
		{"8999901000000000050", `"deviceCycleUsageInZones":{}}`},
		{"8999901000000000068", `"dataUsage":0,"dataUsageUnit":"bytes","voiceMTUsage":null,"voiceMTUsageUnit":null,"voiceMOUsage":0,"voiceMOUsageUnit":"seconds","smsmtusage":0,"smsmousage":null`},
		{"8999901000000000076", `"dataUsage":9223372036854775807,"dataUsageUnit":"bytes","voiceMTUsage":9007199254740993,"voiceMTUsageUnit":"seconds"`},
		{"8999901000000000126", `"deviceCycleUsageInZones":{"key, with, commas, 3":[]}}`},
		{"8999901000000000118", `"620WLW005721_MON-FLEX_300M_SP, 1":[{"ratePlan":"620WLW005721_MON-FLEX_300M_SP","ratePlanVersion":"1","zone":"620WLW005721_xz01gz_zone1","dataUsage":61489152,"dataUsageUnit":"bytes",`},
	} {
		if got := ask(s, usage(test.iccid)).body; !strings.Contains(got, test.holds) {
			t.Errorf("%s: %s not in\n%s", test.iccid, test.holds, got)
		}
	}
}

func TestSumOverflows(t *testing.T) {
	got := ask(newSandbox(t), usage("8999901000000000134")).answer(t)
	sum := uint64(0)
	for _, r := range got.Usage["Backhaul Unlimited, 1"] {
		sum += uint64(*r.DataUsage)
	}
	if sum <= math.MaxInt64 {
		t.Errorf("the sum, %d, still fits an int64", sum)
	}
}

// A filter on a version-less name finds both versions; a known name in which the
// device used nothing finds none.
func TestFilters(t *testing.T) {
	s := newSandbox(t)
	for _, test := range []struct {
		iccid  string
		filter []string
		keys   []string
	}{
		{"8999901000000000027", []string{"ratePlan", "Prepaid 100MB"}, []string{"Prepaid 100MB, 9", "Prepaid 100MB, 10"}},
		{"8999901000000000092", []string{"ratePlan", "Starter 10MB"}, []string{"Starter 10MB, 1"}},
		{"8999901000000000126", []string{"ratePlan", "key, with, commas"}, []string{"key, with, commas, 3"}},
		{"8999901000000000126", []string{"zone", "default zone"}, nil},
		{exampleICCID, []string{"ratePlan", "Prepaid 100MB"}, nil},
		{exampleICCID, []string{"zone", "Zone C"}, []string{"10000031"}},
		{exampleICCID, []string{"zone", "中国大陆"}, nil},
	} {
		got := ask(s, usage(test.iccid, test.filter...))
		keys := []string(nil)
		if code := got.code(t); code != "" {
			keys = []string{code}
		}
		for _, name := range order(got.body) {
			if strings.Contains(name, ", ") {
				keys = append(keys, name)
			}
		}
		if diff := cmp.Diff(test.keys, keys); diff != "" {
			t.Errorf("%s %q: (-want +got)\n%s", test.iccid, test.filter, diff)
		}
	}
}

func TestAnswersAreValidJSON(t *testing.T) {
	s := newSandbox(t)
	for _, device := range sandbox.Fleet() {
		for _, date := range []string{"2016-11-01Z", "2016-10-01Z", "2016-09-01Z"} {
			if body := ask(s, usage(device.ICCID, "cycleStartDate", date)).body; !json.Valid([]byte(body)) {
				t.Errorf("%s in %s: %s", device.ICCID, date, body)
			}
		}
	}
}
