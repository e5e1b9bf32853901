package service_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
	"github.com/zoneusage/zoneusage/service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	exampleICCID = "8988217755520000031"
	apiKey       = "0f3b2c1d-not-a-real-key"
)

// exampleTime is when the vendor's example was answered.
var exampleTime = time.Date(2016, 11, 10, 5, 31, 17, 557e6, time.UTC)

// newSandbox is the sandbox at exampleTime.
func newSandbox(t *testing.T, opts ...sandbox.Option) http.Handler {
	t.Helper()
	opts = append([]sandbox.Option{
		sandbox.WithCredentials("user", apiKey),
		sandbox.WithClock(func() time.Time { return exampleTime }),
	}, opts...)
	handler, err := sandbox.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

// A rig is a service behind its two doors on real TCP, in front of an upstream on real HTTP.
type rig struct {
	server   *service.Server
	served   chan error
	grpc     usagev1.UsageServiceClient
	conn     *grpc.ClientConn
	http     *http.Client
	grpcAddr string
	url      string
	upstream string
	calls    *atomic.Int32 // that reached the upstream
	log      *lockedBuffer
}

// lockedBuffer lets a test read the log while calls write it.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newRig serves in front of the upstream.
func newRig(t *testing.T, upstream http.Handler, change ...func(*service.Config)) *rig {
	t.Helper()
	calls := new(atomic.Int32)
	controlCenter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		upstream.ServeHTTP(w, r)
	}))
	t.Cleanup(controlCenter.Close)
	client := newClient(t, controlCenter.URL)
	r := newRigFor(t, newService(t, service.AnswerConfig{CacheBytes: 1 << 20}, client), change...)
	r.calls, r.upstream = calls, controlCenter.URL
	return r
}

// newService is a service of one account, "test".
func newService(t *testing.T, cfg service.AnswerConfig, client *jasperclient.Client) *service.UsageService {
	t.Helper()
	usage, err := service.New(cfg, service.Account{Name: "test", Client: client})
	if err != nil {
		t.Fatal(err)
	}
	return usage
}

// writeUsage answers a call for any device with these plans, in a cycle of one moment.
func writeUsage(w http.ResponseWriter, r *http.Request, plans ...jasperclient.RatePlanUsage) {
	type record struct {
		RatePlan   string `json:"ratePlan"`
		Version    int32  `json:"ratePlanVersion"`
		Zone       string `json:"zone"`
		SMSMOUsage *int64 `json:"smsmousage"`
	}
	answer := struct {
		ICCID      string              `json:"iccid"`
		TimeStamp  time.Time           `json:"timeStamp"`
		CycleStart time.Time           `json:"cycleStartDate"`
		CycleEnd   time.Time           `json:"cycleEndDate"`
		RatePlans  map[string][]record `json:"deviceCycleUsageInZones"`
	}{strings.Split(r.URL.Path, "/")[5], exampleTime, exampleTime, exampleTime, map[string][]record{}}
	for _, plan := range plans {
		key := fmt.Sprintf("%s, %d", plan.RatePlan, plan.Version)
		answer.RatePlans[key] = []record{}
		for _, zone := range plan.Zones {
			answer.RatePlans[key] = append(answer.RatePlans[key], record{plan.RatePlan, plan.Version, zone.Zone, zone.SMSMOMessages})
		}
	}
	_ = json.NewEncoder(w).Encode(answer) // a caller that left is nobody to tell
}

func newClient(t *testing.T, baseURL string, opts ...jasperclient.Option) *jasperclient.Client {
	t.Helper()
	opts = append([]jasperclient.Option{
		jasperclient.WithFairUse(jasperclient.FairUse{CallsInFlight: 10, CallsPerSecond: 1e6, MaxWaiting: 1000}),
	}, opts...)
	client, err := jasperclient.New(baseURL, jasperclient.Credentials{Username: "user", APIKey: apiKey}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func newRigFor(t *testing.T, usage *service.UsageService, changes ...func(*service.Config)) *rig {
	t.Helper()
	r := &rig{log: new(lockedBuffer), served: make(chan error, 1), http: &http.Client{Transport: &http.Transport{}}, calls: new(atomic.Int32)}
	cfg := service.Config{
		DefaultTimeout: time.Minute,
		MaxTimeout:     time.Minute,
		Logger:         slog.New(slog.NewJSONHandler(r.log, &slog.HandlerOptions{ReplaceAttr: service.MaskICCIDs})),
		AccessLog:      r.log,
	}
	for _, change := range changes {
		change(&cfg)
	}
	var err error
	if r.server, err = service.NewServer(usage, cfg); err != nil {
		t.Fatal(err)
	}
	grpcListener, httpListener := listen(t), listen(t)
	r.url = "http://" + httpListener.Addr().String()
	r.grpcAddr = grpcListener.Addr().String()
	r.conn = newConn(t, r.grpcAddr)
	r.grpc = usagev1.NewUsageServiceClient(r.conn)
	go func() { r.served <- r.server.Serve(grpcListener, httpListener) }()
	t.Cleanup(func() {
		_ = r.conn.Close()
		r.http.CloseIdleConnections()
		r.server.Close()
		if err := <-r.served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return r
}

func newConn(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // a second close is an error
	return conn
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// A reply is what a caller got through either door: a response or a status, and the header or, over gRPC beside a status, the
// trailer.
type reply struct {
	response   *usagev1.GetDeviceUsageInZoneResponse
	status     *spb.Status
	header     map[string]string
	httpStatus int    // REST alone
	retryAfter string // REST's Retry-After, gRPC's pushback
}

// doors are the two ways to ask one question.
var doors = map[string]func(ctx context.Context, t *testing.T, r *rig, req *usagev1.GetDeviceUsageInZoneRequest) reply{
	"gRPC": askGRPC,
	"REST": askREST,
}

func askGRPC(ctx context.Context, t *testing.T, r *rig, req *usagev1.GetDeviceUsageInZoneRequest) reply {
	t.Helper()
	var header, trailer metadata.MD
	resp, err := r.grpc.GetDeviceUsageInZone(ctx, req, grpc.Header(&header), grpc.Trailer(&trailer))
	got := reply{response: resp, header: map[string]string{}}
	if err != nil {
		if len(header) > 0 {
			t.Errorf("the call failed after a header, so no gRPC library retries it: %v", header)
		}
		got.response, got.status, header = nil, status.Convert(err).Proto(), trailer
	}
	for name, values := range header {
		got.header[name] = values[0]
	}
	got.retryAfter = got.header["grpc-retry-pushback-ms"]
	return got
}

func askREST(ctx context.Context, t *testing.T, r *rig, req *usagev1.GetDeviceUsageInZoneRequest) reply {
	t.Helper()
	query := url.Values{}
	for name, value := range map[string]string{
		"cycleStartDate": req.GetCycleStartDate(), "ratePlan": req.GetRatePlan(), "zone": req.GetZone(), "account": req.GetAccount(),
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if req.GetMaxAge() != nil {
		query.Set("maxAge", jsonText(t, req.GetMaxAge()))
	}
	path := "/v1/devices/" + url.PathEscape(req.GetIccid()) + "/usageInZone"
	return r.get(ctx, t, path+"?"+query.Encode())
}

// jsonText is the proto3 JSON form of a message that JSON writes as a string.
func jsonText(t *testing.T, m proto.Message) string {
	t.Helper()
	text, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.Trim(text, `"`))
}

// get asks the REST door.
func (r *rig) get(ctx context.Context, t *testing.T, target string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r.do(t, req)
}

func (r *rig) do(t *testing.T, req *http.Request) reply {
	t.Helper()
	resp, err := r.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if contentType := resp.Header.Get("Content-Type"); contentType != "application/json" {
		t.Errorf("content type %q", contentType)
	}
	got := reply{header: map[string]string{}, httpStatus: resp.StatusCode, retryAfter: resp.Header.Get("Retry-After")}
	for _, name := range []string{"x-request-id", "x-usage-account", "x-usage-source", "age"} {
		if value := resp.Header.Get(name); value != "" {
			got.header[name] = value
		}
	}
	var message proto.Message
	if resp.StatusCode == http.StatusOK {
		got.response = &usagev1.GetDeviceUsageInZoneResponse{}
		message = got.response
	} else {
		got.status = &spb.Status{}
		message = got.status
	}
	if err := protojson.Unmarshal(body, message); err != nil {
		t.Fatalf("HTTP status %d: %v in\n%s", resp.StatusCode, err, body)
	}
	return got
}
