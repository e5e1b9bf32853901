package sandbox_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	_ "time/tzdata" // the cycle tests need zones wherever they run

	"go.uber.org/goleak"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	devices       = "/rws/api/v1/devices/"
	exampleICCID  = "8988217755520000031"
	exampleDevice = devices + exampleICCID + "/usageInZone"
)

// exampleTime is the timeStamp of the vendor's example.
var exampleTime = time.Date(2016, time.November, 10, 5, 31, 17, 557_000_000, time.UTC)

// at is a clock that stands still.
func at(t time.Time) sandbox.Option {
	return sandbox.WithClock(func() time.Time { return t })
}

// instant reads a time as the vendor writes it.
func instant(t *testing.T, s string) time.Time {
	t.Helper()
	parsed, err := time.Parse("2006-01-02T15:04:05.999999999Z", s)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// newSandbox returns a sandbox at the vendor's example time.
func newSandbox(t *testing.T, opts ...sandbox.Option) *sandbox.Sandbox {
	t.Helper()
	s, err := sandbox.New(append([]sandbox.Option{at(exampleTime)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func serve(t *testing.T, opts ...sandbox.Option) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(newSandbox(t, opts...))
	t.Cleanup(server.Close)
	return server
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// get calls a server over HTTP with the default credentials.
func get(t *testing.T, server *httptest.Server, target string) reply {
	t.Helper()
	return do(t, server, http.MethodGet, target, func(r *http.Request) { r.SetBasicAuth("sandbox", "sandbox") })
}

func do(t *testing.T, server *httptest.Server, method, target string, change func(*http.Request)) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	change(r)
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, string(body)}
}

// ask calls a sandbox without a network, for tests with many questions.
func ask(s http.Handler, target string) reply {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.SetBasicAuth("sandbox", "sandbox")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return reply{w.Code, w.Header(), w.Body.String()}
}

// usage is the target of a question about a device, its names percent-encoded.
func usage(iccid string, parameters ...string) string {
	query := ""
	for i := 0; i < len(parameters); i += 2 {
		query += "&" + parameters[i] + "=" + url.QueryEscape(parameters[i+1])
	}
	return devices + iccid + "/usageInZone?" + query
}

// answer is a successful body as a client reads it.
type answer struct {
	ICCID          string              `json:"iccid"`
	TimeStamp      string              `json:"timeStamp"`
	CycleStartDate string              `json:"cycleStartDate"`
	CycleEndDate   string              `json:"cycleEndDate"`
	Usage          map[string][]record `json:"deviceCycleUsageInZones"`
}

type record struct {
	RatePlan        string `json:"ratePlan"`
	RatePlanVersion string `json:"ratePlanVersion"`
	Zone            string `json:"zone"`
	DataUsage       *int64 `json:"dataUsage"`
}

func (r reply) answer(t *testing.T) answer {
	t.Helper()
	if r.status != http.StatusOK {
		t.Fatalf("status %d: %s", r.status, r.body)
	}
	var a answer
	if err := json.Unmarshal([]byte(r.body), &a); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	return a
}

// code returns the error code, "" for an answer without one.
func (r reply) code(t *testing.T) string {
	t.Helper()
	var body struct {
		ErrorCode string `json:"errorCode"`
	}
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	return body.ErrorCode
}
