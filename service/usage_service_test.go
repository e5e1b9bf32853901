package service_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
	"github.com/zoneusage/zoneusage/service"
)

type request = usagev1.GetDeviceUsageInZoneRequest

// example asks for the vendor's example device.
func example(changes ...func(*request)) *request {
	req := &request{Iccid: exampleICCID}
	for _, change := range changes {
		change(req)
	}
	return req
}

func device(iccid string) *request { return &request{Iccid: iccid} }

func on(date string) func(*request)       { return func(r *request) { r.CycleStartDate = date } }
func ratePlan(name string) func(*request) { return func(r *request) { r.RatePlan = name } }
func zone(name string) func(*request)     { return func(r *request) { r.Zone = name } }

// plan is a rate plan's usage with its total, which must be given: the tests add nothing up themselves.
func plan(name string, version int32, total *usagev1.Usage, zones ...*usagev1.ZoneUsage) *usagev1.RatePlanUsage {
	return &usagev1.RatePlanUsage{RatePlan: name, RatePlanVersion: version, ZoneUsages: zones, Total: total}
}

func in(zone string, usage *usagev1.Usage) *usagev1.ZoneUsage {
	return &usagev1.ZoneUsage{Zone: zone, Usage: usage}
}

func data(bytes int64) *usagev1.Usage { return &usagev1.Usage{DataBytes: proto.Int64(bytes)} }

func answered(total *usagev1.Usage, plans ...*usagev1.RatePlanUsage) *usagev1.GetDeviceUsageInZoneResponse {
	return &usagev1.GetDeviceUsageInZoneResponse{
		Iccid:     exampleICCID,
		Timestamp: timestamppb.New(exampleTime),
		BillingCycle: &usagev1.BillingCycle{
			StartTime: timestamppb.New(time.Date(2016, 10, 31, 10, 30, 0, 0, time.UTC)),
			EndTime:   timestamppb.New(time.Date(2016, 11, 30, 10, 29, 59, 0, time.UTC)),
		},
		RatePlanUsages: plans,
		Total:          total,
	}
}

// of changes the device of an expected answer.
func of(iccid string, resp *usagev1.GetDeviceUsageInZoneResponse) *usagev1.GetDeviceUsageInZoneResponse {
	resp.Iccid = iccid
	return resp
}

func TestUsageIsAnsweredAlikeThroughBothDoors(t *testing.T) {
	planA := func() *usagev1.RatePlanUsage {
		voice := &usagev1.Usage{VoiceMoSeconds: proto.Int64(600)}
		return plan("Rate Plan A", 1, voice, in("default zone", voice))
	}
	planB := func() *usagev1.RatePlanUsage {
		both := &usagev1.Usage{DataBytes: proto.Int64(943718), VoiceMoSeconds: proto.Int64(943718)}
		return plan("Rate Plan B", 2, both, in("default zone", both))
	}
	total := &usagev1.Usage{DataBytes: proto.Int64(943718), VoiceMoSeconds: proto.Int64(944318)}
	for name, test := range map[string]struct {
		opts []sandbox.Option
		req  *request
		want *usagev1.GetDeviceUsageInZoneResponse
	}{
		"the vendor's first request":  {nil, example(), answered(total, planA(), planB())},
		"the vendor's second request": {nil, example(on("2016-11-10Z")), answered(total, planA(), planB())},
		"the vendor's third request":  {nil, example(on("2016-11-10Z"), ratePlan("Rate Plan A"), zone("Zone B")), answered(&usagev1.Usage{})},
		"a date as RFC 3339 has it":   {nil, example(on("2016-11-10")), answered(total, planA(), planB())},
		"a date with an offset":       {nil, example(on("2016-11-10+00:00")), answered(total, planA(), planB())},
		"an ICCID as modems print it": {nil, device(" " + exampleICCID + "F "), answered(total, planA(), planB())},
		"one rate plan": {
			nil, example(ratePlan("Rate Plan A")), answered(planA().GetTotal(), planA()),
		},
		"an age that no kept answer has": {
			nil, example(func(r *request) { r.MaxAge = durationpb.New(0) }), answered(total, planA(), planB()),
		},
		"every zone of a plan, sorted, and null beside numbers": {
			nil, device("8999901000000000019"),
			of("8999901000000000019", func() *usagev1.GetDeviceUsageInZoneResponse {
				sum := &usagev1.Usage{DataBytes: proto.Int64(16462643), VoiceMtSeconds: proto.Int64(61), VoiceMoSeconds: proto.Int64(120),
					SmsMtMessages: proto.Int64(4), SmsMoMessages: proto.Int64(1)}
				return answered(sum, plan("Rate Plan A", 1, sum,
					in("Zone A", &usagev1.Usage{DataBytes: proto.Int64(5242880), VoiceMtSeconds: proto.Int64(61)}),
					in("Zone B", &usagev1.Usage{DataBytes: proto.Int64(734003), SmsMoMessages: proto.Int64(1)}),
					in("default zone", &usagev1.Usage{DataBytes: proto.Int64(10485760), VoiceMoSeconds: proto.Int64(120), SmsMtMessages: proto.Int64(4)})))
			}()),
		},
		"two versions of a plan, sorted as numbers": {
			nil, device("8999901000000000027"),
			of("8999901000000000027", answered(data(136314880),
				plan("Prepaid 100MB", 9, data(104857600), in("default zone", data(104857600))),
				plan("Prepaid 100MB", 10, data(31457280), in("default zone", data(31457280))))),
		},
		"names that must be percent-encoded": {
			nil, &request{Iccid: "8999901000000000035", RatePlan: `Fleet, Car & Truck + 50% / "Gold"`, Zone: `50% + "roaming" / <other>`},
			of("8999901000000000035", func() *usagev1.GetDeviceUsageInZoneResponse {
				usage := &usagev1.Usage{DataBytes: proto.Int64(1310720), SmsMtMessages: proto.Int64(12)}
				return answered(usage, plan(`Fleet, Car & Truck + 50% / "Gold"`, 1, usage, in(`50% + "roaming" / <other>`, usage)))
			}()),
		},
		"names in Chinese": {
			nil, &request{Iccid: "8999901000000000043", RatePlan: "物联网套餐, 100兆"},
			of("8999901000000000043", answered(data(52428800), plan("物联网套餐, 100兆", 1, data(52428800), in("中国大陆", data(52428800))))),
		},
		"no usage": {
			nil, device("8999901000000000050"), of("8999901000000000050", answered(&usagev1.Usage{})),
		},
		"no usage, as null": {
			[]sandbox.Option{sandbox.WithEmptyUsage(sandbox.EmptyNull)}, device("8999901000000000050"),
			of("8999901000000000050", answered(&usagev1.Usage{})),
		},
		"no usage, the key left out": {
			[]sandbox.Option{sandbox.WithEmptyUsage(sandbox.EmptyMissing)}, device("8999901000000000050"),
			of("8999901000000000050", answered(&usagev1.Usage{})),
		},
		"zeros are not nulls": {
			nil, device("8999901000000000068"),
			of("8999901000000000068", func() *usagev1.GetDeviceUsageInZoneResponse {
				sum := &usagev1.Usage{DataBytes: proto.Int64(0), VoiceMtSeconds: proto.Int64(0), VoiceMoSeconds: proto.Int64(0),
					SmsMtMessages: proto.Int64(0), SmsMoMessages: proto.Int64(0)}
				return answered(sum, plan("Rate Plan B", 2, sum,
					in("Zone A", &usagev1.Usage{VoiceMtSeconds: proto.Int64(0), SmsMoMessages: proto.Int64(0)}),
					in("default zone", &usagev1.Usage{DataBytes: proto.Int64(0), VoiceMoSeconds: proto.Int64(0), SmsMtMessages: proto.Int64(0)})))
			}()),
		},
		"numbers to 2^63-1": {
			nil, &request{Iccid: "8999901000000000076", Zone: "Zone A"},
			of("8999901000000000076", func() *usagev1.GetDeviceUsageInZoneResponse {
				usage := &usagev1.Usage{DataBytes: proto.Int64(1<<63 - 1), VoiceMtSeconds: proto.Int64(1<<53 + 1)}
				return answered(usage, plan("Backhaul Unlimited", 1, usage, in("Zone A", usage)))
			}()),
		},
		"an ICCID of 20 digits": {
			nil, device("89999010000000000109"),
			of("89999010000000000109", answered(data(20202020), plan("Rate Plan A", 1, data(20202020), in("default zone", data(20202020))))),
		},
		"a plan without zones, named by its key alone": {
			nil, device("8999901000000000126"),
			of("8999901000000000126", answered(&usagev1.Usage{}, plan("key, with, commas", 3, &usagev1.Usage{}))),
		},
		"a day in a cycle that is no calendar month": {
			[]sandbox.Option{
				sandbox.WithBilling(time.FixedZone("", 8*60*60), 27),
				sandbox.WithClock(func() time.Time { return time.Date(2018, 9, 20, 0, 0, 0, 0, time.UTC) }),
			},
			&request{Iccid: "8999901000000000118", CycleStartDate: "2018-09-01"},
			&usagev1.GetDeviceUsageInZoneResponse{
				Iccid:     "8999901000000000118",
				Timestamp: timestamppb.New(time.Date(2018, 9, 20, 0, 0, 0, 0, time.UTC)),
				BillingCycle: &usagev1.BillingCycle{
					StartTime: timestamppb.New(time.Date(2018, 8, 26, 16, 0, 0, 0, time.UTC)),
					EndTime:   timestamppb.New(time.Date(2018, 9, 26, 15, 59, 59, 0, time.UTC)),
				},
				RatePlanUsages: []*usagev1.RatePlanUsage{plan("620WLW005721_MON-FLEX_300M_SP", 1, data(61489152),
					in("620WLW005721_xz01gz_zone1", data(61489152)))},
				Total: data(61489152),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, newSandbox(t, test.opts...))
			wantCalls, sources := int32(1), map[string]int{"live": 1, "cache": 1}
			if test.req.GetMaxAge() != nil {
				wantCalls, sources = 2, map[string]int{"live": 2}
			}
			for door, ask := range doors {
				got := ask(t.Context(), t, r, test.req)
				if got.status != nil {
					t.Fatalf("%s: %v", door, got.status)
				}
				if diff := cmp.Diff(test.want, got.response, protocmp.Transform()); diff != "" {
					t.Errorf("%s (-want +got)\n%s", door, diff)
				}
				source := got.header["x-usage-source"]
				sources[source]--
				if (got.header["age"] != "") != (source == "cache") || got.header["x-usage-account"] != "test" || got.header["x-request-id"] == "" {
					t.Errorf("%s: header %v", door, got.header)
				}
			}
			if calls := r.calls.Load(); calls != wantCalls || sources["live"] != 0 || sources["cache"] != 0 {
				t.Errorf("%d calls of Control Center for two questions, want %d", calls, wantCalls)
			}
		})
	}
}

func respond(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// trouble asks for the device that always answers with a code.
func trouble(code string) *request { return device(sandbox.TroublePrefix + code) }

// info is an ErrorInfo; metadata are name-value pairs.
func info(reason usagev1.ErrorReason, metadata ...string) proto.Message {
	md := map[string]string{}
	for i := 0; i < len(metadata); i += 2 {
		md[metadata[i]] = metadata[i+1]
	}
	return &errdetails.ErrorInfo{Reason: strings.TrimPrefix(reason.String(), "ERROR_REASON_"), Domain: "usage.jasper", Metadata: md}
}

// upstream is the metadata of Control Center's refusal.
func upstream(reason usagev1.ErrorReason, code string, status int) proto.Message {
	return info(reason, "upstream_code", code, "upstream_status", fmt.Sprint(status))
}

// fields is a BadRequest that names the fields; their descriptions are not compared.
func fields(names ...string) proto.Message {
	bad := &errdetails.BadRequest{}
	for _, name := range names {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: name})
	}
	return bad
}

func retry(after time.Duration) proto.Message {
	return &errdetails.RetryInfo{RetryDelay: durationpb.New(after)}
}

func TestErrorsAreAnsweredAlikeThroughBothDoors(t *testing.T) {
	const (
		invalidRequest  = usagev1.ErrorReason_ERROR_REASON_INVALID_REQUEST
		invalidDate     = usagev1.ErrorReason_ERROR_REASON_INVALID_CYCLE_START_DATE
		outOfRange      = usagev1.ErrorReason_ERROR_REASON_CYCLE_START_DATE_OUT_OF_RANGE
		invalidZone     = usagev1.ErrorReason_ERROR_REASON_INVALID_ZONE
		planNotFound    = usagev1.ErrorReason_ERROR_REASON_RATE_PLAN_NOT_FOUND
		deviceNotFound  = usagev1.ErrorReason_ERROR_REASON_DEVICE_NOT_FOUND
		credentials     = usagev1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED
		rejected        = usagev1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED_REQUEST
		rateLimited     = usagev1.ErrorReason_ERROR_REASON_RATE_LIMITED
		unavailable     = usagev1.ErrorReason_ERROR_REASON_UPSTREAM_UNAVAILABLE
		invalidResponse = usagev1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_RESPONSE
		unknown         = usagev1.ErrorReason_ERROR_REASON_UPSTREAM_ERROR
	)
	answer := func(record string) http.HandlerFunc {
		return respond(200, `{"iccid":"`+exampleICCID+`","timeStamp":"2016-11-10T05:31:17.557Z","cycleStartDate":"2016-10-31T10:30:00.000Z",`+
			`"cycleEndDate":"2016-11-30T10:29:59.000Z","deviceCycleUsageInZones":{"P, 1":[{"ratePlan":"P","ratePlanVersion":"1","zone":"Z",`+record+`}]}}`)
	}
	html := "<html><body>Bad Gateway</body></html>"
	type details []proto.Message
	for name, test := range map[string]struct {
		upstream   http.Handler // nil: the sandbox
		req        *request
		code       codes.Code
		httpStatus int
		details    details
		calls      int32 // of Control Center: three tries after a limit or a failure that is not a status 4xx, none for a malformed question
	}{
		"bad fields, all of them": {
			nil, &request{Iccid: "8988217755520", CycleStartDate: "10.11.2016", MaxAge: durationpb.New(-time.Second)},
			codes.InvalidArgument, 400, details{info(invalidRequest), fields("iccid", "cycle_start_date", "max_age")}, 0,
		},
		"names without end": {
			nil, example(ratePlan(strings.Repeat("n", 1025)), zone(strings.Repeat("n", 1025))),
			codes.InvalidArgument, 400, details{info(invalidRequest), fields("rate_plan", "zone")}, 0,
		},
		"no ICCID":                  {nil, device(""), codes.InvalidArgument, 400, details{info(invalidRequest), fields("iccid")}, 0},
		"a day that is none":        {nil, example(on("2016-02-30")), codes.InvalidArgument, 400, details{info(invalidRequest), fields("cycle_start_date")}, 0},
		"10000012":                  {nil, trouble("10000012"), codes.InvalidArgument, 400, details{upstream(invalidDate, "10000012", 400), fields("cycle_start_date")}, 1},
		"a day in the future":       {nil, example(on("2016-12-24")), codes.InvalidArgument, 400, details{upstream(invalidDate, "10000012", 400), fields("cycle_start_date")}, 1},
		"the fourth cycle":          {nil, example(on("2016-08-31")), codes.OutOfRange, 400, details{info(outOfRange, "upstream_code", "10000032", "upstream_status", "400", "earliest_date", "2016-09-01"), fields("cycle_start_date")}, 1},
		"10000032":                  {nil, trouble("10000032"), codes.OutOfRange, 400, details{info(outOfRange, "upstream_code", "10000032", "upstream_status", "400", "earliest_date", "2016-09-01"), fields("cycle_start_date")}, 1},
		"another cycle":             {newSandbox(t, sandbox.WithFutureDates(true)), example(on("2016-12-24")), codes.Internal, 500, details{info(invalidResponse, "upstream_status", "200")}, 1},
		"an unknown zone":           {nil, example(zone("Atlantis")), codes.InvalidArgument, 400, details{upstream(invalidZone, "10000031", 400), fields("zone")}, 1},
		"an unknown rate plan":      {nil, example(ratePlan("rate plan a")), codes.NotFound, 404, details{upstream(planNotFound, "10000013", 404), &errdetails.ResourceInfo{ResourceType: "rate plan", ResourceName: "rate plan a"}}, 1},
		"an unknown device":         {nil, device("8988217755520000099"), codes.NotFound, 404, details{upstream(deviceNotFound, "20000001", 404), &errdetails.ResourceInfo{ResourceType: "device", ResourceName: "8988217755520000099"}}, 1},
		"10000021":                  {nil, trouble("10000021"), codes.NotFound, 404, details{upstream(deviceNotFound, "10000021", 400), &errdetails.ResourceInfo{ResourceType: "device", ResourceName: "890000000010000021"}}, 1},
		"wrong credentials":         {newSandbox(t, sandbox.WithCredentials("user", "another")), example(), codes.Internal, 500, details{upstream(credentials, "10000001", 401)}, 1},
		"10000030":                  {nil, trouble("10000030"), codes.Internal, 500, details{upstream(credentials, "10000030", 400)}, 1},
		"10000062":                  {nil, trouble("10000062"), codes.Internal, 500, details{upstream(credentials, "10000062", 403)}, 1},
		"10000079":                  {nil, trouble("10000079"), codes.Internal, 500, details{upstream(credentials, "10000079", 403)}, 1},
		"10000080":                  {nil, trouble("10000080"), codes.Internal, 500, details{upstream(credentials, "10000080", 403)}, 1},
		"a bare 401":                {respond(401, `{"errorMessage":"Full authentication is required to access this resource"}`), example(), codes.Internal, 500, details{info(credentials, "upstream_status", "401")}, 1},
		"a bare 403":                {respond(403, ""), example(), codes.Internal, 500, details{info(credentials, "upstream_status", "403")}, 1},
		"10000024":                  {nil, trouble("10000024"), codes.Internal, 500, details{upstream(rejected, "10000024", 400)}, 1},
		"10000028":                  {nil, trouble("10000028"), codes.Internal, 500, details{upstream(rejected, "10000028", 400)}, 1},
		"40000029 as a 429":         {nil, trouble("40000029"), codes.ResourceExhausted, 429, details{upstream(rateLimited, "40000029", 429), retry(time.Second)}, 3},
		"40000029 as a 400":         {newSandbox(t, sandbox.WithRateLimitStatus(400)), trouble("40000029"), codes.ResourceExhausted, 429, details{upstream(rateLimited, "40000029", 400), retry(time.Second)}, 3},
		"40000029 in a 200":         {respond(200, `{"errorCode":"40000029"}`), example(), codes.ResourceExhausted, 429, details{upstream(rateLimited, "40000029", 200), retry(time.Second)}, 3},
		"a code as a number":        {respond(400, `{"errorCode":40000029}`), example(), codes.ResourceExhausted, 429, details{upstream(rateLimited, "40000029", 400), retry(time.Second)}, 3},
		"a bare 429":                {respond(429, ""), example(), codes.ResourceExhausted, 429, details{info(rateLimited, "upstream_status", "429"), retry(time.Second)}, 3},
		"30000001":                  {nil, trouble("30000001"), codes.Unavailable, 503, details{upstream(unavailable, "30000001", 500), retry(5 * time.Second)}, 3},
		"a bare 500":                {respond(500, ""), example(), codes.Unavailable, 503, details{info(unavailable, "upstream_status", "500"), retry(5 * time.Second)}, 3},
		"HTML with a 502":           {respond(502, html), example(), codes.Unavailable, 503, details{info(unavailable, "upstream_status", "502"), retry(5 * time.Second)}, 3},
		"HTML with a 404":           {respond(404, html), example(), codes.Unavailable, 503, details{info(unavailable, "upstream_status", "404"), retry(5 * time.Second)}, 1},
		"HTML with a 200":           {respond(200, html), example(), codes.Unavailable, 503, details{info(unavailable, "upstream_status", "200"), retry(5 * time.Second)}, 3},
		"a connection that breaks":  {http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), example(), codes.Unavailable, 503, details{info(unavailable), retry(5 * time.Second)}, 3},
		"an answer that is no JSON": {respond(200, "OK"), example(), codes.Internal, 500, details{info(invalidResponse, "upstream_status", "200")}, 1},
		"an answer over 1 MiB":      {respond(200, `{"x":"`+strings.Repeat("x", 1<<20)+`"}`), example(), codes.Internal, 500, details{info(invalidResponse, "upstream_status", "200")}, 1},
		"a 429 with another code":   {respond(429, `{"errorCode":"99999999"}`), example(), codes.ResourceExhausted, 429, details{upstream(rateLimited, "99999999", 429), retry(time.Second)}, 3},
		"a 500 with another code":   {respond(500, `{"errorCode":"99999999"}`), example(), codes.Unknown, 500, details{upstream(unknown, "99999999", 500)}, 3},
		"a 401 with another code":   {respond(401, `{"errorCode":"99999999"}`), example(), codes.Unknown, 500, details{upstream(unknown, "99999999", 401)}, 1},
		"another device":            {respond(200, `{"iccid":"8988217755520000032","timeStamp":"2016-11-10T05:31:17.557Z","cycleStartDate":"2016-10-31T10:30:00.000Z","cycleEndDate":"2016-11-30T10:29:59.000Z"}`), example(), codes.Internal, 500, details{info(invalidResponse, "upstream_status", "200")}, 1},
		"an unknown unit":           {answer(`"dataUsage":1,"dataUsageUnit":"MB"`), example(), codes.Internal, 500, details{info(invalidResponse, "upstream_status", "200")}, 1},
		"a sum above 2^63-1":        {nil, device("8999901000000000134"), codes.Internal, 500, details{info(invalidResponse, "upstream_status", "200")}, 1},
		"another code":              {nil, trouble("99999999"), codes.Unknown, 500, details{upstream(unknown, "99999999", 400)}, 1},
		"no code, no known status":  {respond(418, `{}`), example(), codes.Unknown, 500, details{info(unknown, "upstream_status", "418")}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			controlCenter := test.upstream
			if controlCenter == nil {
				controlCenter = newSandbox(t)
			}
			for door, ask := range doors {
				r := newRig(t, controlCenter) // a door each: a refusal makes the account's next call wait
				checkStatus(t, door, ask(t.Context(), t, r, test.req), test.code, test.httpStatus, test.details)
				if calls := r.calls.Load(); calls != test.calls {
					t.Errorf("%s: %d calls of Control Center, want %d", door, calls, test.calls)
				}
				if strings.Contains(r.log.String(), apiKey) {
					t.Errorf("%s: the log has the API key:\n%s", door, r.log)
				}
			}
		})
	}
}

// Of an answer whose totals are no numbers the rest can be had, and the caller is told how.
func TestASumTooGreatSaysWhatToAsk(t *testing.T) {
	for door, ask := range doors {
		got := ask(t.Context(), t, newRig(t, newSandbox(t)), device("8999901000000000134"))
		if !strings.Contains(got.status.GetMessage(), "exceeds 2^63-1") || !strings.Contains(got.status.GetMessage(), "ask by rate_plan or zone") {
			t.Errorf("%s: %v", door, got.status)
		}
	}
}

// checkStatus compares a refusal, but for texts: those of ours are for people.
func checkStatus(t *testing.T, door string, got reply, code codes.Code, httpStatus int, wantDetails []proto.Message) {
	t.Helper()
	if got.status == nil {
		t.Fatalf("%s: answered with %v", door, got.response)
	}
	if got := codes.Code(got.status.GetCode()); got != code {
		t.Errorf("%s: code %v, want %v", door, got, code)
	}
	if door == "REST" && got.httpStatus != httpStatus {
		t.Errorf("REST: HTTP status %d, want %d", got.httpStatus, httpStatus)
	}
	gotDetails := detailsOf(t, got.status)
	ignoreTexts := protocmp.IgnoreFields(&errdetails.BadRequest_FieldViolation{}, "description")
	if diff := cmp.Diff(wantDetails, gotDetails, protocmp.Transform(), ignoreTexts); diff != "" {
		t.Errorf("%s: details (-want +got)\n%s", door, diff)
	}
	for _, detail := range gotDetails {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			delay := info.GetRetryDelay().AsDuration()
			want := map[string]string{"REST": fmt.Sprint(delay.Seconds()), "gRPC": fmt.Sprint(delay.Milliseconds())}[door]
			if got.retryAfter != want {
				t.Errorf("%s: told to wait %q, want %q", door, got.retryAfter, want)
			}
		}
	}
	isQuestion := !strings.HasPrefix(got.status.GetMessage(), "there is no such path") && !strings.HasPrefix(got.status.GetMessage(), "the path")
	if got.header["x-usage-source"] != "" || got.header["x-request-id"] == "" || (got.header["x-usage-account"] == "test") != isQuestion {
		t.Errorf("%s: header %v", door, got.header)
	}
}

func detailsOf(t *testing.T, st *spb.Status) []proto.Message {
	t.Helper()
	var messages []proto.Message
	for _, packed := range st.GetDetails() {
		message, err := packed.UnmarshalNew()
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, message)
	}
	return messages
}

func TestAnUnreachableControlCenterIsUnavailable(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	untrusted := httptest.NewTLSServer(newSandbox(t))
	defer untrusted.Close()
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0) // it logs the failing handshakes
	for name, baseURL := range map[string]string{"nobody listens": closed.URL, "an untrusted certificate": untrusted.URL} {
		t.Run(name, func(t *testing.T) {
			for door, ask := range doors {
				r := newRigFor(t, newService(t, service.AnswerConfig{}, newClient(t, baseURL))) // a door each: six failures are too many
				checkStatus(t, door, ask(t.Context(), t, r, example()), codes.Unavailable, 503, []proto.Message{
					info(usagev1.ErrorReason_ERROR_REASON_UPSTREAM_UNAVAILABLE), retry(5 * time.Second),
				})
			}
		})
	}
}

// answerOf is a Control Center that always answers with these plans.
func answerOf(plans ...jasperclient.RatePlanUsage) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { writeUsage(w, r, plans...) })
}

// Control Center sorts its answer, as far as is known; the contract does not depend on it.
func TestAnswersAreSorted(t *testing.T) {
	used := func(zones ...string) (usage []jasperclient.ZoneUsage) {
		for _, name := range zones {
			usage = append(usage, jasperclient.ZoneUsage{Zone: name})
		}
		return usage
	}
	r := newRig(t, answerOf(
		jasperclient.RatePlanUsage{RatePlan: "B", Version: 1},
		jasperclient.RatePlanUsage{RatePlan: "A", Version: 10, Zones: used("z", "y", "x")},
		jasperclient.RatePlanUsage{RatePlan: "A", Version: 9},
	))
	for door, ask := range doors {
		var got []string
		for _, plan := range ask(t.Context(), t, r, example()).response.GetRatePlanUsages() {
			got = append(got, fmt.Sprint(plan.GetRatePlan(), " ", plan.GetRatePlanVersion()))
			for _, zone := range plan.GetZoneUsages() {
				got = append(got, zone.GetZone())
			}
		}
		if diff := cmp.Diff([]string{"A 9", "A 10", "x", "y", "z", "B 1"}, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", door, diff)
		}
	}
}

func TestATotalThatOverflowsIsAnError(t *testing.T) {
	plan := func(name string, counts ...int64) jasperclient.RatePlanUsage {
		usage := jasperclient.RatePlanUsage{RatePlan: name, Version: 1}
		for i, n := range counts {
			usage.Zones = append(usage.Zones, jasperclient.ZoneUsage{Zone: fmt.Sprint(i), Usage: jasperclient.Usage{SMSMOMessages: &n}})
		}
		return usage
	}
	for name, test := range map[string]struct {
		usage http.Handler
		fits  bool
	}{
		"within a plan":          {answerOf(plan("A", 1<<63-1, 1)), false},
		"over plans":             {answerOf(plan("A", 1<<63-1), plan("B", 1)), false},
		"far over 2^64":          {answerOf(plan("A", 1<<63-1, 1<<63-1, 1<<63-1)), false},
		"the greatest that fits": {answerOf(plan("A", 1<<63-2), plan("B", 1)), true},
	} {
		t.Run(name, func(t *testing.T) {
			for door, ask := range doors {
				r := newRig(t, test.usage)
				got := ask(t.Context(), t, r, example())
				if test.fits {
					if got.response.GetTotal().GetSmsMoMessages() != 1<<63-1 {
						t.Errorf("%s: %v, %v", door, got.response, got.status)
					}
					continue
				}
				checkStatus(t, door, got, codes.Internal, http.StatusInternalServerError,
					[]proto.Message{info(usagev1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_RESPONSE, "upstream_status", "200")})
			}
		})
	}
}

func TestAnInvalidDurationIsRefused(t *testing.T) {
	r := newRig(t, newSandbox(t)) // REST cannot write one
	got := askGRPC(t.Context(), t, r, example(func(r *request) { r.MaxAge = &durationpb.Duration{Seconds: 1, Nanos: -1} }))
	checkStatus(t, "gRPC", got, codes.InvalidArgument, 0,
		[]proto.Message{info(usagev1.ErrorReason_ERROR_REASON_INVALID_REQUEST), fields("max_age")})
}

func TestAMessageTooLargeIsRefused(t *testing.T) {
	r := newRig(t, newSandbox(t))
	got := askGRPC(t.Context(), t, r, example(zone(strings.Repeat("z", 64<<10))))
	if codes.Code(got.status.GetCode()) != codes.ResourceExhausted || r.calls.Load() != 0 {
		t.Errorf("%v after %d calls of Control Center", got.status, r.calls.Load())
	}
}
