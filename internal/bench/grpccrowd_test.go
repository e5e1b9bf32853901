package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

// A desk answers with a function.
type desk struct {
	usagev1.UnimplementedUsageServiceServer
	answer func(ctx context.Context, req *usagev1.GetDeviceUsageInZoneRequest) (*usagev1.GetDeviceUsageInZoneResponse, error)
}

// GetDeviceUsageInZone implements usagev1.UsageServiceServer.
func (d desk) GetDeviceUsageInZone(ctx context.Context, req *usagev1.GetDeviceUsageInZoneRequest) (*usagev1.GetDeviceUsageInZoneResponse, error) {
	return d.answer(ctx, req)
}

// open serves with a real grpc-go server, and returns it and its address.
func (d desk) open(t *testing.T, options ...grpc.ServerOption) (*grpc.Server, string) {
	t.Helper()
	listener := listen(t)
	server := grpc.NewServer(options...)
	usagev1.RegisterUsageServiceServer(server, d)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // it says that it was stopped
	t.Cleanup(func() { server.Stop(); serving.Wait() })
	return server, listener.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", anywhere)
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// gatherGRPC is a crowd that ends with the test.
func gatherGRPC(t *testing.T, addr string, tlsConfig *tls.Config, callers int, q question) *crowd {
	t.Helper()
	c, err := newGRPCCrowd(t.Context(), addr, tlsConfig, callers, q)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

var theOne = question{iccid: smallICCID}

// TestGRPCCrowd: in two runs on the same connections, which the callers do not share evenly, all ask new questions over TLS,
// and all answers are counted.
func TestGRPCCrowd(t *testing.T) {
	id, err := newIdentity(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	creds, err := credentials.NewServerTLSFromFile(id.cert, id.key)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	asked := map[string]bool{}
	_, addr := desk{answer: func(_ context.Context, req *usagev1.GetDeviceUsageInZoneRequest) (*usagev1.GetDeviceUsageInZoneResponse, error) {
		mu.Lock()
		defer mu.Unlock()
		if asked[req.GetIccid()] || req.GetMaxAge() == nil || req.GetMaxAge().AsDuration() != 0 {
			return nil, status.Errorf(codes.InvalidArgument, "asked %s", req)
		}
		asked[req.GetIccid()] = true
		return &usagev1.GetDeviceUsageInZoneResponse{Iccid: req.GetIccid()}, nil
	}}.open(t, grpc.Creds(creds))
	const callers = 10
	c := gatherGRPC(t, addr, id.client, callers, question{fresh: &devices{}})
	answered := 0
	for range 2 {
		l, err := c.run(t.Context(), 20*time.Millisecond)
		if err != nil || len(l.took) < callers || l.took[0] <= 0 || l.elapsed < 20*time.Millisecond {
			t.Fatalf("%d calls in %s, %v", len(l.took), l.elapsed, err)
		}
		answered += len(l.took)
	}
	mu.Lock()
	defer mu.Unlock()
	if answered != len(asked) {
		t.Errorf("%d calls were answered, want %d", answered, len(asked))
	}
}

// TestGRPCCrowdEnds: a server answers, until it does not; that fails the load. Large answers are more than a window.
func TestGRPCCrowdEnds(t *testing.T) {
	small, large := &usagev1.GetDeviceUsageInZoneResponse{Iccid: smallICCID}, &usagev1.GetDeviceUsageInZoneResponse{Iccid: strings.Repeat("8", 1<<20)}
	for _, tt := range []struct {
		name    string
		answer  *usagev1.GetDeviceUsageInZoneResponse
		callers int
		good    int
		last    *usagev1.GetDeviceUsageInZoneResponse
		err     error
		want    string
	}{
		{"status", small, maxConnections, 1000, nil, status.Error(codes.NotFound, "no more: 100 % ü"), "code = NotFound desc = no more: 100 % ü"},
		{"status after large answers", large, 1, 3 * window >> 20, nil, status.Error(codes.Internal, ""), "code = Internal"},
		{"empty answer", small, 1, 1, &usagev1.GetDeviceUsageInZoneResponse{}, nil, "an answer is empty"},
		{"long status", small, 1, 1, nil, status.Error(codes.Internal, strings.Repeat("long ", 10<<10)), "more than a frame has room for"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var mu sync.Mutex
			calls := 0
			_, addr := desk{answer: func(context.Context, *usagev1.GetDeviceUsageInZoneRequest) (*usagev1.GetDeviceUsageInZoneResponse, error) {
				mu.Lock()
				defer mu.Unlock()
				if calls++; calls > tt.good {
					return tt.last, tt.err
				}
				return tt.answer, nil
			}}.open(t)
			l, err := gatherGRPC(t, addr, nil, tt.callers, theOne).run(t.Context(), patience)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the load fails with %.300v", err)
			}
			if len(l.took) != tt.good {
				t.Errorf("%d calls were answered, want %d", len(l.took), tt.good)
			}
		})
	}
}

// TestGRPCCrowdIsSentAway: the server wants no more calls on its connections.
func TestGRPCCrowdIsSentAway(t *testing.T) {
	var leaving sync.WaitGroup
	defer leaving.Wait()
	var once sync.Once
	var server *grpc.Server
	ready := make(chan struct{})
	server, addr := desk{answer: func(context.Context, *usagev1.GetDeviceUsageInZoneRequest) (*usagev1.GetDeviceUsageInZoneResponse, error) {
		<-ready
		once.Do(func() { leaving.Go(server.GracefulStop) })
		return &usagev1.GetDeviceUsageInZoneResponse{Iccid: smallICCID}, nil
	}}.open(t)
	close(ready)
	c, err := newGRPCCrowd(t.Context(), addr, nil, 8, theOne)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if _, err := c.run(t.Context(), patience); err == nil || !strings.Contains(err.Error(), "the server ends the connection: NO_ERROR") {
		t.Errorf("the load fails with %v", err)
	}
}

// TestGRPCCrowdAtAnotherServer: what is no gRPC server is told as well.
func TestGRPCCrowdAtAnotherServer(t *testing.T) {
	for _, tt := range []struct {
		name  string
		serve http.HandlerFunc
		want  string
	}{
		{"bytes alone", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "what?", http.StatusNotFound) }, `no trailers: "what?\n"`},
		{"headers alone", func(http.ResponseWriter, *http.Request) {}, `gRPC status ""`},
		{"ended call", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "the server ends a call: INTERNAL_ERROR"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			listener := listen(t)
			server := &http.Server{Handler: tt.serve, Protocols: new(http.Protocols)}
			server.Protocols.SetUnencryptedHTTP2(true)
			var serving sync.WaitGroup
			serving.Go(func() { _ = server.Serve(listener) }) // it says that it was closed
			t.Cleanup(func() { _ = server.Close(); serving.Wait() })
			_, err := gatherGRPC(t, listener.Addr().String(), nil, 1, theOne).run(t.Context(), patience)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the load fails with %v", err)
			}
		})
	}
}

// TestGRPCHeaders: the server sees what it would see of a grpc-go client.
func TestGRPCHeaders(t *testing.T) {
	id, err := newIdentity(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	creds, err := credentials.NewServerTLSFromFile(id.cert, id.key)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name      string
		tlsConfig *tls.Config
		options   []grpc.ServerOption
	}{{"plain", nil, nil}, {"TLS", id.client, []grpc.ServerOption{grpc.Creds(creds)}}} {
		t.Run(tt.name, func(t *testing.T) {
			seen := make(chan metadata.MD, 2)
			_, addr := desk{answer: func(ctx context.Context, _ *usagev1.GetDeviceUsageInZoneRequest) (*usagev1.GetDeviceUsageInZoneResponse, error) {
				md, _ := metadata.FromIncomingContext(ctx)
				seen <- md
				return nil, errors.New("enough")
			}}.open(t, tt.options...)
			if _, err := fetchMessage(t.Context(), addr, tt.tlsConfig, smallICCID); status.Code(err) != codes.Unknown {
				t.Fatal(err)
			}
			want := <-seen
			if _, err := gatherGRPC(t, addr, tt.tlsConfig, 1, theOne).run(t.Context(), patience); status.Code(err) != codes.Unknown {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, <-seen); diff != "" {
				t.Errorf("-grpc-go's +ours\n%s", diff)
			}
		})
	}
}

// TestLinkAcknowledges: a server that wants to know whether its settings and its ping arrived is told.
func TestLinkAcknowledges(t *testing.T) {
	listener := listen(t)
	said := make(chan error, 1)
	go func() { said <- acknowledged(listener) }()
	_, err := gatherGRPC(t, listener.Addr().String(), nil, 1, theOne).run(t.Context(), patience)
	if status.Code(err) != codes.Aborted {
		t.Errorf("the load ends with %v", err)
	}
	_ = listener.Close()
	if err := <-said; err != nil {
		t.Error(err)
	}
}

// acknowledged serves one connection, and fails its call as soon as settings and a ping are acknowledged.
func acknowledged(listener net.Listener) error {
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.CopyN(io.Discard, conn, int64(len(http2.ClientPreface))); err != nil {
		return err
	}
	framer := http2.NewFramer(conn, conn)
	ping := [8]byte{'a', 'n', 'y', 'o', 'n', 'e', '?'}
	if err := errors.Join(framer.WriteSettings(), framer.WritePing(false, ping)); err != nil {
		return err
	}
	for settings, pinged, asked := false, false, false; !settings || !pinged || !asked; {
		frame, err := framer.ReadFrame()
		if err != nil {
			return err
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			settings = settings || f.IsAck()
		case *http2.PingFrame:
			pinged = f.IsAck() && f.Data == ping
		case *http2.DataFrame:
			asked = f.StreamEnded()
		}
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	if err := encoder.WriteField(hpack.HeaderField{Name: "grpc-status", Value: "10"}); err != nil {
		return err
	}
	return framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})
}
