package trials_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

// Evidence is all that a server has told anybody, by whom it told.
type evidence struct {
	mu   sync.Mutex
	told map[string]*strings.Builder
}

// Whom a server tells.
const (
	toCallers   = "callers"
	toOperators = "operators" // the log, metrics, profiles, the process list
	toCollector = "the collector of traces"
	toUpstream  = "Control Center"
)

func (e *evidence) add(whom, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.told == nil {
		e.told = map[string]*strings.Builder{}
	}
	if e.told[whom] == nil {
		e.told[whom] = new(strings.Builder)
	}
	e.told[whom].WriteString(text + "\n")
}

func (e *evidence) of(whom string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.told[whom] == nil {
		return ""
	}
	return e.told[whom].String()
}

// find lists which of the needles, each with a name, are in what somebody was told.
func (e *evidence) find(whom string, needles map[string]string) []string {
	text := e.of(whom)
	var found []string
	for _, name := range slices.Sorted(maps.Keys(needles)) {
		if strings.Contains(text, needles[name]) {
			found = append(found, name)
		}
	}
	return found
}

// askREST keeps whatever the answer is.
func (e *evidence) askREST(t *testing.T, c *caller, path string, header http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+c.at.http+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	maps.Copy(req.Header, header)
	resp, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	e.add(toCallers, fmt.Sprint(resp.Status, resp.Header, string(body)))
}

// askGRPC keeps whatever the answer is.
func (e *evidence) askGRPC(ctx context.Context, c *caller, iccid, account string) {
	var header, trailer metadata.MD
	resp, err := usagev1.NewUsageServiceClient(c.conn).GetDeviceUsageInZone(ctx,
		&usagev1.GetDeviceUsageInZoneRequest{Iccid: iccid, Account: account}, grpc.Header(&header), grpc.Trailer(&trailer))
	e.add(toCallers, fmt.Sprint(resp, err, status.Convert(err).Details(), header, trailer))
}

// inspect keeps what the operator's door and the process list tell.
func (e *evidence) inspect(t *testing.T, s *server) {
	t.Helper()
	for _, path := range []string{
		"/metrics", "/livez", "/readyz", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/symbol", "/debug/pprof/profile?seconds=1",
		"/debug/pprof/trace?seconds=1", "/debug/pprof/goroutine", "/debug/pprof/goroutine?debug=1", "/debug/pprof/goroutine?debug=2",
		"/debug/pprof/heap", "/debug/pprof/heap?debug=1", "/debug/pprof/allocs", "/debug/pprof/allocs?debug=1", "/debug/pprof/block?debug=1",
		"/debug/pprof/mutex?debug=1", "/debug/pprof/threadcreate?debug=1",
	} {
		page, err := s.ask(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if unpacked, err := gzip.NewReader(strings.NewReader(page)); err == nil { // as profiles without ?debug are
			content, err := io.ReadAll(unpacked)
			if err != nil {
				t.Error(err)
			}
			page = string(content)
		}
		e.add(toOperators, page)
	}
	if runtime.GOOS == "linux" {
		e.add(toOperators, readFile(t, fmt.Sprintf("/proc/%d/cmdline", s.cmd.Process.Pid)))
	}
}

// ServeHTTP implements http.Handler: it is a collector of traces.
func (e *evidence) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // what is missing is missed
	e.add(toCollector, string(body))
	e.add(toCollector+"'s door", fmt.Sprint(r.Header))
}
