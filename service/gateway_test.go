package service_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

const usagePath = "/v1/devices/" + exampleICCID + "/usageInZone"

func TestRESTRefusesWhatTheGatewayWouldPassOver(t *testing.T) {
	r := newRig(t, newSandbox(t))
	for name, test := range map[string]struct {
		target string
		fields []string
		says   string // empty for anything
	}{
		"a misspelt parameter":             {usagePath + "?cycleStartdate=2016-11-10", []string{"cycleStartdate"}, ""},
		"a parameter of the upstream":      {usagePath + "?isActiveRatePlan=true", []string{"isActiveRatePlan"}, ""},
		"a parameter twice":                {usagePath + "?zone=a&zone=b", []string{"zone"}, "more than once"},
		"a parameter under both its names": {usagePath + "?ratePlan=a&rate_plan=a", []string{"rate_plan"}, ""},
		"a part of a parameter":            {usagePath + "?maxAge.seconds=5", []string{"maxAge.seconds"}, ""},
		"the ICCID in the query":           {usagePath + "?iccid=" + exampleICCID, []string{"iccid"}, ""},
		"an age without its unit":          {usagePath + "?maxAge=60", []string{"max_age"}, ""},
		"an empty age":                     {usagePath + "?maxAge=", []string{"max_age"}, ""},
		"a bad escape":                     {usagePath + "?zone=%zz", []string{"query"}, ""},
		"a semicolon":                      {usagePath + "?zone=a;ratePlan=b", []string{"query"}, ""},
		"a value that is not UTF-8":        {usagePath + "?zone=%ff", []string{"zone"}, ""},
		"a name that is not UTF-8":         {usagePath + "?%ff=1", []string{"\uFFFD"}, ""},
		"a + that is a space":              {usagePath + "?cycleStartDate=2016-11-10+00:00", []string{"cycle_start_date"}, ""},
		"a path that is not UTF-8":         {"/v1/devices/%ff/usageInZone", []string{"iccid"}, ""},
		"a path without an ICCID":          {"/v1/devices//usageInZone", []string{"iccid"}, ""},
		"a query without end":              {usagePath + "?zone=" + strings.Repeat("z", 8<<10), []string{"query"}, ""},
		"everything at once": {
			"/v1/devices/1/usageInZone?zone=a&zone=b&plan=c&cycleStartDate=today", []string{"plan", "zone", "iccid", "cycle_start_date"}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := r.get(t.Context(), t, test.target)
			if !strings.Contains(got.status.String(), test.says) {
				t.Errorf("%v; want %q in it", got.status, test.says)
			}
			checkStatus(t, "REST", got, codes.InvalidArgument, http.StatusBadRequest,
				[]proto.Message{info(usagev1.ErrorReason_ERROR_REASON_INVALID_REQUEST), fields(test.fields...)})
		})
	}
	if calls := r.calls.Load(); calls != 0 {
		t.Errorf("%d calls of Control Center", calls)
	}
}

func TestRESTTellsTwentyFaultsAtMost(t *testing.T) {
	r := newRig(t, newSandbox(t))
	var query strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&query, "x%d&", i)
	}
	got := r.get(t.Context(), t, usagePath+"?"+query.String())
	faults := detailsOf(t, got.status)[1].(*errdetails.BadRequest).GetFieldViolations()
	if len(faults) != 21 || faults[19].GetField()[:1] != "x" || faults[20].GetField() != "request" {
		t.Errorf("%d faults, %v", len(faults), faults)
	}
}

// The answer's bytes are stable, its empty lists are written, and what was not reported is absent.
func TestRESTWritesStableJSON(t *testing.T) {
	r := newRig(t, newSandbox(t))
	for iccid, want := range map[string]string{
		exampleICCID: `{"iccid":"8988217755520000031","timestamp":"2016-11-10T05:31:17.557Z",` +
			`"billingCycle":{"startTime":"2016-10-31T10:30:00Z","endTime":"2016-11-30T10:29:59Z"},"ratePlanUsages":[` +
			`{"ratePlan":"Rate Plan A","ratePlanVersion":1,"zoneUsages":[{"zone":"default zone","usage":{"voiceMoSeconds":"600"}}],` +
			`"total":{"voiceMoSeconds":"600"}},` +
			`{"ratePlan":"Rate Plan B","ratePlanVersion":2,"zoneUsages":[{"zone":"default zone","usage":` +
			`{"dataBytes":"943718","voiceMoSeconds":"943718"}}],"total":{"dataBytes":"943718","voiceMoSeconds":"943718"}}],` +
			`"total":{"dataBytes":"943718","voiceMoSeconds":"944318"}}` + "\n",
		"8999901000000000050": `{"iccid":"8999901000000000050","timestamp":"2016-11-10T05:31:17.557Z",` +
			`"billingCycle":{"startTime":"2016-10-31T10:30:00Z","endTime":"2016-11-30T10:29:59Z"},"ratePlanUsages":[],"total":{}}` + "\n",
	} {
		resp, err := r.http.Get(r.url + "/v1/devices/" + iccid + "/usageInZone")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, err := io.ReadAll(resp.Body); err != nil || string(body) != want {
			t.Errorf("%v\n%s\nwant\n%s", err, body, want)
		}
	}
}

// No method takes a body, and a reply does not wait for the end of one.
func TestRESTTakesNoBody(t *testing.T) {
	r := newRig(t, newSandbox(t))
	endless, unfinished := io.Pipe()
	defer unfinished.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // the server itself waits 10 s for a request to end
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+usagePath, endless)
	if err != nil {
		t.Fatal(err)
	}
	checkStatus(t, "REST", r.do(t, req), codes.InvalidArgument, http.StatusBadRequest,
		[]proto.Message{info(usagev1.ErrorReason_ERROR_REASON_INVALID_REQUEST), fields("body")})
}

func TestRESTTakesEitherNameOfAParameter(t *testing.T) {
	r := newRig(t, newSandbox(t))
	for _, query := range []string{
		"?cycleStartDate=2016-11-10&ratePlan=Rate+Plan+A&maxAge=0s",
		"?cycle_start_date=2016-11-10%2B00:00&rate_plan=Rate%20Plan%20A&max_age=1.5s",
	} {
		if got := r.get(t.Context(), t, usagePath+query); got.status != nil || len(got.response.GetRatePlanUsages()) != 1 {
			t.Errorf("%s: %v, %v", query, got.status, got.response)
		}
	}
}

func TestRESTHasOnePathAndOneMethod(t *testing.T) {
	r := newRig(t, newSandbox(t))
	for _, test := range []struct {
		method, target string
		header         http.Header
		code           codes.Code
		httpStatus     int
	}{
		{http.MethodGet, "/", nil, codes.NotFound, http.StatusNotFound},
		{http.MethodGet, usagePath + "/", nil, codes.NotFound, http.StatusNotFound},
		{http.MethodGet, "/v1/devices/" + exampleICCID + "%2FusageInZone", nil, codes.NotFound, http.StatusNotFound},
		{http.MethodGet, strings.Replace(usagePath, "/v1", "/v2", 1), nil, codes.NotFound, http.StatusNotFound},
		{http.MethodPost, "/unknown", nil, codes.NotFound, http.StatusNotFound},
		{http.MethodPost, usagePath, nil, codes.Unimplemented, http.StatusMethodNotAllowed},
		{http.MethodDelete, usagePath, nil, codes.Unimplemented, http.StatusMethodNotAllowed},
		{http.MethodPost, usagePath, http.Header{"X-Http-Method-Override": {"GET"}}, codes.Unimplemented, http.StatusMethodNotAllowed},
		{http.MethodPost, usagePath, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, codes.Unimplemented, http.StatusMethodNotAllowed},
		{http.MethodGet, usagePath, http.Header{"Grpc-Timeout": {"30s"}}, codes.InvalidArgument, http.StatusBadRequest},
	} {
		var body io.Reader
		if test.method == http.MethodPost {
			body = strings.NewReader("a=b")
		}
		req, err := http.NewRequestWithContext(t.Context(), test.method, r.url+test.target, body)
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range test.header {
			req.Header[name] = values
		}
		got := r.do(t, req)
		want := []proto.Message{info(usagev1.ErrorReason_ERROR_REASON_INVALID_REQUEST)}
		if test.code == codes.InvalidArgument {
			want = append(want, fields("Grpc-Timeout"))
		}
		t.Log(test.method, test.target)
		checkStatus(t, "REST", got, test.code, test.httpStatus, want)
	}
	if calls := r.calls.Load(); calls != 0 {
		t.Errorf("%d calls of Control Center", calls)
	}
}

func TestRESTPassesAllowedHeadersAlone(t *testing.T) {
	r := newRig(t, newSandbox(t))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+usagePath, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := r.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if allow := resp.Header.Get("Allow"); allow != http.MethodGet {
		t.Errorf("Allow %q", allow)
	}

	req.Method = http.MethodGet
	req.Header.Set("X-Request-Id", "id-of-the-caller")
	req.Header.Set("Grpc-Metadata-X-Usage-Source", "forged")
	req.Header.Set("X-Usage-Account", "forged")
	req.Header.Set("TE", "trailers")
	if resp, err = r.http.Do(req); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Content-Length": "584",
		"X-Request-Id": "id-of-the-caller", "X-Usage-Source": "live", "X-Usage-Account": "test", "Cache-Control": "no-store",
	} {
		if got := resp.Header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q once", name, got, want)
		}
	}
	for name := range resp.Header {
		if strings.HasPrefix(name, "Grpc-") || name == "Www-Authenticate" || name == "Trailer" {
			t.Errorf("the reply has the header %s", name)
		}
	}
}

func TestARequestIDIsTheCallersWhereItIsFitForALog(t *testing.T) {
	r := newRig(t, newSandbox(t))
	for sent, kept := range map[string]bool{
		"8a6e1c2f":               true,
		"":                       false,
		"with a space":           false,
		strings.Repeat("x", 129): false,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+usagePath, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Request-Id", sent)
		got := r.do(t, req).header["x-request-id"]
		if (got == sent) != kept || got == "" {
			t.Errorf("sent %q, got %q", sent, got)
		}
		if !strings.Contains(r.log.String(), `"request_id":"`+got+`"`) {
			t.Errorf("the log does not have %q", got)
		}
	}
}
