package jasperclient_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/zoneusage/zoneusage/jasperclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	exampleICCID = "8988217755520000031"
	apiKey       = "0f3b2c1d-not-a-real-key"
)

// unlimited is a fair use that holds nobody up.
var unlimited = jasperclient.FairUse{CallsInFlight: 1, CallsPerSecond: 1e6, MaxWaiting: 1000}

// newClient is a client of a real HTTP server with the handler.
func newClient(t *testing.T, handler http.HandlerFunc, opts ...jasperclient.Option) *jasperclient.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	opts = append([]jasperclient.Option{jasperclient.WithFairUse(unlimited)}, opts...)
	client, err := jasperclient.New(server.URL, jasperclient.Credentials{Username: "user", APIKey: apiKey}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func respond(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// record is one record of the vendor's example, changed by its name-value pairs.
func record(changes ...string) string {
	fields := map[string]string{
		"ratePlan": `"Rate Plan A"`, "ratePlanVersion": `"1"`, "zone": `"default zone"`,
		"dataUsage": "null", "dataUsageUnit": "null",
		"voiceMTUsage": "null", "voiceMTUsageUnit": "null",
		"voiceMOUsage": "600", "voiceMOUsageUnit": `"seconds"`,
		"smsmtusage": "null", "smsmousage": "null",
	}
	for i := 0; i < len(changes); i += 2 {
		fields[changes[i]] = changes[i+1]
	}
	var pairs []string
	for name, value := range fields {
		pairs = append(pairs, fmt.Sprintf("%q:%s", name, value))
	}
	return "{" + strings.Join(pairs, ",") + "}"
}

// answer is the vendor's example with other entries in deviceCycleUsageInZones.
func answer(entries string) string {
	return `{"iccid":"8988217755520000031","timeStamp":"2016-11-10T05:31:17.557Z",` +
		`"cycleStartDate":"2016-10-31T10:30:00.000Z","cycleEndDate":"2016-11-30T10:29:59.000Z",` +
		`"deviceCycleUsageInZones":` + entries + `}`
}

func plans(records ...string) string {
	return answer(`{"Rate Plan A, 1":[` + strings.Join(records, ",") + `]}`)
}

func count(n int64) *int64 { return &n }

func usage(ratePlans ...jasperclient.RatePlanUsage) *jasperclient.DeviceUsage {
	return &jasperclient.DeviceUsage{
		ICCID:      exampleICCID,
		Timestamp:  time.Date(2016, 11, 10, 5, 31, 17, 557e6, time.UTC),
		CycleStart: time.Date(2016, 10, 31, 10, 30, 0, 0, time.UTC),
		CycleEnd:   time.Date(2016, 11, 30, 10, 29, 59, 0, time.UTC),
		RatePlans:  ratePlans,
	}
}

func noUsage(form jasperclient.NoUsage) *jasperclient.DeviceUsage {
	none := usage()
	none.NoUsage = form
	return none
}

func planA(zones ...jasperclient.ZoneUsage) jasperclient.RatePlanUsage {
	return jasperclient.RatePlanUsage{RatePlan: "Rate Plan A", Version: 1, Zones: zones}
}

func zone(u jasperclient.Usage) jasperclient.ZoneUsage {
	return jasperclient.ZoneUsage{Zone: "default zone", Usage: u}
}

func TestUsageInZoneDecodes(t *testing.T) {
	voice := jasperclient.Usage{VoiceMOSeconds: count(600)}
	data := func(n int64) jasperclient.Usage {
		return jasperclient.Usage{DataBytes: count(n), VoiceMOSeconds: count(600)}
	}
	dataOf := func(value string) string { return plans(record("dataUsage", value, "dataUsageUnit", `"bytes"`)) }
	for name, test := range map[string]struct {
		body string
		want *jasperclient.DeviceUsage
	}{
		"the vendor's example": {
			answer(`{"Rate Plan A, 1":[` + record() + `],"Rate Plan B, 2":[` + record("ratePlan", `"Rate Plan B"`, "ratePlanVersion", `"2"`,
				"dataUsage", "943718", "dataUsageUnit", `"bytes"`, "voiceMOUsage", "943718") + `]}`),
			usage(planA(zone(voice)), jasperclient.RatePlanUsage{RatePlan: "Rate Plan B", Version: 2, Zones: []jasperclient.ZoneUsage{
				zone(jasperclient.Usage{DataBytes: count(943718), VoiceMOSeconds: count(943718)})}}),
		},
		"every zone of a plan": {
			plans(record(), record("zone", `"Zone B"`)),
			usage(planA(zone(voice), jasperclient.ZoneUsage{Zone: "Zone B", Usage: voice})),
		},
		"every kind of usage": {
			plans(record("dataUsage", "1", "dataUsageUnit", `"bytes"`, "voiceMTUsage", "2", "voiceMTUsageUnit", `"seconds"`,
				"voiceMOUsage", "3", "smsmtusage", "4", "smsmousage", "5")),
			usage(planA(zone(jasperclient.Usage{DataBytes: count(1), VoiceMTSeconds: count(2), VoiceMOSeconds: count(3),
				SMSMTMessages: count(4), SMSMOMessages: count(5)}))),
		},
		"0 is not null":            {dataOf("0"), usage(planA(zone(data(0))))},
		"2^63-1":                   {dataOf("9223372036854775807"), usage(planA(zone(data(1<<63 - 1))))},
		"2^53+1":                   {dataOf("9007199254740993"), usage(planA(zone(data(1<<53 + 1))))},
		"an integral float":        {dataOf("6.0"), usage(planA(zone(data(6))))},
		"2^63-1 as a float":        {dataOf("9223372036854775807.0"), usage(planA(zone(data(1<<63 - 1))))},
		"Java's way with doubles":  {dataOf("6.1489152E7"), usage(planA(zone(data(61489152))))},
		"a numeric string":         {dataOf(`"943718"`), usage(planA(zone(data(943718))))},
		"an integral float string": {dataOf(`"6.0"`), usage(planA(zone(data(6))))},
		"a unit in another letter case": {
			plans(record("dataUsage", "1", "dataUsageUnit", `"Bytes"`)), usage(planA(zone(data(1)))),
		},
		"a version that is a number": {plans(record("ratePlanVersion", "1")), usage(planA(zone(voice)))},
		"names in another letter case": {
			`{"ICCID":"8988217755520000031","timestamp":"2016-11-10T05:31:17.557Z","CycleStartDate":"2016-10-31T10:30:00.000Z",` +
				`"cycleenddate":"2016-11-30T10:29:59.000Z","DeviceCycleUsageInZones":{"Rate Plan A, 1":[{"rateplan":"Rate Plan A",` +
				`"RatePlanVersion":"1","ZONE":"default zone","VoiceMOUsage":600,"voicemousageunit":"seconds","SMSmtusage":7}]}}`,
			usage(planA(zone(jasperclient.Usage{VoiceMOSeconds: count(600), SMSMTMessages: count(7)}))),
		},
		"unknown fields": {
			strings.Replace(plans(record("newField", `{"a":[1]}`)), "{", `{"another":null,`, 1), usage(planA(zone(voice))),
		},
		"an ICCID with its F and times with a Java offset": {
			strings.NewReplacer("0031", "0031F", "557Z", "557+0000", "29:59.000Z", "29:59.000+00:00").Replace(plans(record())),
			usage(planA(zone(voice))),
		},
		"plan and version from the records, not the key": {
			answer(`{"Rate Plan Z, 9":[` + record() + `]}`), usage(planA(zone(voice))),
		},
		"plan and version from the key of an empty array": {
			answer(`{"Fleet, Europe, 3":[]}`), usage(jasperclient.RatePlanUsage{RatePlan: "Fleet, Europe", Version: 3}),
		},
		"two versions of a plan": {
			answer(`{"Rate Plan A, 1":[` + record() + `],"Rate Plan A, 2":[` + record("ratePlanVersion", `"2"`) + `]}`),
			usage(planA(zone(voice)), jasperclient.RatePlanUsage{RatePlan: "Rate Plan A", Version: 2, Zones: []jasperclient.ZoneUsage{zone(voice)}}),
		},
		"one key twice loses nothing": {
			answer(`{"Rate Plan A, 1":[` + record() + `],"Rate Plan A, 1":[` + record("zone", `"Zone B"`) + `]}`),
			usage(planA(zone(voice), jasperclient.ZoneUsage{Zone: "Zone B", Usage: voice})),
		},
		"no error": {
			strings.Replace(plans(record()), "{", `{"errorCode":null,"errorMessage":null,`, 1), usage(planA(zone(voice))),
		},
		"an empty map":  {answer(`{}`), usage()},
		"a null map":    {answer(`null`), noUsage(jasperclient.NoUsageNull)},
		"a missing map": {strings.Replace(answer(`0`), `,"deviceCycleUsageInZones":0`, "", 1), noUsage(jasperclient.NoUsageMissing)},
	} {
		t.Run(name, func(t *testing.T) {
			client := newClient(t, respond(http.StatusOK, test.body))
			got, err := client.UsageInZone(t.Context(), jasperclient.UsageQuery{ICCID: exampleICCID})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestUsageInZoneRefusesUntrustedAnswers(t *testing.T) {
	query := jasperclient.UsageQuery{ICCID: exampleICCID}
	onDay := func(day int) jasperclient.UsageQuery {
		return jasperclient.UsageQuery{ICCID: exampleICCID, CycleStartDate: jasperclient.Date{Year: 2016, Month: 12, Day: day}}
	}
	for name, test := range map[string]struct {
		query jasperclient.UsageQuery
		body  string
		want  string
	}{
		"another device":           {query, strings.Replace(plans(record()), "0031", "0032", 1), "another device"},
		"a 20-digit ICCID cut":     {jasperclient.UsageQuery{ICCID: exampleICCID + "9"}, plans(record()), "another device"},
		"no ICCID":                 {query, strings.Replace(plans(record()), `"iccid"`, `"x"`, 1), "iccid"},
		"no end of the cycle":      {query, strings.Replace(plans(record()), `"cycleEndDate"`, `"x"`, 1), "lacks timeStamp"},
		"a time before computers":  {query, strings.Replace(plans(record()), "2016-11-10T05:31", "1969-11-10T05:31", 1), "not a valid time"},
		"a time past year 9999":    {query, strings.Replace(plans(record()), "2016-11-30T10:29:59.000Z", "9999-12-31T23:59:59-12:00", 1), "not a valid time"},
		"not a valid time":         {query, strings.Replace(plans(record()), `"timeStamp"`, `"x"`, 1), "lacks timeStamp"},
		"a date for a time":        {query, strings.Replace(plans(record()), "2016-11-10T05:31:17.557Z", "2016-11-10", 1), "not a valid time"},
		"a cycle turned round":     {query, strings.Replace(plans(record()), "2016-10-31", "2017-10-31", 1), "ends before"},
		"a cycle without the day":  {onDay(2), plans(record()), "does not hold 2016-12-02"},
		"another plan":             {jasperclient.UsageQuery{ICCID: exampleICCID, RatePlan: "Rate Plan B"}, plans(record()), "asked for"},
		"another zone":             {jasperclient.UsageQuery{ICCID: exampleICCID, Zone: "Zone B"}, plans(record()), "asked for"},
		"an unknown data unit":     {query, plans(record("dataUsage", "1", "dataUsageUnit", `"kilobytes"`)), "kilobytes"},
		"seconds of data":          {query, plans(record("dataUsage", "1", "dataUsageUnit", `"seconds"`)), "dataUsage"},
		"an unknown incoming unit": {query, plans(record("voiceMTUsage", "1", "voiceMTUsageUnit", `"minutes"`)), "voiceMTUsage"},
		"an unknown voice unit":    {query, plans(record("voiceMOUsageUnit", `"minutes"`)), "minutes"},
		"a number without unit":    {query, plans(record("voiceMOUsageUnit", "null")), "voiceMOUsage"},
		"a fraction":               {query, plans(record("voiceMOUsage", "6.5")), "6.5"},
		"2^63":                     {query, plans(record("voiceMOUsage", "9223372036854775808")), "9223372036854775808"},
		"a huge exponent":          {query, plans(record("voiceMOUsage", "1e999999999")), "1e999999999"},
		"a negative count":         {query, plans(record("smsmousage", "-1")), "-1"},
		"a word for a number":      {query, plans(record("voiceMOUsage", `"many"`)), "many"},
		"an empty number":          {query, plans(record("voiceMOUsage", `""`)), "not a valid count"},
		"no plan":                  {query, plans(record("ratePlan", "null")), "lacks ratePlan"},
		"no version":               {query, plans(record("ratePlanVersion", "null")), "lacks ratePlan"},
		"a version past int32":     {query, plans(record("ratePlanVersion", "4294967297")), "4294967297"},
		"no zone":                  {query, plans(record("zone", "null")), "lacks ratePlan"},
		"an empty array's key":     {query, answer(`{"Rate Plan A":[]}`), "Rate Plan A"},
		"a map that is a list":     {query, answer(`[]`), "not an object"},
		"malformed JSON":           {query, plans(record()) + "}", "cannot be read"},
		"truncated JSON":           {query, strings.TrimSuffix(plans(record()), "}"), "cannot be read"},
		"no JSON":                  {query, "OK", "cannot be read"},
		"nothing":                  {query, "", "cannot be read"},
		"a count twice":            {query, plans(strings.Replace(record(), "{", `{"voiceMOUsage":7,`, 1)), "twice"},
		"a unit twice":             {query, plans(strings.Replace(record(), "{", `{"VOICEMOUSAGEUNIT":"minutes",`, 1)), "twice"},
		"all usage twice":          {query, strings.Replace(plans(record()), "{", `{"deviceCycleUsageInZones":{},`, 1), "twice"},
		"two ICCIDs":               {query, strings.Replace(plans(record()), "{", `{"iccid":"8988217755520000032",`, 1), "twice"},
		"a code taken back":        {query, strings.Replace(plans(record()), "{", `{"errorCode":"20000001","errorCode":null,`, 1), "twice"},
		"a record twice":           {query, plans(record(), record()), "two records"},
		"a record under two keys":  {query, answer(`{"Rate Plan A, 1":[` + record() + `],"Rate Plan B, 1":[` + record() + `]}`), "two records"},
		"an unknown field twice":   {query, plans(record("newField", `1,"NEWFIELD":2`)), "twice"},
		"nesting without end":      {query, answer(strings.Repeat("[", 20000)), "not an object"},
		"unknown nesting":          {query, plans(record("newField", strings.Repeat("[", 20000))), "cannot be read"},
		"half a pair in a key":     {query, answer(`{"\ud800, 1":[]}`), "cannot be decoded"},
		"text for a map":           {query, answer(`{"Rate Plan A, 1":"none"}`), "cannot be read"},
		"a number for a name":      {query, plans(record("ratePlan", "1")), "cannot be read"},
		"half a surrogate pair":    {query, plans(record("zone", `"\ud800"`)), "cannot be decoded"},
		"a plan without a name":    {query, plans(record("ratePlan", `""`)), "lacks ratePlan"},
		"a unit that looks alike":  {query, plans(record("dataUsage", "1", "dataUsageUnit", `"byte\u017f"`)), "unit"},
		"a negative version":       {query, answer(`{"A, -1":[]}`), "valid version number"},
		"not UTF-8":                {query, plans(record("zone", "\"Z\xfcrich\"")), "UTF-8"},
		"over 1 MiB":               {query, plans(record()) + strings.Repeat(" ", 1<<20), "more than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			client := newClient(t, respond(http.StatusOK, test.body))
			got, err := client.UsageInZone(t.Context(), test.query)
			var invalid *jasperclient.InvalidResponseError
			if !errors.As(err, &invalid) {
				t.Fatalf("got %+v and the error %v, want an InvalidResponseError", got, err)
			}
			if invalid.HTTPStatus != http.StatusOK || !strings.Contains(err.Error(), test.want) {
				t.Errorf("HTTP status %d, %q; want 200 and a text with %q", invalid.HTTPStatus, err, test.want)
			}
			if strings.Contains(err.Error(), exampleICCID) {
				t.Errorf("the error %q has the ICCID", err)
			}
		})
	}
}

// A calendar day lies in a cycle when any instant of it does, in any time zone: from UTC+14's midnight to UTC-12's.
func TestUsageInZoneTakesACycleThatHoldsTheDay(t *testing.T) {
	client := newClient(t, respond(http.StatusOK, plans(record())))
	for _, test := range []struct {
		month time.Month
		day   int
		held  bool
	}{
		{10, 29, false}, // over everywhere at 10-30T12:00Z, the cycle starts at 10-31T10:30Z
		{10, 30, true},  // over everywhere at 10-31T12:00Z
		{11, 10, true},
		{12, 1, true},  // begins at 11-30T10:00Z, the cycle's last second is 11-30T10:29:59Z
		{12, 2, false}, // begins at 12-01T10:00Z
	} {
		date := jasperclient.Date{Year: 2016, Month: test.month, Day: test.day}
		_, err := client.UsageInZone(t.Context(), jasperclient.UsageQuery{ICCID: exampleICCID, CycleStartDate: date})
		if held := err == nil; held != test.held {
			t.Errorf("%s: held is %t, want %t (%v)", date, held, test.held, err)
		}
	}
}

func TestUsageInZoneTellsRefusalsApart(t *testing.T) {
	html := "<html><body><h1>502 Bad Gateway</h1></body></html>"
	for name, test := range map[string]struct {
		status int
		header http.Header
		body   string
		want   error
	}{
		"a code": {
			401, nil, `{"errorMessage":"Invalid credentials","errorCode":"10000001"}`,
			&jasperclient.APIError{Code: jasperclient.CodeInvalidCredentials, HTTPStatus: 401, Message: "Invalid credentials"},
		},
		"a code that is a number": {
			400, nil, `{"errorMessage":"x","errorCode":10000028}`,
			&jasperclient.APIError{Code: jasperclient.CodeInvalidRequest, HTTPStatus: 400, Message: "x"},
		},
		"a code in escapes": {
			404, nil, `{"errorCode":"\u00320000001"}`, &jasperclient.APIError{Code: jasperclient.CodeResourceNotFound, HTTPStatus: 404},
		},
		"a code behind a BOM": {
			404, nil, "\uFEFF" + `{"errorCode":"20000001"}`, &jasperclient.APIError{Code: jasperclient.CodeResourceNotFound, HTTPStatus: 404},
		},
		"a code that is none": {
			200, nil, `{"errorCode":{"iccid":"8988217755520000031"}}`, &jasperclient.APIError{HTTPStatus: 200},
		},
		"a text without end": {
			400, nil, `{"errorCode":"1","errorMessage":"` + strings.Repeat("ü", 600) + `"}`,
			&jasperclient.APIError{Code: "1", HTTPStatus: 400, Message: strings.Repeat("ü", 500) + "…"},
		},
		"a wait of centuries":   {429, http.Header{"Retry-After": {"2147483647"}}, "", &jasperclient.APIError{HTTPStatus: 429, RetryAfter: 24 * time.Hour}},
		"a wait of ages":        {429, http.Header{"Retry-After": {"3000000000"}}, "", &jasperclient.APIError{HTTPStatus: 429, RetryAfter: 24 * time.Hour}},
		"a wait beyond numbers": {429, http.Header{"Retry-After": {"99999999999999999999"}}, "", &jasperclient.APIError{HTTPStatus: 429, RetryAfter: 24 * time.Hour}},
		"a 429 that breaks off": {429, http.Header{"Retry-After": {"7"}, "Content-Length": {"100"}}, "{", &jasperclient.APIError{HTTPStatus: 429, RetryAfter: 7 * time.Second}},
		"a redirect to nowhere": {301, nil, "", &jasperclient.InvalidResponseError{HTTPStatus: 301}},
		"an unknown code": {
			418, nil, `{"errorMessage":"x","errorCode":"99999999"}`,
			&jasperclient.APIError{Code: "99999999", HTTPStatus: 418, Message: "x"},
		},
		"a code inside a 200": {
			200, nil, `{"errorMessage":"Rate limit exceeded","errorCode":"40000029"}`,
			&jasperclient.APIError{Code: jasperclient.CodeRateLimitExceeded, HTTPStatus: 200, Message: "Rate limit exceeded"},
		},
		"a code inside a usage answer": {
			200, nil, strings.Replace(plans(record()), "{", `{"errorCode":"30000001",`, 1),
			&jasperclient.APIError{Code: jasperclient.CodeUnknownServerError, HTTPStatus: 200},
		},
		"no code": {
			401, nil, `{"errorMessage":"Full authentication is required to access this resource"}`,
			&jasperclient.APIError{HTTPStatus: 401, Message: "Full authentication is required to access this resource"},
		},
		"no body":              {500, nil, "", &jasperclient.APIError{HTTPStatus: 500}},
		"an HTML 403":          {403, nil, html, &jasperclient.APIError{HTTPStatus: 403}},
		"seconds to wait":      {429, http.Header{"Retry-After": {"7"}}, "", &jasperclient.APIError{HTTPStatus: 429, RetryAfter: 7 * time.Second}},
		"a negative wait":      {429, http.Header{"Retry-After": {"-7"}}, "", &jasperclient.APIError{HTTPStatus: 429}},
		"an HTML 429":          {429, nil, html, &jasperclient.APIError{HTTPStatus: 429}},
		"a wait with a 503":    {503, http.Header{"Retry-After": {"7"}}, html, &jasperclient.UnavailableError{HTTPStatus: 503, RetryAfter: 7 * time.Second}},
		"a wait below numbers": {429, http.Header{"Retry-After": {"-9000000000000000000"}}, "", &jasperclient.APIError{HTTPStatus: 429}},
		"a date long past":     {429, http.Header{"Retry-After": {"Fri, 31 Dec 1999 23:59:59 GMT"}}, "", &jasperclient.APIError{HTTPStatus: 429}},
		"an HTML 502":          {502, nil, html, &jasperclient.UnavailableError{HTTPStatus: 502}},
		"an HTML 404":          {404, http.Header{"Content-Type": {"text/html; charset=utf-8"}}, "not here", &jasperclient.UnavailableError{HTTPStatus: 404}},
		"an HTML 200":          {200, nil, "\n <!DOCTYPE html>", &jasperclient.UnavailableError{HTTPStatus: 200}},
		"UTF-8 declared as ISO-8859-1": {
			400, http.Header{"Content-Type": {"application/json;charset=ISO-8859-1"}}, `{"errorMessage":"Zürich","errorCode":"10000031"}`,
			&jasperclient.APIError{Code: jasperclient.CodeInvalidZone, HTTPStatus: 400, Message: "Zürich"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					for key, values := range test.header {
						w.Header()[key] = values
					}
					w.WriteHeader(test.status)
					_, _ = io.WriteString(w, test.body)
				}), unlimited)
				// Less than any Retry-After here: the refused call is not made again. In real time a slow machine
				// could need as long for the attempts that are.
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				_, err := client.UsageInZone(ctx, jasperclient.UsageQuery{ICCID: exampleICCID})
				var unavailable *jasperclient.UnavailableError
				if errors.As(err, &unavailable) {
					unavailable.Err = nil
				}
				if invalid := (*jasperclient.InvalidResponseError)(nil); errors.As(err, &invalid) {
					invalid.Err = nil
				}
				if refused := (*jasperclient.APIError)(nil); errors.As(err, &refused) {
					refused.RetryAfter = refused.RetryAfter.Truncate(time.Millisecond) // the lane's own is shorter
				}
				if diff := cmp.Diff(test.want, err); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			})
		})
	}
}

func TestUsageInZoneReportsABrokenConnection(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"before the answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"within the body": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, plans(record())[:100])
			panic(http.ErrAbortHandler)
		},
	} {
		t.Run(name, func(t *testing.T) {
			client := newClient(t, handler)
			_, err := client.UsageInZone(t.Context(), jasperclient.UsageQuery{ICCID: exampleICCID})
			var unavailable *jasperclient.UnavailableError
			if !errors.As(err, &unavailable) {
				t.Fatalf("got %v, want an UnavailableError", err)
			}
			if strings.Contains(err.Error(), exampleICCID) {
				t.Errorf("the error %q has the ICCID", err)
			}
		})
	}
}

func TestUsageInZoneEndsWithItsContextOrItsTimeout(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	query := jasperclient.UsageQuery{ICCID: exampleICCID}

	ctx, cancel := context.WithCancel(t.Context())
	arrived := make(chan struct{})
	client := newClient(t, func(w http.ResponseWriter, r *http.Request) { close(arrived); hang(w, r) })
	go func() { <-arrived; cancel() }()
	_, err := client.UsageInZone(ctx, query)
	if unavailable := (*jasperclient.UnavailableError)(nil); !errors.Is(err, context.Canceled) || errors.As(err, &unavailable) {
		t.Errorf("the caller left: got %v, want context.Canceled", err)
	}

	client = newClient(t, hang, jasperclient.WithTimeout(time.Millisecond))
	_, err = client.UsageInZone(t.Context(), query)
	if unavailable := (*jasperclient.UnavailableError)(nil); !errors.As(err, &unavailable) {
		t.Errorf("the client's timeout: got %v, want an UnavailableError", err)
	}
}

func TestUsageInZoneSendsTheVendorsRequest(t *testing.T) {
	for name, test := range map[string]struct {
		query jasperclient.UsageQuery
		want  string
	}{
		"the current cycle": {jasperclient.UsageQuery{ICCID: exampleICCID}, "/rws/api/v1/devices/8988217755520000031/usageInZone"},
		"the vendor's third example": {
			jasperclient.UsageQuery{ICCID: exampleICCID, CycleStartDate: jasperclient.Date{Year: 2016, Month: 11, Day: 10}, RatePlan: "Rate Plan A", Zone: "Zone B"},
			"/rws/api/v1/devices/8988217755520000031/usageInZone?cycleStartDate=2016-11-10Z&ratePlan=Rate%20Plan%20A&zone=Zone%20B",
		},
		"names of any script": {
			jasperclient.UsageQuery{ICCID: exampleICCID + " ", RatePlan: `a, b&c+d%e/f"g`, Zone: "区域🌍"},
			"/rws/api/v1/devices/8988217755520000031/usageInZone?ratePlan=a%2C%20b%26c%2Bd%25e%2Ff%22g&zone=%E5%8C%BA%E5%9F%9F%F0%9F%8C%8D",
		},
	} {
		t.Run(name, func(t *testing.T) {
			client := newClient(t, func(w http.ResponseWriter, r *http.Request) {
				if r.RequestURI != test.want {
					t.Errorf("request %s\nwant    %s", r.RequestURI, test.want)
				}
				if user, key, _ := r.BasicAuth(); user != "user" || key != apiKey || r.Header.Get("Accept") != "application/json" {
					t.Errorf("user %q, key %q, Accept %q", user, key, r.Header.Get("Accept"))
				}
				respond(http.StatusOK, answer(`{}`))(w, r)
			})
			if _, err := client.UsageInZone(t.Context(), test.query); err != nil {
				t.Error(err)
			}
		})
	}
}

// Names are compared without regard to letter case: whether Control Center does so too is unknown.
func TestUsageInZoneTakesNamesInAnotherLetterCase(t *testing.T) {
	client := newClient(t, respond(http.StatusOK, plans(record())))
	query := jasperclient.UsageQuery{ICCID: exampleICCID, RatePlan: "rate plan a", Zone: "Default Zone"}
	if _, err := client.UsageInZone(t.Context(), query); err != nil {
		t.Error(err)
	}
}

func TestUsageInZoneReadsNoEndlessBody(t *testing.T) {
	client := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	_, err := client.UsageInZone(t.Context(), jasperclient.UsageQuery{ICCID: exampleICCID})
	if invalid := (*jasperclient.InvalidResponseError)(nil); !errors.As(err, &invalid) {
		t.Errorf("got %v, want an InvalidResponseError", err)
	}
}

// roundTripper is a transport of one function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var agent string
		hang := jasperclient.WithTransport(roundTripper(func(r *http.Request) (*http.Response, error) {
			agent = r.Header.Get("User-Agent")
			<-r.Context().Done()
			return nil, r.Context().Err()
		}))
		for _, test := range []struct {
			opts    []jasperclient.Option
			timeout time.Duration
			agent   string
		}{
			{[]jasperclient.Option{hang}, 30 * time.Second, "jasperclient"},
			{[]jasperclient.Option{hang, jasperclient.WithTimeout(3 * time.Second), jasperclient.WithUserAgent("meter/1")}, 3 * time.Second, "meter/1"},
		} {
			client, err := jasperclient.New("https://restapi.example", jasperclient.Credentials{Username: "user", APIKey: apiKey}, test.opts...)
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			_, err = client.UsageInZone(t.Context(), jasperclient.UsageQuery{ICCID: exampleICCID})
			// Three attempts, with at most 0.5 s and 1 s between them, or the second and a bit that the lane keeps.
			took := time.Since(start)
			if unavailable := (*jasperclient.UnavailableError)(nil); !errors.As(err, &unavailable) || took < 3*test.timeout || took > 3*test.timeout+2100*time.Millisecond {
				t.Errorf("after %v: %v; want an UnavailableError after three times %v", took, err, test.timeout)
			}
			if agent != test.agent {
				t.Errorf("user agent %q, want %q", agent, test.agent)
			}
		}
	})
}

func TestUsageInZoneAsksNothingThatCannotBeAsked(t *testing.T) {
	client := newClient(t, func(http.ResponseWriter, *http.Request) { t.Error("Control Center was asked") })
	for field, query := range map[string]jasperclient.UsageQuery{
		"ICCID":          {ICCID: "../../secrets"},
		"CycleStartDate": {ICCID: exampleICCID, CycleStartDate: jasperclient.Date{Year: 2016, Month: 2, Day: 30}},
		"RatePlan":       {ICCID: exampleICCID, RatePlan: "\xff"},
		"Zone":           {ICCID: exampleICCID, Zone: "\xff"},
	} {
		_, err := client.UsageInZone(t.Context(), query)
		var refused *jasperclient.QueryError
		if !errors.As(err, &refused) || refused.Field != field {
			t.Errorf("got %v, want a QueryError of %s", err, field)
		}
	}
}

func TestUpdateChangesTheCredentials(t *testing.T) {
	var calls atomic.Int32
	client := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		if _, key, _ := r.BasicAuth(); key != "new" {
			respond(401, `{"errorCode":"10000001"}`)(w, r)
			return
		}
		goodAnswer(w, r)
	})
	var refused *jasperclient.APIError
	if _, err := client.UsageInZone(t.Context(), question); !errors.As(err, &refused) {
		t.Errorf("the old key: %v", err)
	}
	fair := jasperclient.FairUse{CallsInFlight: 1, CallsPerSecond: 100, MaxWaiting: 10}
	if client.Update(jasperclient.Credentials{Username: "user"}, fair) == nil || client.Update(jasperclient.Credentials{Username: "user", APIKey: "new"}, jasperclient.FairUse{}) == nil {
		t.Error("impossible settings are taken")
	}
	if err := client.Update(jasperclient.Credentials{Username: "user", APIKey: apiKey}, fair); err != nil {
		t.Fatal(err)
	}
	if _, err := client.UsageInZone(t.Context(), question); !errors.As(err, &refused) || calls.Load() != 1 {
		t.Errorf("the old key again: %d calls, %v", calls.Load(), err)
	}
	if err := client.Update(jasperclient.Credentials{Username: "user", APIKey: "new"}, fair); err != nil {
		t.Fatal(err)
	}
	if _, err := client.UsageInZone(t.Context(), question); err != nil {
		t.Errorf("the new key: %v", err)
	}
}

func TestUsageInZoneFollowsNoRedirect(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another host was asked") }))
	defer other.Close()
	client := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+r.RequestURI, http.StatusFound)
	})
	_, err := client.UsageInZone(t.Context(), jasperclient.UsageQuery{ICCID: exampleICCID})
	var invalid *jasperclient.InvalidResponseError
	if !errors.As(err, &invalid) || invalid.HTTPStatus != http.StatusFound {
		t.Errorf("got %v, want an InvalidResponseError with status 302", err)
	}

	client = newClient(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://"+r.Host+r.RequestURI, http.StatusFound)
	})
	if _, err := client.UsageInZone(t.Context(), jasperclient.UsageQuery{ICCID: exampleICCID}); !errors.As(err, &invalid) {
		t.Errorf("another scheme: got %v, want an InvalidResponseError", err)
	}

	calls := 0
	client = newClient(t, func(w http.ResponseWriter, r *http.Request) {
		calls++
		http.Redirect(w, r, r.RequestURI, http.StatusFound)
	})
	if _, err := client.UsageInZone(t.Context(), jasperclient.UsageQuery{ICCID: exampleICCID}); !errors.As(err, &invalid) || calls != 1 {
		t.Errorf("the same host: got %v after %d calls, want an InvalidResponseError after one", err, calls)
	}

	calls = 0
	client = newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.Header().Set("Location", "http://a b/") // which is no URL
		w.WriteHeader(http.StatusFound)
	})
	if _, err := client.UsageInZone(t.Context(), jasperclient.UsageQuery{ICCID: exampleICCID}); !errors.As(err, &invalid) || calls != 1 {
		t.Errorf("nowhere: got %v after %d calls, want an InvalidResponseError after one", err, calls)
	}
}

func TestNewRefusesImpossibleOptions(t *testing.T) {
	for name, opt := range map[string]jasperclient.Option{
		"no transport": jasperclient.WithTransport(nil),
		"no tracer":    jasperclient.WithTracerProvider(nil),
		"no time":      jasperclient.WithTimeout(0),
		"two lines":    jasperclient.WithUserAgent("a\nb"),
	} {
		if _, err := jasperclient.New("https://restapi.example", jasperclient.Credentials{Username: "user", APIKey: apiKey}, opt); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	good := jasperclient.Credentials{Username: "user", APIKey: apiKey}
	for name, test := range map[string]struct {
		baseURL     string
		credentials jasperclient.Credentials
		want        string
	}{
		"no URL":                   {"", good, "https://"},
		"no scheme":                {"restapi1.jasper.com", good, "https://"},
		"another scheme":           {"ftp://restapi1.jasper.com", good, "https://"},
		"plain http to a network":  {"http://restapi1.jasper.com", good, "use https"},
		"a key in the URL":         {"https://user:" + apiKey + "@restapi1.jasper.com", good, "do not belong"},
		"a key in a malformed URL": {"https://user:" + apiKey + "@h\x7f", good, "cannot be read"},
		"another version":          {"https://restapi1.jasper.com/rws/api/v2", good, "version 1"},
		"a query":                  {"https://restapi1.jasper.com?a=b", good, "query"},
		"no user name":             {"https://restapi1.jasper.com", jasperclient.Credentials{APIKey: apiKey}, "user name"},
		"no key":                   {"https://restapi1.jasper.com", jasperclient.Credentials{Username: "user"}, "API key"},
		"a BOM in the key":         {"https://restapi1.jasper.com", jasperclient.Credentials{Username: "user", APIKey: "\uFEFF" + apiKey}, "cannot be seen"},
		"a line's end in the key":  {"https://restapi1.jasper.com", jasperclient.Credentials{Username: "user", APIKey: apiKey + "\n"}, "cannot be seen"},
		"a colon in the user name": {"https://restapi1.jasper.com", jasperclient.Credentials{Username: "a:b", APIKey: apiKey}, "colon"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := jasperclient.New(test.baseURL, test.credentials)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), apiKey) {
				t.Errorf("got %v, want an error with %q and without the key", err, test.want)
			}
		})
	}
}

func TestNewTakesTheURLWithAndWithoutThePath(t *testing.T) {
	for _, suffix := range []string{"", "/", "/rws/api/v1", "/rws/api/v1/"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if want := "/rws/api/v1/devices/" + exampleICCID + "/usageInZone"; r.URL.Path != want {
				t.Errorf("path %s, want %s", r.URL.Path, want)
			}
			respond(http.StatusOK, answer(`{}`))(w, r)
		}))
		client, err := jasperclient.New(server.URL+suffix, jasperclient.Credentials{Username: "user", APIKey: apiKey})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.UsageInZone(t.Context(), jasperclient.UsageQuery{ICCID: exampleICCID}); err != nil {
			t.Errorf("base URL with %q: %v", suffix, err)
		}
		client.Close()
		server.Close()
	}
}

func TestTheAPIKeyIsNeverShown(t *testing.T) {
	credentials := jasperclient.Credentials{Username: "user", APIKey: apiKey}
	client := newClient(t, respond(http.StatusUnauthorized, ""))
	_, refused := client.UsageInZone(t.Context(), jasperclient.UsageQuery{ICCID: exampleICCID})
	unreachable, err := jasperclient.New("http://127.0.0.1:1", credentials)
	if err != nil {
		t.Fatal(err)
	}
	_, unavailable := unreachable.UsageInZone(t.Context(), jasperclient.UsageQuery{ICCID: exampleICCID})

	client.Close() // its calls have ended: formatting reads what they write
	unreachable.Close()
	var out bytes.Buffer
	values := []any{credentials, &credentials, client, refused, unavailable}
	for _, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			_, _ = fmt.Fprintf(&out, verb+"\n", value)
		}
		encoded, err := json.Marshal(value)
		_, _ = fmt.Fprintln(&out, string(encoded), err)
		slog.New(slog.NewTextHandler(&out, nil)).Info("", "value", value)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("", "value", value)
	}
	for _, secret := range []string{apiKey, fmt.Sprintf("%x", apiKey), "dXNlcj"} { // the last begins Basic's base64 of "user:"
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q is shown", secret)
		}
	}
	if !strings.Contains(out.String(), `Username:"user"`) {
		t.Error("the user name is not shown")
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A failure that comes in the moment of Close is not tried again, and its caller is told of Close.
func TestCloseWhileAFailureComes(t *testing.T) {
	asked := make(chan struct{})
	client, err := jasperclient.New("https://example.com", jasperclient.Credentials{Username: "user", APIKey: apiKey},
		jasperclient.WithTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
			close(asked)
			<-r.Context().Done()
			return &http.Response{StatusCode: http.StatusInternalServerError, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		})))
	if err != nil {
		t.Fatal(err)
	}
	outcome := make(chan error)
	go func() {
		_, err := client.UsageInZone(t.Context(), jasperclient.UsageQuery{ICCID: exampleICCID})
		outcome <- err
	}()
	<-asked
	client.Close()
	if err := <-outcome; !errors.Is(err, jasperclient.ErrClosed) {
		t.Errorf("%T %v, want ErrClosed", err, err)
	}
}
