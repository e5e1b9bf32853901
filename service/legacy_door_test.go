package service_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"github.com/zoneusage/zoneusage/jasperclient"
	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
	"github.com/zoneusage/zoneusage/service"
)

// askLegacy asks the door for a target, with credentials.
func (r *rig) askLegacy(t *testing.T, target string) legacyReply {
	t.Helper()
	got, err := legacyQuestion{http.MethodGet, target, []string{basic("user", apiKey)}}.ask(r.http, r.url)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// refusal is how a reply refuses: its status and body.
func (reply legacyReply) refusal() string { return fmt.Sprint(reply.Status, " ", reply.Body) }

func legacyTrouble(code string) string {
	return strings.Replace(legacyPath, exampleICCID, sandbox.TroublePrefix+code, 1)
}

// What the door says where it is not Control Center that refuses the question.
const (
	saysBusy        = `429 {"errorMessage":"Rate limit exceeded.","errorCode":"40000029"}`
	saysFailed      = `500 {"errorMessage":"Unknown server error.","errorCode":"30000001"}`
	saysUnavailable = `503 {"errorMessage":"Unknown server error.","errorCode":"30000001"}`
	saysStranger    = `401 {"errorMessage":"Invalid credentials.","errorCode":"10000001"}`
	saysNobody      = `401 {"errorMessage":"Full authentication is required to access this resource"}`
	saysNoAccount   = `403 {"errorMessage":"No access to the data of this account.","errorCode":"10000062"}`
	saysBadRequest  = `400 {"errorMessage":"Invalid request.","errorCode":"10000028"}`
)

// The errors after which the lane is another one: each of a service of its own. That the service's own credentials are refused
// is not the caller's affair.
func TestErrorICCIDs(t *testing.T) {
	for _, test := range []struct {
		code            string
		rateLimitStatus int
	}{{"40000029", http.StatusBadRequest}, {"40000029", http.StatusTooManyRequests}, {"30000001", http.StatusTooManyRequests}} {
		r := newLegacyRig(t, newSandbox(t, sandbox.WithRateLimitStatus(test.rateLimitStatus)))
		q := legacyQuestion{http.MethodGet, legacyTrouble(test.code), []string{basic("user", apiKey)}}
		want, err := q.ask(r.http, r.upstream)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if diff := cmp.Diff(want, r.askLegacy(t, q.target)); diff != "" {
				t.Errorf("%s (-sandbox +door)\n%s", test.code, diff)
			}
		}
		if test.code != "30000001" {
			continue
		}
		// It has failed five times, so it is not asked now, and did not say so itself.
		if got := r.askLegacy(t, q.target); got.refusal() != saysUnavailable {
			t.Errorf("after five failures: %+v", got)
		}
	}
	r := newLegacyRig(t, newSandbox(t))
	for range 2 { // the second time the lane is closed
		if got := r.askLegacy(t, legacyTrouble("10000001")); got.refusal() != saysFailed || got.Header.Get("WWW-Authenticate") != "" {
			t.Errorf("%+v", got)
		}
	}
}

// What went wrong between the door and Control Center is an error of the server's, and not the caller's.
func TestTheLegacyDoorSpeaksForAnUpstreamThatFails(t *testing.T) {
	usage := func(records string) string {
		return `{"iccid":"` + exampleICCID + `","timeStamp":"2016-11-10T05:31:17.557Z","cycleStartDate":"2016-10-31T10:30:00.000Z",` +
			`"cycleEndDate":"2016-11-30T10:29:59.000Z","deviceCycleUsageInZones":{"A, 1":[` + records + `]}}`
	}
	record := func(unit string) string {
		return `{"ratePlan":"A","ratePlanVersion":"1","zone":"Z","dataUsage":1,"dataUsageUnit":"` + unit + `"}`
	}
	for name, test := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"a page":                         {http.StatusServiceUnavailable, "<html>", saysUnavailable},
		"a page in place of an answer":   {http.StatusOK, "<html>", saysUnavailable},
		"an error without a body":        {http.StatusInternalServerError, "", saysUnavailable},
		"credentials refused":            {http.StatusUnauthorized, `{"errorMessage":"Full authentication is required"}`, saysFailed},
		"credentials refused with a 401": {http.StatusUnauthorized, `{"errorMessage":"x","errorCode":"10000079"}`, saysFailed},
		"credentials refused with a 400": {http.StatusBadRequest, `{"errorMessage":"x","errorCode":"10000001"}`, saysFailed},
		"an address refused":             {http.StatusForbidden, "no", saysFailed},
		"a limit without a code":         {http.StatusTooManyRequests, "", saysBusy},
		"no JSON":                        {http.StatusOK, "{", saysFailed},
		"an unknown unit":                {http.StatusOK, usage(record("MB")), saysFailed},
		"two records of a zone":          {http.StatusOK, usage(record("bytes") + "," + record("bytes")), saysFailed},
		"another device":                 {http.StatusOK, strings.Replace(usage(""), exampleICCID, "8988217755520000099", 1), saysFailed},
		"a redirect":                     {http.StatusFound, "", saysFailed},
		"a refusal of its own": {http.StatusForbidden, `{"errorMessage":"L'accès n'est pas permis <&>","errorCode":"10000080"}`,
			`403 {"errorMessage":"L'accès n'est pas permis <&>","errorCode":"10000080"}`},
		"a refusal with a success": {http.StatusOK, `{"errorCode":99999999}`, `200 {"errorMessage":"","errorCode":"99999999"}`},
		"an answer in other forms": {http.StatusOK, strings.Replace(usage(strings.Replace(record("Bytes"), ":1,", `:"1.0",`, 1)), ".557Z", ".557+0000", 1),
			`200 ` + usage(`{"ratePlan":"A","ratePlanVersion":"1","zone":"Z","dataUsage":1,"dataUsageUnit":"bytes","voiceMTUsage":null,"voiceMTUsageUnit":null,`+
				`"voiceMOUsage":null,"voiceMOUsageUnit":null,"smsmtusage":null,"smsmousage":null}`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // a call that fails is made three times, with pauses
			r := newLegacyRig(t, respond(test.status, test.body))
			if got := r.askLegacy(t, legacyPath); got.refusal() != test.want {
				t.Errorf("got %s, want %s", got.refusal(), test.want)
			}
		})
	}
}

// No answer in the time that a call without a deadline has, nobody there, and no turn.
func TestTheLegacyDoorDoesNotWaitForEver(t *testing.T) {
	never := make(chan struct{})
	defer close(never)
	r := newRig(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-never:
		case <-r.Context().Done():
		}
	}), legacy, func(cfg *service.Config) { cfg.DefaultTimeout = 100 * time.Millisecond })
	if got := r.askLegacy(t, legacyPath); got.refusal() != saysUnavailable {
		t.Errorf("no answer: %+v", got)
	}

	gone := httptest.NewServer(newSandbox(t))
	gone.Close()
	r = newRigFor(t, newService(t, keep, newClient(t, gone.URL)), legacy)
	if status, header := r.legacyHeaders(t, legacyPath); status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
		t.Errorf("nobody there: %v", header)
	}

	controlCenter := httptest.NewServer(newSandbox(t))
	defer controlCenter.Close()
	r = newRigFor(t, newService(t, keep, newClient(t, controlCenter.URL,
		jasperclient.WithFairUse(jasperclient.FairUse{CallsInFlight: 1, CallsPerSecond: 0.001, MaxWaiting: 10}))), legacy)
	if status, header := r.legacyHeaders(t, legacyPath); status != http.StatusOK || header.Get("X-Usage-Source") != "live" || header.Get("X-Usage-Account") != "test" {
		t.Errorf("the first turn: %v", header)
	}
	if status, header := r.legacyHeaders(t, legacyPath+"?zone=Zone%20B"); status != http.StatusTooManyRequests || len(header.Get("Retry-After")) < 3 {
		t.Errorf("the second turn, in a thousand seconds: %v", header)
	}
	if status, header := r.legacyHeaders(t, legacyPath); status != http.StatusOK || header.Get("X-Usage-Source") != "cache" || header.Get("Age") == "" {
		t.Errorf("what is kept: %v", header)
	}
}

// legacyHeaders are the status of the answer to a question with credentials, and all that is beside it.
func (r *rig) legacyHeaders(t *testing.T, target string) (int, http.Header) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, r.url+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("user", apiKey)
	resp, err := r.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode, resp.Header
}

// What would be silently another question is refused, and costs no call.
func TestWhatTheLegacyDoorCannotPassOn(t *testing.T) {
	r := newLegacyRig(t, newSandbox(t))
	for target, want := range map[string]string{
		legacyPath + "?isActiveRatePlan=true":                          saysBadRequest,
		legacyPath + "?fields=iccid":                                   saysBadRequest,
		legacyPath + "?ratePlan=" + strings.Repeat("p", 1025):          `404 {"errorMessage":"Invalid ratePlan.","errorCode":"10000013"}`,
		legacyPath + "?zone=" + strings.Repeat("z", 1025):              `400 {"errorMessage":"Invalid Zone.","errorCode":"10000031"}`,
		legacyPath + "?cycleStartDate=2016-11-10":                      `400 {"errorMessage":"Invalid date format.","errorCode":"10000012"}`,
		strings.Replace(legacyPath, exampleICCID, exampleICCID+"F", 1): `404 {"errorMessage":"Resource not found - Invalid ICCID.","errorCode":"20000001"}`,
	} {
		if got := r.askLegacy(t, target); got.refusal() != want {
			t.Errorf("%s: got %s, want %s", target, got.refusal(), want)
		}
	}
	req, err := http.NewRequest(http.MethodGet, r.url+legacyPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("user", apiKey)
	req.Header.Set("X-Usage-Class", "sooner")
	resp, err := r.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest || r.calls.Load() != 0 {
		t.Errorf("a class that is none: HTTP status %d; %d calls of Control Center", resp.StatusCode, r.calls.Load())
	}
}

// Equal questions through both doors at once share one call, and one that is asked later has what is kept.
func TestTheLegacyDoorSharesCalls(t *testing.T) {
	controlCenter, err := sandbox.New(sandbox.WithCredentials("user", apiKey))
	if err != nil {
		t.Fatal(err)
	}
	arrived, release := make(chan struct{}, 1), make(chan struct{})
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		controlCenter.ServeHTTP(w, r)
	}), legacy)
	var asked sync.WaitGroup
	var typed reply
	asked.Go(func() { typed = askGRPC(t.Context(), t, r, &request{Iccid: exampleICCID}) })
	<-arrived
	bodies := make([]legacyReply, 3)
	var failed atomic.Int32
	for i := range bodies {
		asked.Go(func() {
			got, err := legacyQuestion{http.MethodGet, legacyPath, []string{basic("any", "one")}}.ask(r.http, r.url)
			if err != nil {
				failed.Add(1)
			}
			bodies[i] = got
		})
	}
	close(release)
	asked.Wait()
	bodies = append(bodies, r.askLegacy(t, legacyPath))
	stamp := `"timeStamp":"` + typed.response.GetTimestamp().AsTime().Format("2006-01-02T15:04:05.000Z") + `"`
	for _, got := range bodies { // Control Center's own time, of its one answer
		if got.Status != http.StatusOK || !strings.Contains(got.Body, stamp) || failed.Load() > 0 {
			t.Errorf("%+v has not %s", got, stamp)
		}
	}
	if ledger := controlCenter.Ledger(); ledger.Calls != 1 {
		t.Errorf("%d calls of Control Center", ledger.Calls)
	}
}

// The metrics and the log tell the door, with the codes of the others.
func TestTheLegacyDoorIsCounted(t *testing.T) {
	var mu sync.Mutex
	var counted []service.Call
	r := newRig(t, newSandbox(t), legacy, func(cfg *service.Config) {
		cfg.Called = func(call service.Call) {
			mu.Lock()
			defer mu.Unlock()
			counted = append(counted, call)
		}
	})
	for _, target := range []string{legacyPath, legacyPath + "?x", "/rws/api/v1/echo"} {
		r.askLegacy(t, target)
	}
	mu.Lock()
	defer mu.Unlock()
	for i, want := range []service.Call{
		{Method: "/jasper.usage.v1.UsageService/GetDeviceUsageInZone", Door: "legacy", Account: "test", Source: "live"},
		{Method: "/jasper.usage.v1.UsageService/GetDeviceUsageInZone", Door: "legacy", Account: "test", Code: codes.InvalidArgument, Reason: "INVALID_REQUEST"},
		{Door: "legacy", Code: codes.NotFound, Reason: "INVALID_REQUEST"},
	} {
		if len(counted) != 3 {
			t.Fatalf("%d calls are counted", len(counted))
		}
		counted[i].Took = 0
		if diff := cmp.Diff(want, counted[i]); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

// No reply waits for the end of a body, which no method takes.
func TestTheLegacyDoorTakesNoBody(t *testing.T) {
	r := newLegacyRig(t, newSandbox(t))
	endless, unfinished := io.Pipe()
	defer unfinished.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // the server itself waits 10 s for a request to end
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+legacyPath, endless)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("user", apiKey)
	resp, err := r.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "943718") {
		t.Errorf("HTTP status %d, %v\n%s", resp.StatusCode, err, body)
	}
}

// Without the door its path is one that there is not.
func TestNoLegacyDoor(t *testing.T) {
	r := newRig(t, newSandbox(t))
	got := r.askLegacy(t, legacyPath)
	if got.Status != http.StatusNotFound || !strings.Contains(got.Body, "there is no such path") || r.calls.Load() != 0 {
		t.Errorf("%+v", got)
	}
}
