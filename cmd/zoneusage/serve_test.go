package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

const usagePath = "/v1/devices/8988217755520000031/usageInZone"

func TestServeRefusesHalfAConfiguration(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("secret-of-the-test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const url = "--control-center-url=https://restapi.example"
	for name, test := range map[string]struct {
		env  []string
		args []string
		want string
	}{
		"a URL alone":             {nil, []string{url}, "missing: --username (or ZONEUSAGE_USERNAME), --api-key-file (or ZONEUSAGE_API_KEY). Leave"},
		"no key":                  {nil, []string{url, "--username=u"}, "missing: --api-key-file (or ZONEUSAGE_API_KEY). Leave"},
		"no user name":            {[]string{"ZONEUSAGE_API_KEY=secret-of-the-test"}, []string{url}, "missing: --username (or ZONEUSAGE_USERNAME). Leave"},
		"no URL":                  {[]string{"ZONEUSAGE_USERNAME=u"}, []string{"--api-key-file", key}, "missing: --control-center-url (or ZONEUSAGE_CONTROL_CENTER_URL). Leave"},
		"a key alone":             {[]string{"ZONEUSAGE_API_KEY=secret-of-the-test"}, nil, "Leave all three out to serve the sandbox"},
		"two keys":                {[]string{"ZONEUSAGE_API_KEY=secret-of-the-test"}, []string{url, "--username=u", "--api-key-file", key}, "keep one of them"},
		"an empty key file":       {nil, []string{url, "--username=u", "--api-key-file", empty}, "is empty"},
		"no key file":             {nil, []string{url, "--username=u", "--api-key-file", key + "x"}, "no such file"},
		"plain http to a network": {nil, []string{"--control-center-url=http://restapi.example", "--username=u", "--api-key-file", key}, "use https"},
		"no time at all":          {nil, []string{"--default-timeout=0s"}, "--default-timeout must be above 0"},
		"a default above the max": {nil, []string{"--default-timeout=20m"}, "--default-timeout 20m0s is above --max-timeout 10m0s"},
		"no calls at all":         {nil, []string{"--calls-per-second=0"}, "0 calls a second are not possible"},
		"an empty address":        {[]string{"ZONEUSAGE_HTTP_ADDR="}, nil, "must not be empty"},
		"an address that is none": {nil, []string{"--http-addr=nowhere"}, "--http-addr"},
		"a negative age":          {nil, []string{"--serve-stale=-1s"}, "--serve-stale must not be negative"},
		"no such memory":          {nil, []string{"--cache-mib=18446744073709551615"}, "--cache-mib 18446744073709551615 is more"},
		"no share":                {nil, []string{"--bulk-share=100"}, "a share of 100 % is not possible"},
		"accounts and a URL":      {nil, []string{url, "--accounts=accounts.yaml"}, "leave out --control-center-url"},
		"a key as a flag":         {nil, []string{"--api-key=secret"}, "unknown flag --api-key"},
	} {
		t.Run(name, func(t *testing.T) {
			code, output := run(t, test.env, append([]string{"serve", "--grpc-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0"}, test.args...)...)
			if code == 0 || !strings.Contains(output, test.want) || strings.Contains(output, "secret-of-the-test") {
				t.Errorf("exit status %d, want another than 0 and %q in\n%s", code, test.want, output)
			}
		})
	}
}

func TestServeAsksTheConfiguredControlCenter(t *testing.T) {
	handler, err := sandbox.New(sandbox.WithCredentials("user", "key-from-the-file"))
	if err != nil {
		t.Fatal(err)
	}
	controlCenter := httptest.NewServer(handler)
	defer controlCenter.Close()
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("key-from-the-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, env := range map[string][]string{
		"a key file":       {"ZONEUSAGE_API_KEY_FILE=" + key},
		"a key's variable": {"ZONEUSAGE_API_KEY=key-from-the-file"},
	} {
		t.Run(name, func(t *testing.T) {
			env = append(env, "ZONEUSAGE_CONTROL_CENTER_URL="+controlCenter.URL+"/rws/api/v1", "ZONEUSAGE_USERNAME=user")
			p, _, url := serve(t, env)
			if status, body := get(t, request(t, url+usagePath)); status != http.StatusOK || !strings.Contains(body, "943718") {
				t.Errorf("HTTP status %d\n%s", status, body)
			}
			if line := p.logged(t, "serving"); line["accounts"] != "default" {
				t.Errorf("%v", line)
			}
			p.signal(t, syscall.SIGTERM)
			if code := p.exitCode(); code != 0 {
				t.Errorf("exit status %d", code)
			}
			if said := fmt.Sprint(p.lines, p.text); strings.Contains(said, "key-from-the-file") || strings.Contains(said, "8988217755520000031") {
				t.Errorf("the key or the ICCID is shown: %s", said)
			}
		})
	}
}

func TestTheKeyIsReadAgain(t *testing.T) {
	handler, err := sandbox.New(sandbox.WithCredentials("user", "new-key"))
	if err != nil {
		t.Fatal(err)
	}
	controlCenter := httptest.NewServer(handler)
	defer controlCenter.Close()
	key := filepath.Join(t.TempDir(), "key")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(key, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("old-key")
	p, _, url := serve(t, nil, "--control-center-url", controlCenter.URL, "--username=user", "--api-key-file", key)
	check := func(want int) {
		t.Helper()
		if status, body := get(t, request(t, url+usagePath)); status != want {
			t.Errorf("HTTP status %d, want %d\n%s", status, want, body)
		}
	}
	check(http.StatusInternalServerError)
	write("")
	p.logged(t, "the file could not be reloaded; its last good content stays in force")
	write("new-key")
	p.logged(t, "the file was reloaded")
	check(http.StatusOK) // also the lane that the old key closed
}

func TestServeFlags(t *testing.T) {
	slow, env := newSlowControlCenter(t)
	timesOut := func(args ...string) {
		_, _, url := serve(t, env, args...)
		go func() { <-slow.arrived }()
		if status, body := get(t, request(t, url+usagePath)); status != http.StatusGatewayTimeout {
			t.Errorf("%v: HTTP status %d\n%s", args, status, body)
		}
	}
	timesOut("--default-timeout=50ms")
	timesOut("--default-timeout=50ms", "--max-timeout=50ms")

	// One call in ten seconds: who comes second and has a second alone is told how long to wait.
	_, _, url := serve(t, nil, "--calls-per-second=0.1", "--calls-in-flight=1")
	if status, body := get(t, request(t, url+usagePath)); status != http.StatusOK {
		t.Errorf("the first call: HTTP status %d\n%s", status, body)
	}
	hurried := request(t, url+usagePath+"?maxAge=0s")
	hurried.Header.Set("Grpc-Timeout", "1S")
	if status, body := get(t, hurried); status != http.StatusTooManyRequests || !strings.Contains(body, "RATE_LIMITED") {
		t.Errorf("the second call: HTTP status %d\n%s", status, body)
	}

	p, _, url := serve(t, []string{"ZONEUSAGE_LOG_FULL_ICCIDS=true"})
	get(t, request(t, url+usagePath))
	if line := p.logged(t, "call"); line["iccid"] != "8988217755520000031" {
		t.Errorf("%v", line)
	}
}

// What Go's libraries say goes into the same log: here that an upstream sent more than an answer.
func TestTheLogIsJSONWithoutICCIDs(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			request, err := http.ReadRequest(bufio.NewReader(conn))
			if err == nil {
				_, _ = io.WriteString(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}")
				_, _ = io.WriteString(conn, request.URL.Path)
			}
		}
	}()
	p, _, url := serve(t, []string{
		"ZONEUSAGE_CONTROL_CENTER_URL=http://" + listener.Addr().String(), "ZONEUSAGE_USERNAME=u", "ZONEUSAGE_API_KEY=k",
	})
	get(t, request(t, url+usagePath))
	p.wait(t, "the library's line", func() bool { return strings.Contains(fmt.Sprint(p.lines), "Unsolicited response") })
	if said := fmt.Sprint(p.lines, p.text); len(p.text) > 0 || strings.Contains(said, "8988217755520000031") {
		t.Errorf("%s", said)
	}
}

// slowControlCenter is the sandbox, but each call waits until all are released.
type slowControlCenter struct {
	sandbox  http.Handler
	arrived  chan struct{}
	released chan struct{}
}

func newSlowControlCenter(t *testing.T) (*slowControlCenter, []string) {
	t.Helper()
	handler, err := sandbox.New(sandbox.WithDevices(50))
	if err != nil {
		t.Fatal(err)
	}
	slow := &slowControlCenter{handler, make(chan struct{}), make(chan struct{})}
	server := httptest.NewServer(slow)
	t.Cleanup(server.Close)
	return slow, []string{
		"ZONEUSAGE_CONTROL_CENTER_URL=" + server.URL, "ZONEUSAGE_USERNAME=sandbox", "ZONEUSAGE_API_KEY=sandbox",
	}
}

func (s *slowControlCenter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.arrived <- struct{}{}
	select {
	case <-s.released:
	case <-r.Context().Done():
	}
	s.sandbox.ServeHTTP(w, r)
}

func TestSIGTERMLosesNoCallInFlight(t *testing.T) {
	const calls = 50
	slow, env := newSlowControlCenter(t)
	p, grpcAddr, url := serve(t, env)
	conn := dial(t, grpcAddr)
	watch, err := healthpb.NewHealthClient(conn).Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	expectHealth(t, watch, healthpb.HealthCheckResponse_SERVING)

	var answered sync.WaitGroup
	var mu sync.Mutex
	byDoor := map[string]int{}
	count := func(door string) {
		mu.Lock()
		defer mu.Unlock()
		byDoor[door]++
	}
	for i := range calls / 2 {
		answered.Go(func() {
			iccid := sandbox.GeneratedICCID(2 * i)
			resp, err := usagev1.NewUsageServiceClient(conn).GetDeviceUsageInZone(t.Context(), &usagev1.GetDeviceUsageInZoneRequest{Iccid: iccid})
			if err != nil || resp.GetIccid() != iccid {
				t.Errorf("gRPC: %v, %v", resp, err)
				return
			}
			count("gRPC")
		})
		answered.Go(func() {
			iccid := sandbox.GeneratedICCID(2*i + 1)
			status, body := get(t, request(t, url+"/v1/devices/"+iccid+"/usageInZone"))
			if status != http.StatusOK || !strings.Contains(body, iccid) {
				t.Errorf("REST: HTTP status %d\n%s", status, body)
				return
			}
			count("REST")
		})
	}
	for range calls {
		<-slow.arrived
	}
	p.signal(t, syscall.SIGTERM)
	expectHealth(t, watch, healthpb.HealthCheckResponse_NOT_SERVING)
	close(slow.released)
	answered.Wait()
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	t.Logf("answered of %d calls in flight at SIGTERM: %v", calls, byDoor)
}

func expectHealth(t *testing.T, watch healthpb.Health_WatchClient, want healthpb.HealthCheckResponse_ServingStatus) {
	t.Helper()
	if resp, err := watch.Recv(); err != nil || resp.GetStatus() != want {
		t.Fatalf("watching: %v, %v; want %v", resp, err, want)
	}
}

func TestAShutdownThatTakesTooLongIsForced(t *testing.T) {
	for name, test := range map[string]struct {
		grace string
		again bool
		want  string
	}{
		"by a second signal":  {"1h", true, "cut off: terminated signal received"},
		"by the grace period": {"1ms", false, "cut off: the grace period ended"},
	} {
		t.Run(name, func(t *testing.T) {
			slow, env := newSlowControlCenter(t)
			p, _, url := serve(t, env, "--grace-period", test.grace)
			var asked sync.WaitGroup
			asked.Go(func() {
				resp, err := http.DefaultClient.Do(request(t, url+usagePath))
				if err == nil {
					resp.Body.Close()
				}
			})
			<-slow.arrived
			p.signal(t, syscall.SIGTERM)
			if test.again {
				p.logged(t, "shutting down")
				p.signal(t, syscall.SIGTERM)
			}
			if code := p.exitCode(); code != 1 || !strings.Contains(strings.Join(p.text, "\n"), test.want) {
				t.Errorf("exit status %d and %q, want 1 and %q", code, p.text, test.want)
			}
			asked.Wait()
			http.DefaultClient.CloseIdleConnections()
		})
	}
}

func TestHealthcheck(t *testing.T) {
	p, grpcAddr, _ := serve(t, nil)
	if code, output := run(t, []string{"ZONEUSAGE_GRPC_ADDR=" + grpcAddr}, "healthcheck"); code != 0 {
		t.Errorf("while serving: exit status %d\n%s", code, output)
	}
	p.signal(t, syscall.SIGINT)
	if code := p.exitCode(); code != 0 {
		t.Errorf("SIGINT: exit status %d", code)
	}
	notServing := health.NewServer()
	notServing.Shutdown()
	server := grpc.NewServer()
	defer server.Stop()
	healthpb.RegisterHealthServer(server, notServing)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	if code, output := run(t, nil, "healthcheck", "--grpc-addr", listener.Addr().String()); code != 1 || !strings.Contains(output, "NOT_SERVING") {
		t.Errorf("while not serving: exit status %d\n%s", code, output)
	}
	if code, output := run(t, nil, "healthcheck", "--grpc-addr", grpcAddr); code != 1 || !strings.Contains(output, grpcAddr) {
		t.Errorf("afterwards: exit status %d\n%s", code, output)
	}
}
