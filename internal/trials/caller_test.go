package trials_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

// bearer is a token that goes with every call.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return true }

// A caller asks a server by both doors.
type caller struct {
	at     addresses
	config *tls.Config
	token  string // empty: the certificate is enough
	conn   *grpc.ClientConn
	http   *http.Client
}

// caller is one with a token.
func (r *rig) caller(t *testing.T, at addresses, token string) *caller {
	t.Helper()
	return newCaller(t, at, &tls.Config{RootCAs: r.ca.Pool()}, token)
}

// dashboard is the caller with a certificate.
func (r *rig) dashboard(t *testing.T, at addresses) *caller {
	t.Helper()
	return newCaller(t, at, &tls.Config{RootCAs: r.ca.Pool(), Certificates: []tls.Certificate{r.client}}, "")
}

func newCaller(t *testing.T, at addresses, config *tls.Config, token string) *caller {
	t.Helper()
	c := &caller{at: at, config: config, token: token}
	c.conn = c.dial(t)
	// All that wait when a connection has ended would make one each.
	transport := &http.Transport{TLSClientConfig: config.Clone(), ForceAttemptHTTP2: true, MaxConnsPerHost: 4}
	c.http = &http.Client{Transport: transport}
	t.Cleanup(func() {
		_ = c.conn.Close()
		transport.CloseIdleConnections()
	})
	return c
}

// dial connects to the gRPC door.
func (c *caller) dial(t *testing.T, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := c.connect("passthrough:///"+c.at.grpc, options...)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func (c *caller) connect(target string, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	options = append(options, grpc.WithTransportCredentials(credentials.NewTLS(c.config)))
	if c.token != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer(c.token)))
	}
	return grpc.NewClient(target, options...)
}

// An ask is a question about a device.
type ask func(ctx context.Context, iccid string) error

// overGRPC asks over the connection there is.
func (c *caller) overGRPC(ctx context.Context, iccid string) error {
	return askOver(ctx, c.conn, iccid)
}

func askOver(ctx context.Context, conn *grpc.ClientConn, iccid string, options ...grpc.CallOption) error {
	resp, err := usagev1.NewUsageServiceClient(conn).GetDeviceUsageInZone(ctx, &usagev1.GetDeviceUsageInZoneRequest{Iccid: iccid}, options...)
	if err == nil && resp.GetIccid() != iccid {
		return fmt.Errorf("the answer is for %s", resp.GetIccid())
	}
	return err
}

// overNewGRPC asks over a connection of its own.
func (c *caller) overNewGRPC(ctx context.Context, iccid string) error {
	conn, err := c.connect("passthrough:///" + c.at.grpc)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	return askOver(ctx, conn, iccid)
}

// overREST asks over a connection there is, if there is one.
func (c *caller) overREST(ctx context.Context, iccid string) error {
	resp, err := c.get(ctx, c.http, usagePath(iccid))
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		var status struct{ Message string }
		_ = json.Unmarshal(body, &status) // what is none has no message
		return fmt.Errorf("HTTP status %d: %s", resp.StatusCode, status.Message)
	}
	return err
}

// overNewREST asks over a connection of its own, in HTTP/1.1.
func (c *caller) overNewREST(ctx context.Context, iccid string) error {
	alone := *c
	transport := &http.Transport{TLSClientConfig: c.config.Clone(), DisableKeepAlives: true}
	alone.http = &http.Client{Transport: transport}
	defer transport.CloseIdleConnections()
	return alone.overREST(ctx, iccid)
}

func usagePath(iccid string) string { return "/v1/devices/" + iccid + "/usageInZone" }

func (c *caller) get(ctx context.Context, client *http.Client, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+c.at.http+path, nil)
	if err != nil {
		return nil, err
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return client.Do(req)
}
