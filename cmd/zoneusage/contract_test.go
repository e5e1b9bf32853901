package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

// grpcurlModule is the grpcurl that the README names.
const grpcurlModule = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4"

const exampleClock = "2016-11-10T05:31:17.557Z"

// installGRPCurl builds grpcurl from its public module.
func installGRPCurl(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("building grpcurl takes a minute")
	}
	dir := t.TempDir()
	install := exec.CommandContext(t.Context(), "go", "install", grpcurlModule)
	install.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=")
	if output, err := install.CombinedOutput(); err != nil {
		t.Fatalf("grpcurl cannot be installed from the Go module proxy: %v\n%s", err, output)
	}
	return filepath.Join(dir, "grpcurl")
}

// grpcurl asks the gRPC door with the real grpcurl.
func grpcurl(t *testing.T, program, addr, body string) *usagev1.GetDeviceUsageInZoneResponse {
	t.Helper()
	var stderr bytes.Buffer
	call := exec.CommandContext(t.Context(), program, "-plaintext", "-d", body, addr, "jasper.usage.v1.UsageService/GetDeviceUsageInZone")
	call.Stderr = &stderr
	output, err := call.Output()
	if err != nil {
		t.Fatalf("grpcurl: %v\n%s", err, &stderr)
	}
	return parse(t, output)
}

func parse(t *testing.T, text []byte) *usagev1.GetDeviceUsageInZoneResponse {
	t.Helper()
	resp := &usagev1.GetDeviceUsageInZoneResponse{}
	if err := protojson.Unmarshal(text, resp); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return resp
}

// vendorExample is the answer to the vendor's first request as the contract has it, without its times.
func vendorExample() *usagev1.GetDeviceUsageInZoneResponse {
	voice := &usagev1.Usage{VoiceMoSeconds: proto.Int64(600)}
	both := &usagev1.Usage{DataBytes: proto.Int64(943718), VoiceMoSeconds: proto.Int64(943718)}
	return &usagev1.GetDeviceUsageInZoneResponse{
		Iccid: "8988217755520000031",
		RatePlanUsages: []*usagev1.RatePlanUsage{
			{RatePlan: "Rate Plan A", RatePlanVersion: 1, Total: voice,
				ZoneUsages: []*usagev1.ZoneUsage{{Zone: "default zone", Usage: voice}}},
			{RatePlan: "Rate Plan B", RatePlanVersion: 2, Total: both,
				ZoneUsages: []*usagev1.ZoneUsage{{Zone: "default zone", Usage: both}}},
		},
		Total: &usagev1.Usage{DataBytes: proto.Int64(943718), VoiceMoSeconds: proto.Int64(944318)},
	}
}

// The calls that serve prints are those of the README; the answer is the vendor's example.
func TestTheVendorsRequestsThroughGRPCurlAndREST(t *testing.T) {
	program := installGRPCurl(t)
	p, grpcAddr, httpURL := serve(t, nil)
	if line := p.logged(t, "no Control Center is configured: every answer comes from the sandbox, not from real devices"); line["level"] != "WARN" {
		t.Errorf("%v", line)
	}
	httpAddr := strings.TrimPrefix(httpURL, "http://")
	wantCall := " -plaintext -d '{\"iccid\":\"8988217755520000031\"}' " + grpcAddr + " jasper.usage.v1.UsageService/GetDeviceUsageInZone"
	if call := p.printed(t, "  grpcurl"); call != wantCall {
		t.Errorf("serve prints the call grpcurl%s, want grpcurl%s", call, wantCall)
	}
	if call := p.printed(t, "  curl "); call != httpAddr+usagePath {
		t.Errorf("serve prints the call curl %s, want curl %s", call, httpAddr+usagePath)
	}

	resp, err := http.DefaultClient.Do(request(t, httpURL+usagePath))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if account := resp.Header.Get("X-Usage-Account"); account != "sandbox" {
		t.Errorf("X-Usage-Account %q, want sandbox", account)
	}
	http.DefaultClient.CloseIdleConnections()

	// A day of the sandbox's account: near a month's end the day in UTC is of the cycle before.
	today := time.Now().In(time.FixedZone("UTC+13:30", (13*60+30)*60)).Format(time.DateOnly) + "Z"
	nothing := &usagev1.GetDeviceUsageInZoneResponse{Iccid: "8988217755520000031", Total: &usagev1.Usage{}}
	for name, test := range map[string]struct {
		body  string
		query url.Values
		want  *usagev1.GetDeviceUsageInZoneResponse
	}{
		"first":  {`{"iccid":"8988217755520000031"}`, nil, vendorExample()},
		"second": {`{"iccid":"8988217755520000031","cycle_start_date":"` + today + `"}`, url.Values{"cycleStartDate": {today}}, vendorExample()},
		"third": {
			`{"iccid":"8988217755520000031","cycle_start_date":"` + today + `","rate_plan":"Rate Plan A","zone":"Zone B"}`,
			url.Values{"cycleStartDate": {today}, "ratePlan": {"Rate Plan A"}, "zone": {"Zone B"}}, nothing,
		},
	} {
		t.Run(name, func(t *testing.T) {
			check := func(door string, got *usagev1.GetDeviceUsageInZoneResponse) {
				ignoreTimes := protocmp.IgnoreFields(got, "timestamp", "billing_cycle")
				if diff := cmp.Diff(test.want, got, protocmp.Transform(), ignoreTimes); diff != "" {
					t.Errorf("%s (-want +got)\n%s", door, diff)
				}
				if age := time.Since(got.GetTimestamp().AsTime()); age < 0 || age > time.Minute {
					t.Errorf("%s: answered at %v", door, got.GetTimestamp().AsTime())
				}
			}
			check("grpcurl", grpcurl(t, program, grpcAddr, test.body))
			req := request(t, httpURL+usagePath+"?"+test.query.Encode())
			status, body := get(t, req)
			if status != http.StatusOK {
				t.Fatalf("REST: HTTP status %d\n%s", status, body)
			}
			check("REST", parse(t, []byte(body)))
		})
	}
}

// The sandbox at the time of the vendor's example gives its answer byte for byte, but for spaces.
func TestTheSandboxAnswersTheVendorsExample(t *testing.T) {
	p := start(t, nil, "sandbox", "--addr", "127.0.0.1:0", "--clock", exampleClock)
	address := p.printed(t, "Control Center's sandbox listens on ")
	address, _, _ = strings.Cut(address, ". ")
	ask := func(query string) (int, string) {
		req := request(t, address+"/rws/api/v1/devices/8988217755520000031/usageInZone"+query)
		req.SetBasicAuth("sandbox", "sandbox")
		return get(t, req)
	}
	vendors, err := os.ReadFile("testdata/vendor_example.json")
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Compact(&want, vendors); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"", "?cycleStartDate=2016-11-10Z"} {
		if status, body := ask(query); status != http.StatusOK || strings.TrimSpace(body) != want.String() {
			t.Errorf("%q: HTTP status %d\n%s\nwant\n%s", query, status, body, &want)
		}
	}
	status, body := ask("?cycleStartDate=2016-11-10Z&ratePlan=Rate%20Plan%20A&zone=Zone%20B")
	if status != http.StatusOK || !strings.HasSuffix(strings.TrimSpace(body), `"deviceCycleUsageInZones":{}}`) {
		t.Errorf("the vendor's third request: HTTP status %d\n%s", status, body)
	}

	_, grpcAddr, httpURL := serve(t, []string{
		"ZONEUSAGE_CONTROL_CENTER_URL=" + address, "ZONEUSAGE_USERNAME=sandbox", "ZONEUSAGE_API_KEY=sandbox",
	})
	conn := dial(t, grpcAddr)
	resp, err := usagev1.NewUsageServiceClient(conn).GetDeviceUsageInZone(t.Context(),
		&usagev1.GetDeviceUsageInZoneRequest{Iccid: "8988217755520000031", CycleStartDate: "2016-11-10Z"})
	if err != nil || resp.GetTimestamp().AsTime().Format("2006-01-02T15:04:05.000Z") != exampleClock {
		t.Errorf("through the service: %v, %v", resp, err)
	}
	if status, body := get(t, request(t, httpURL+usagePath+"?cycleStartDate=2016-11-10Z&ratePlan=Rate%20Plan%20A&zone=Zone%20B")); status != http.StatusOK {
		t.Errorf("REST: HTTP status %d\n%s", status, body)
	}
}

// The vendor's three requests, as its samples send them, get through the service what they get from Control Center.
func TestTheVendorsRequestsThroughTheLegacyDoor(t *testing.T) {
	address := startSandbox(t, nil, "--clock", exampleClock)
	_, _, httpURL := serve(t, []string{
		"ZONEUSAGE_CONTROL_CENTER_URL=" + address, "ZONEUSAGE_USERNAME=sandbox", "ZONEUSAGE_API_KEY=sandbox",
	}, "--legacy-door", "--calls-per-second=1000")
	ask := func(baseURL, query string) (int, string) {
		req := request(t, baseURL+"/rws/api/v1/devices/8988217755520000031/usageInZone"+query)
		req.Header.Set("Accept", "application/json")
		if status, body := get(t, req); status != http.StatusUnauthorized || !strings.Contains(body, "Full authentication is required") {
			t.Errorf("without credentials, which some clients send only after that: HTTP status %d\n%s", status, body)
		}
		req.SetBasicAuth("sandbox", "sandbox")
		return get(t, req)
	}
	vendors, err := os.ReadFile("testdata/vendor_example.json")
	if err != nil {
		t.Fatal(err)
	}
	var example bytes.Buffer
	if err := json.Compact(&example, vendors); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"", "?cycleStartDate=2016-11-10Z", "?cycleStartDate=2016-11-10Z&ratePlan=Rate%20Plan%20A&zone=Zone%20B"} {
		wantStatus, want := ask(address, query)
		status, body := ask(httpURL, query)
		if status != wantStatus || body != want || status != http.StatusOK {
			t.Errorf("%q: HTTP status %d, want %d\n%s\nwant\n%s", query, status, wantStatus, body, want)
		}
		if !strings.Contains(query, "zone") && body != example.String() {
			t.Errorf("%q: %s\nwant\n%s", query, body, &example)
		}
	}
}

// The door is there when it is asked for, and with the sandbox.
func TestTheLegacyDoorIsAFlag(t *testing.T) {
	const target = "/rws/api/v1/devices/8988217755520000031/usageInZone"
	configured := []string{
		"ZONEUSAGE_CONTROL_CENTER_URL=" + startSandbox(t, nil), "ZONEUSAGE_USERNAME=sandbox", "ZONEUSAGE_API_KEY=sandbox",
	}
	for name, test := range map[string]struct {
		env  []string
		want int
	}{
		"with the sandbox":      {nil, http.StatusOK},
		"with a Control Center": {configured, http.StatusNotFound},
		"asked for":             {append(configured, "ZONEUSAGE_LEGACY_DOOR=true"), http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			p, _, httpURL := serve(t, test.env)
			req := request(t, httpURL+target)
			req.SetBasicAuth("any", "one")
			if status, body := get(t, req); status != test.want {
				t.Errorf("HTTP status %d, want %d\n%s", status, test.want, body)
			}
			if line := p.logged(t, "call"); (line["door"] == "legacy") != (test.want == http.StatusOK) {
				t.Errorf("%v", line)
			}
		})
	}
}

func TestSandboxFlags(t *testing.T) {
	p := start(t, []string{"ZONEUSAGE_SANDBOX_API_KEY=another", "ZONEUSAGE_API_KEY=real", "ZONEUSAGE_USERNAME=real", "ZONEUSAGE_CALLS_PER_SECOND=0.001"}, "sandbox", "--addr=127.0.0.1:0", "--username=someone", "--clock=2018-09-20T00:00:00Z",
		"--time-zone=Asia/Shanghai", "--cycle-day=27", "--devices=10", "--seed=7", "--no-mid-cycle-dates", "--bare-dates", "--empty-usage=missing",
		"--rate-limit-status=400")
	address, _, _ := strings.Cut(p.printed(t, "Control Center's sandbox listens on "), ". ")
	p.printed(t, "  8999900000000000000 to 8999900000000000009")
	for name, test := range map[string]struct {
		target string
		status int
		has    string
	}{
		"cycle day and zone": {"8999900000000000009/usageInZone", 200, `"cycleStartDate":"2018-08-26T16:00:00.000Z","cycleEndDate":"2018-09-26T15:59:59.000Z"`},
		"no tenth device":    {"8999900000000000010/usageInZone", 404, "20000001"},
		"a bare date":        {"8988217755520000031/usageInZone?cycleStartDate=2018-08-27", 200, "943718"},
		"a mid-cycle date":   {"8988217755520000031/usageInZone?cycleStartDate=2018-09-01", 400, "10000012"},
		"no usage":           {"8999901000000000050/usageInZone", 200, `59.000Z"}`},
		"a rate limit":       {"890000000040000029/usageInZone", 400, "40000029"},
	} {
		t.Run(name, func(t *testing.T) {
			req := request(t, address+"/rws/api/v1/devices/"+test.target)
			req.SetBasicAuth("someone", "another")
			if status, body := get(t, req); status != test.status || !strings.Contains(body, test.has) {
				t.Errorf("HTTP status %d, want %d and %s in\n%s", status, test.status, test.has, body)
			}
		})
	}
	var usage []string
	for _, seed := range []string{"7", "7", "8"} {
		usage = append(usage, askSandbox(t, "8999900000000000009/usageInZone", "--clock=2018-09-20T00:00:00Z", "--devices=10", "--seed="+seed))
	}
	if usage[0] != usage[1] || usage[1] == usage[2] {
		t.Errorf("usage of seeds 7, 7 and 8: %s", usage)
	}
	for flag, query := range map[string]string{"--offset-dates": "2018-09-20%2B08:00", "--future-dates": "2018-12-24Z"} {
		for _, arg := range []string{"", "=false"} {
			body := askSandbox(t, "8988217755520000031/usageInZone?cycleStartDate="+query, "--clock=2018-09-20T00:00:00Z", flag+arg)
			if taken := strings.Contains(body, "943718"); taken != (arg == "") {
				t.Errorf("%s%s: %s", flag, arg, body)
			}
		}
	}
	for _, flag := range []string{"--clock=yesterday", "--clock=0001-01-01T00:00:00Z", "--time-zone=Nowhere", "--cycle-day=32", "--devices=-1", "--calls-in-flight=-1", "--calls-per-second=-0.5", "--empty-usage=none", "--addr=nowhere"} {
		if code, output := run(t, nil, "sandbox", flag); code == 0 || output == "" {
			t.Errorf("%s: exit status %d\n%s", flag, code, output)
		}
	}
}

// askSandbox asks a sandbox of its own.
func askSandbox(t *testing.T, target string, args ...string) string {
	t.Helper()
	req := request(t, startSandbox(t, nil, args...)+"/rws/api/v1/devices/"+target)
	req.SetBasicAuth("sandbox", "sandbox")
	_, body := get(t, req)
	return body
}

func TestSandboxLatency(t *testing.T) {
	address := startSandbox(t, nil, "--latency=1h")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(request(t, address+"/rws/api/v1/devices/8988217755520000031/usageInZone").WithContext(ctx))
	if err == nil {
		resp.Body.Close()
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("answered before its time: %v", err)
	}
}

// The ledger is the command's alone, and needs no credentials.
func TestSandboxLedger(t *testing.T) {
	address := startSandbox(t, nil, "--calls-in-flight=1", "--calls-per-second=0.001", "--rate-limit-status=400")
	for _, want := range []int{http.StatusOK, http.StatusBadRequest} {
		if status, body := call(t, address, "sandbox", "sandbox"); status != want || strings.Contains(body, "40000029") != (want == http.StatusBadRequest) {
			t.Errorf("HTTP status %d, want %d\n%s", status, want, body)
		}
	}
	const want = `{"calls":2,"overruns":1,"mostInFlight":1,"byAccount":{"sandbox":{"calls":2,"overruns":1,"mostInFlight":1}}}`
	if status, body := get(t, request(t, address+"/ledger")); status != http.StatusOK || strings.TrimSpace(body) != want {
		t.Errorf("HTTP status %d\n%s\nwant\n%s", status, body, want)
	}
	for _, other := range []string{"/ledger/", "//ledger", "/"} { // the vendor's, not redirected
		if status, _ := get(t, request(t, address+other)); status != http.StatusNotFound {
			t.Errorf("%s: HTTP status %d", other, status)
		}
	}
}
