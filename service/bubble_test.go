package service_test

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/memhttp"
	"github.com/zoneusage/zoneusage/jasperclient"
	"github.com/zoneusage/zoneusage/service"
)

// bubbleClient asks a Control Center in this bubble.
func bubbleClient(t *testing.T, controlCenter http.Handler, fair jasperclient.FairUse) *jasperclient.Client {
	t.Helper()
	return newClient(t, "http://127.0.0.1", jasperclient.WithTransport(memhttp.Serve(t, controlCenter)), jasperclient.WithFairUse(fair))
}

// A fakeTransportStream keeps what a call of the service sends beside its response, where there is no connection to send it on.
type fakeTransportStream struct{ md metadata.MD }

// Method, SetHeader, SendHeader and SetTrailer implement grpc.ServerTransportStream.
func (*fakeTransportStream) Method() string {
	return usagev1.UsageService_GetDeviceUsageInZone_FullMethodName
}

func (h *fakeTransportStream) SetHeader(md metadata.MD) error {
	h.md = metadata.Join(h.md, md)
	return nil
}
func (h *fakeTransportStream) SendHeader(md metadata.MD) error { return h.SetHeader(md) }
func (h *fakeTransportStream) SetTrailer(md metadata.MD) error { return h.SetHeader(md) }

// askFrom asks the service itself, as a caller from a host.
func askFrom(ctx context.Context, usage *service.UsageService, host string, req *request) reply {
	header := &fakeTransportStream{}
	ctx = peer.NewContext(ctx, &peer.Peer{Addr: &net.TCPAddr{IP: net.ParseIP(host), Port: 1}})
	ctx = grpc.NewContextWithServerTransportStream(ctx, header)
	resp, err := usage.GetDeviceUsageInZone(ctx, req)
	got := reply{response: resp, header: map[string]string{}}
	for name, values := range header.md {
		got.header[name] = values[0]
	}
	if err != nil {
		got.status = status.Convert(err).Proto()
	}
	return got
}

// askWithin asks with a deadline, from one host.
func askWithin(t *testing.T, patience time.Duration, usage *service.UsageService, req *request) reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return askFrom(ctx, usage, "192.0.2.1", req)
}
