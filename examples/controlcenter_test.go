package examples_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A sample calls Control Center itself, as its vendor's page does in the same language.
type sample struct {
	program
	calls []string // what it sends, in turn, for the credentials a:b
}

const basic = "Basic YTpi"

var samples = map[string]sample{
	"Python": {program{command: []string{"/usr/bin/python3", "controlcenter/usage.py"}}, []string{basic}},
	"Node":   {program{command: []string{"node", "controlcenter/usage.js"}, env: []string{"NODE_PATH=/usr/share/nodejs"}}, []string{"", basic}},
	"Ruby":   {program{command: []string{"/usr/bin/ruby", "controlcenter/usage.rb"}}, []string{basic}},
}

// The samples get from the sandbox what they would get from Control Center.
func TestControlCenterSamples(t *testing.T) {
	answerAll(t, start(t, listening, "sandbox", "--addr=127.0.0.1:0")[0])
}

// From the service's own door for such clients they get the same, with the name of a caller and its token.
func TestControlCenterSamplesAtTheLegacyDoor(t *testing.T) {
	_, restAddr := serve(t, "--callers="+writeCallers(t, "sandbox", "sandbox"))
	answerAll(t, "http://"+restAddr)
}

func answerAll(t *testing.T, base string) {
	t.Helper()
	for language, sample := range samples {
		t.Run(language, func(t *testing.T) {
			sample.answers(t, base, "sandbox", "8988217755520000031", "200", vendorExample(t))
			sample.answers(t, base, "sandbox", "8988217755520000099", "404",
				`{"errorMessage":"Resource not found - Invalid ICCID.","errorCode":"20000001"}`)
			sample.answers(t, base, "another", "8988217755520000031", "401",
				`{"errorMessage":"Invalid credentials.","errorCode":"10000001"}`)
		})
	}
}

// Node's sends its credentials only when it was asked for them.
func TestControlCenterSamplesSendCredentials(t *testing.T) {
	base, err := url.Parse(start(t, listening, "sandbox", "--addr=127.0.0.1:0")[0])
	if err != nil {
		t.Fatal(err)
	}
	for language, sample := range samples {
		t.Run(language, func(t *testing.T) {
			var mu sync.Mutex
			var calls []string
			proxy := httputil.NewSingleHostReverseProxy(base)
			transport := &http.Transport{}
			proxy.Transport = transport
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				calls = append(calls, r.Header.Get("Authorization"))
				mu.Unlock()
				proxy.ServeHTTP(w, r)
			}))
			t.Cleanup(transport.CloseIdleConnections)
			t.Cleanup(server.Close)
			sample.run(t, nil, server.URL, "a", "b", "8988217755520000031")
			mu.Lock()
			defer mu.Unlock()
			if diff := cmp.Diff(sample.calls, calls); diff != "" {
				t.Errorf("it does not authorize itself as it should (-want +got)\n%s", diff)
			}
		})
	}
}

// answers runs the sample, and compares the status and the body that it prints. The answer's times are not compared.
func (s sample) answers(t *testing.T, base, key, iccid, wantStatus, wantBody string) {
	t.Helper()
	output, code := s.run(t, nil, base, "sandbox", key, iccid)
	status, body, _ := strings.Cut(output, "\n")
	if status != wantStatus || code != 0 {
		t.Errorf("HTTP status %s, exit status %d, want %s and 0", status, code, wantStatus)
	}
	if diff := cmp.Diff(parse(t, wantBody), parse(t, body)); diff != "" {
		t.Errorf("not the body expected (-want +got)\n%s", diff)
	}
}

func parse(t *testing.T, body string) map[string]any {
	t.Helper()
	var parsed map[string]any
	if err := json.Unmarshal([]byte(withoutTimes(body)), &parsed); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	return parsed
}

func vendorExample(t *testing.T) string {
	t.Helper()
	example, err := os.ReadFile("../cmd/zoneusage/testdata/vendor_example.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(example)
}
