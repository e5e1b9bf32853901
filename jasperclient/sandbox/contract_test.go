package sandbox_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// vendorExample is the answer on the vendor's page.
const vendorExample = `{
  "iccid":"8988217755520000031",
  "timeStamp":"2016-11-10T05:31:17.557Z",
  "cycleStartDate":"2016-10-31T10:30:00.000Z",
  "cycleEndDate":"2016-11-30T10:29:59.000Z",
  "deviceCycleUsageInZones":{
    "Rate Plan A, 1":[
      {"ratePlan":"Rate Plan A","ratePlanVersion":"1","zone":"default zone",
       "dataUsage":null,"dataUsageUnit":null,
       "voiceMTUsage":null,"voiceMTUsageUnit":null,
       "voiceMOUsage":600,"voiceMOUsageUnit":"seconds",
       "smsmtusage":null,"smsmousage":null}],
    "Rate Plan B, 2":[
      {"ratePlan":"Rate Plan B","ratePlanVersion":"2","zone":"default zone",
       "dataUsage":943718,"dataUsageUnit":"bytes",
       "voiceMTUsage":null,"voiceMTUsageUnit":null,
       "voiceMOUsage":943718,"voiceMOUsageUnit":"seconds",
       "smsmtusage":null,"smsmousage":null}]}}`

const (
	jsonType  = "application/json"
	errorType = "application/json;charset=ISO-8859-1"
)

func TestVendorRequests(t *testing.T) {
	server := serve(t)
	var example bytes.Buffer
	if err := json.Compact(&example, []byte(vendorExample)); err != nil {
		t.Fatal(err)
	}
	withoutUsage, _, _ := strings.Cut(example.String(), `{"Rate Plan A, 1"`)
	withoutUsage += "{}}"

	for query, want := range map[string]string{
		"":                            example.String(),
		"?cycleStartDate=2016-11-10Z": example.String(),
		"?cycleStartDate=2016-11-10Z&ratePlan=Rate%20Plan%20A&zone=Zone%20B": withoutUsage,
	} {
		got := get(t, server, exampleDevice+query)
		if got.status != http.StatusOK || got.header.Get("Content-Type") != jsonType {
			t.Errorf("%q: status %d, type %q", query, got.status, got.header.Get("Content-Type"))
		}
		if diff := cmp.Diff(want, got.body); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", query, diff)
		}
	}
}

func TestErrors(t *testing.T) {
	server := serve(t)
	for _, test := range []struct {
		name, target string
		status       int
		body         string
	}{
		{"version", "/rws/api/v2/devices/" + exampleICCID + "/usageInZone",
			400, `{"errorMessage":"Invalid apiVersion.","errorCode":"10000024"}`},
		{"parameter", usage(exampleICCID, "ratePlanName", "Rate Plan A"),
			400, `{"errorMessage":"Invalid request.","errorCode":"10000028"}`},
		{"date", usage(exampleICCID, "cycleStartDate", "2016-02-30Z"),
			400, `{"errorMessage":"Invalid date format.","errorCode":"10000012"}`},
		{"device", usage("8988217755520000032"),
			404, `{"errorMessage":"Resource not found - Invalid ICCID.","errorCode":"20000001"}`},
		{"cycle", usage(exampleICCID, "cycleStartDate", "2016-08-31Z"),
			400, `{"errorMessage":"Cycle Start Date should be greater than or equal to 2016-09-01.","errorCode":"10000032"}`},
		{"rate plan", usage(exampleICCID, "ratePlan", "Rate Plan Z"),
			404, `{"errorMessage":"Invalid ratePlan.","errorCode":"10000013"}`},
		{"zone", usage(exampleICCID, "zone", "Zone Z"),
			400, `{"errorMessage":"Invalid Zone.","errorCode":"10000031"}`},
		{"zone of another rate plan", usage(exampleICCID, "ratePlan", "Rate Plan B", "zone", "Zone B"),
			400, `{"errorMessage":"Invalid Zone.","errorCode":"10000031"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkError(t, get(t, server, test.target), test.status, test.body)
		})
	}
}

func checkError(t *testing.T, got reply, status int, body string) {
	t.Helper()
	if got.status != status || got.header.Get("Content-Type") != errorType {
		t.Errorf("status %d, type %q", got.status, got.header.Get("Content-Type"))
	}
	if diff := cmp.Diff(body, got.body); diff != "" {
		t.Errorf("body (-want +got)\n%s", diff)
	}
}

func TestTroubleICCIDs(t *testing.T) {
	server := serve(t)
	for _, test := range []struct {
		code    string
		status  int
		message string
	}{
		{"10000001", 401, "Invalid credentials."},
		{"10000012", 400, "Invalid date format."},
		{"10000013", 404, "Invalid ratePlan."},
		{"10000024", 400, "Invalid apiVersion."},
		{"10000028", 400, "Invalid request."},
		{"10000031", 400, "Invalid Zone."},
		{"10000032", 400, "Cycle Start Date should be greater than or equal to 2016-09-01."},
		{"20000001", 404, "Resource not found - Invalid ICCID."},
		{"30000001", 500, "Unknown server error."},
		{"40000029", 429, "Rate limit exceeded."},
		{"10000021", 400, "Invalid ICCID."},
		{"10000030", 400, "The role does not have access to this function."},
		{"10000062", 403, "No access to the data of this account."},
		{"10000079", 403, "The account may not use this API."},
		{"10000080", 403, "The role may not use this API."},
		{"12345678", 400, "Sandbox error 12345678."},
	} {
		t.Run(test.code, func(t *testing.T) {
			body := `{"errorMessage":"` + test.message + `","errorCode":"` + test.code + `"}`
			checkError(t, get(t, server, usage(sandbox.TroublePrefix+test.code)), test.status, body)
			// Nothing else in the request changes the answer.
			checkError(t, get(t, server, usage(sandbox.TroublePrefix+test.code, "unknown", "x")), test.status, body)
		})
	}
}

func TestTroubleNeedsEightDigits(t *testing.T) {
	s := newSandbox(t)
	for _, code := range []string{"", "1000001", "100000010", "1000000x"} {
		if got := ask(s, usage(sandbox.TroublePrefix+code)).code(t); got != "20000001" {
			t.Errorf("%q: code %s, want an unknown device", code, got)
		}
	}
}

// Each error but the last is also in the requests before: the first one wins.
func TestOrderOfChecks(t *testing.T) {
	s := newSandbox(t)
	const allWrong = "?cycleStartDate=2016-08-31Z&ratePlan=x&zone=x"
	for _, test := range []struct{ target, code string }{
		{"/rws/api/v2/devices/1/usageInZone" + allWrong + "Z&x=y", "10000024"},
		{devices + "1/usageInZone?cycleStartDate=x&ratePlan=x&zone=x&x=y", "10000028"},
		{devices + "1/usageInZone?cycleStartDate=x&ratePlan=x&zone=x", "10000012"},
		{devices + "1/usageInZone" + allWrong, "20000001"},
		{exampleDevice + allWrong, "10000032"},
		{exampleDevice + "?ratePlan=x&zone=x", "10000013"},
		{exampleDevice + "?zone=x", "10000031"},
	} {
		if got := ask(s, test.target).code(t); got != test.code {
			t.Errorf("%s: code %s, want %s", test.target, got, test.code)
		}
	}
}
