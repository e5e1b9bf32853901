package sandbox_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// Whatever the query, the answer is one that the vendor's page describes.
func FuzzQuery(f *testing.F) {
	for _, query := range []string{
		"cycleStartDate=2016-11-10Z&ratePlan=Rate%20Plan%20A&zone=Zone%20B",
		"cycleStartDate=2016-11-10%2B00:00", "cycleStartDate=0000-00-00Z", "zone=%zz", "a;b", "&&", "=", "+",
	} {
		f.Add(query)
	}
	codes := []string{"", "10000012", "10000013", "10000028", "10000031", "10000032"}
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, exampleDevice, nil)
		r.URL.RawQuery = query
		r.SetBasicAuth("sandbox", "sandbox")
		w := httptest.NewRecorder()
		newSandbox(t).ServeHTTP(w, r)
		got := reply{w.Code, w.Header(), w.Body.String()}
		code := got.code(t)
		if !slices.Contains(codes, code) || (code == "") != (w.Code == http.StatusOK) {
			t.Errorf("%q: status %d, %s", query, w.Code, got.body)
		}
	})
}

// Requests share a sandbox and change nothing in it: for the race detector.
func TestRequestsAtOnce(t *testing.T) {
	s := newSandbox(t, sandbox.WithDevices(100))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for _, device := range sandbox.Fleet() {
				ask(s, usage(device.ICCID))
				ask(s, usage(device.ICCID, "zone", "default zone"))
			}
			for i := range 100 {
				ask(s, usage(sandbox.GeneratedICCID(i)))
			}
		})
	}
	group.Wait()
}
