package openapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A question is what a server of its own is asked, and how it has to answer.
type question struct {
	flags   []string
	request string
	headers []string
	status  int
	reason  string // of a failure; empty for none

	malformed bool // as the document says too
	twice     bool // it is the second answer that counts
}

// device is the request for a device's usage, with a query or none.
func device(iccid, query string) string {
	return "GET " + strings.Replace(usagePath, "{iccid}", iccid, 1) + query
}

const (
	vendors   = "8988217755520000031"
	noUsage   = "8999901000000000050"
	zeros     = "8999901000000000068"
	large     = "8999901000000000076"
	overflow  = "8999901000000000134"
	erringAny = "8900000000" // and a code: the sandbox's devices that always meet that error
)

// answers are of a server that is well.
var answers = map[string]string{
	"the vendor's example":      device(vendors, ""),
	"the example, of the cache": device(vendors, "?maxAge=60s"),
	"the example, anew":         device(vendors, "?maxAge=0s"),
	"one rate plan and zone":    device(vendors, "?ratePlan=Rate%20Plan%20B&zone=default%20zone&account=sandbox"),
	"nothing used":              device(vendors, "?ratePlan=Rate%20Plan%20A&zone=Zone%20B"),
	"empty parameters":          device(vendors, "?cycleStartDate=&ratePlan=&zone=&account="),
	"spaces and F":              device("%20"+vendors+"F%20", ""),
	"no usage":                  device(noUsage, ""),
	"null beside 0":             device(zeros, ""),
	"values to 2^63-1":          device(large, ""),
	"three zones":               device("8999901000000000019", ""),
	"two versions":              device("8999901000000000027", ""),
	"commas and quotes":         device("8999901000000000035", ""),
	"emoji":                     device("8999901000000000043", ""),
	"20 digits":                 device("89999010000000000109", ""),
	"real traffic":              device("8999901000000000118", ""),
	"an empty rate plan":        device("8999901000000000126", ""),
}

// failures are all that can be provoked.
func failures(t *testing.T) map[string]question {
	t.Helper()
	guarded := []string{"--callers", writeCallers(t)}
	issuer := append([]string{"--oidc-issuer=http://127.0.0.1:1", "--oidc-audience=zoneusage"}, guarded...)
	return map[string]question{
		"several fields": {request: device("123", "?cycleStartDate=2026-02-30&maxAge=soon&fax=1&zone=a&zone=b"),
			headers: []string{"x-usage-class: first", "Grpc-Timeout: soon"}, status: http.StatusBadRequest, reason: "INVALID_REQUEST", malformed: true},
		"faults without end": {request: device(vendors, "?"+manyParameters(50)), status: http.StatusBadRequest, reason: "INVALID_REQUEST", malformed: true},
		"a malformed path":   {request: "GET /v1/devices/%ff/usageInZone", status: http.StatusBadRequest, reason: "INVALID_REQUEST", malformed: true},
		"no such account":    {request: device(vendors, "?account=emea"), status: http.StatusBadRequest, reason: "ACCOUNT_UNKNOWN"},
		"a day long ago":     {request: device(vendors, "?cycleStartDate=2016-11-10"), status: http.StatusBadRequest, reason: "CYCLE_START_DATE_OUT_OF_RANGE"},
		"a refused date":     {request: device(erringAny+"10000012", ""), status: http.StatusBadRequest, reason: "INVALID_CYCLE_START_DATE"},
		"no such zone":       {request: device(vendors, "?zone=Nowhere"), status: http.StatusBadRequest, reason: "INVALID_ZONE"},
		"no such rate plan":  {request: device(vendors, "?ratePlan=Nothing"), status: http.StatusNotFound, reason: "RATE_PLAN_NOT_FOUND"},
		"its code alone":     {request: device(erringAny+"10000013", ""), status: http.StatusNotFound, reason: "RATE_PLAN_NOT_FOUND"},
		"no such device":     {request: device("8988217755520000099", ""), status: http.StatusNotFound, reason: "DEVICE_NOT_FOUND"},
		"the same, kept":     {request: device("8988217755520000099", ""), status: http.StatusNotFound, reason: "DEVICE_NOT_FOUND", twice: true},
		"no such path":       {request: "GET /v1/devices", status: http.StatusNotFound, reason: "INVALID_REQUEST"},
		"POST":               {request: strings.Replace(device(vendors, ""), "GET", "POST", 1), status: http.StatusMethodNotAllowed, reason: "INVALID_REQUEST"},
		"HEAD":               {request: strings.Replace(device(vendors, ""), "GET", "HEAD", 1), status: http.StatusMethodNotAllowed},
		"the account's limit": {request: device(erringAny+"40000029", ""), headers: []string{"Grpc-Timeout: 1S"},
			status: http.StatusTooManyRequests, reason: "RATE_LIMITED"},
		"headers too large": {request: device(vendors, ""), headers: []string{"X-Large: " + strings.Repeat("x", 100<<10)},
			status: http.StatusRequestHeaderFieldsTooLarge},
		"refused credentials": {request: device(erringAny+"10000001", ""), status: http.StatusInternalServerError, reason: "UPSTREAM_CREDENTIALS_REJECTED"},
		"a refused request":   {request: device(erringAny+"10000028", ""), status: http.StatusInternalServerError, reason: "UPSTREAM_REJECTED_REQUEST"},
		"a sum too large":     {request: device(overflow, ""), status: http.StatusInternalServerError, reason: "UPSTREAM_INVALID_RESPONSE"},
		"an unknown code":     {request: device(erringAny+"10000098", ""), status: http.StatusInternalServerError, reason: "UPSTREAM_ERROR"},
		"a failure":           {request: device(erringAny+"30000001", ""), headers: []string{"Grpc-Timeout: 2S"}, status: http.StatusServiceUnavailable, reason: "UPSTREAM_UNAVAILABLE"},
		"a deadline":          {request: device(vendors, ""), headers: []string{"Grpc-Timeout: 1n"}, status: http.StatusGatewayTimeout},
		"no token":            {flags: guarded, request: device(vendors, ""), status: http.StatusUnauthorized, reason: "CREDENTIALS_MISSING"},
		"a wrong token":       {flags: guarded, request: device(vendors, ""), headers: []string{"Authorization: Bearer wrong"}, status: http.StatusUnauthorized, reason: "CREDENTIALS_INVALID"},
		"not allowed":         {flags: guarded, request: device(vendors, ""), headers: []string{"Authorization: Bearer elsewhere"}, status: http.StatusForbidden, reason: "NOT_ALLOWED"},
		"too often":           {flags: guarded, request: device(vendors, ""), headers: []string{"Authorization: Bearer often"}, status: http.StatusTooManyRequests, reason: "CALLER_RATE_LIMITED", twice: true},
		"no keys for a JWT":   {flags: issuer, request: device(vendors, ""), headers: []string{"Authorization: Bearer " + unsignedJWT}, status: http.StatusServiceUnavailable, reason: "ISSUER_UNAVAILABLE"},
	}
}

// unsignedJWT says that it is of an issuer that cannot be reached.
var unsignedJWT = strings.Join([]string{
	base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"a"}`)),
	base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"http://127.0.0.1:1","aud":"zoneusage","sub":"a","exp":4102444800}`)),
	base64.RawURLEncoding.EncodeToString([]byte("no signature")),
}, ".")

// notProvoked are the reasons and HTTP statuses that no question here has: a defect of the service, and what nobody sees.
var notProvoked = []string{"499", "SERVICE_FAILED"}

func manyParameters(n int) string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("p%d=1", i))
	}
	return strings.Join(names, "&")
}

// writeCallers writes a policy of two callers, who have their names as tokens: one may not ask the sandbox, and one may ask
// once in a long time.
func writeCallers(t *testing.T) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "callers.yaml")
	sum := func(token string) string {
		hash := sha256.Sum256([]byte(token))
		return hex.EncodeToString(hash[:])
	}
	policy := `callers:
  - {name: elsewhere, tokenSHA256: ` + sum("elsewhere") + `, accounts: [emea]}
  - {name: often, tokenSHA256: ` + sum("often") + `, accounts: ["*"], requestsPerSecond: 0.001}
`
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Every answer is as the document says.
func TestAnswersAreAsTheDocumentSays(t *testing.T) {
	url := serve(t, "--calls-per-second=1000")
	doc := read(t, url)
	for name, request := range answers {
		got := ask(t, url, request)
		if got.status != http.StatusOK {
			t.Errorf("%s: HTTP status %d\n%s", name, got.status, got.body)
		}
		if err := doc.check(got); err != nil {
			t.Errorf("%s: %v\n%s", name, err, got.body)
		}
		if err := doc.checkRequest(request); err != nil {
			t.Errorf("%s: it is answered, but the document does not allow it: %v", name, err)
		}
	}
}

// Every failure is as the document says, and it tells of none that there is not.
func TestFailuresAreAsTheDocumentSays(t *testing.T) {
	seen := map[string]bool{"200": true}
	for name, q := range failures(t) {
		t.Run(name, func(t *testing.T) {
			url := serve(t, append([]string{"--calls-per-second=10"}, q.flags...)...)
			doc := read(t, url)
			got := ask(t, url, q.request, q.headers...)
			if q.twice {
				got = ask(t, url, q.request, q.headers...)
			}
			if reason := reasonOf(t, got); got.status != q.status || reason != q.reason {
				t.Errorf("HTTP status %d %q, want %d %q\n%s", got.status, reason, q.status, q.reason, got.body)
			}
			if err := doc.check(got); err != nil {
				t.Errorf("%v\n%s", err, got.body)
			}
			if err := doc.checkRequest(q.request, q.headers...); (err != nil) != q.malformed {
				t.Errorf("the document finds the request malformed: %v", err)
			}
			seen[fmt.Sprint(got.status)], seen[q.reason] = true, true
		})
	}
	doc := read(t, serve(t))
	documented := []string{}
	for status := range doc.responses {
		documented = append(documented, status)
	}
	for _, reason := range doc.Components.Schemas["ErrorReason"].Value.Enum {
		documented = append(documented, reason.(string))
	}
	for _, name := range documented {
		if seen[name] == slices.Contains(notProvoked, name) {
			t.Errorf("%s is seen: %v", name, seen[name])
		}
	}
}

// reasonOf is the reason in the body of a failure; empty for none.
func reasonOf(t *testing.T, got reply) string {
	t.Helper()
	if got.header.Get("Content-Type") != "application/json" || len(got.body) == 0 {
		return ""
	}
	var body struct {
		Details []struct{ Reason string }
	}
	if err := json.Unmarshal(got.body, &body); err != nil {
		t.Fatalf("%v\n%s", err, got.body)
	}
	if len(body.Details) == 0 {
		return ""
	}
	return body.Details[0].Reason
}
