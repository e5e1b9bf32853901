package examples_test

import (
	"context"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

// A stage is a service that refuses as many calls as it is told and answers from then on; it has no reflection.
type stage struct {
	usagev1.UnimplementedUsageServiceServer
	refusals   int
	code       codes.Code
	reason     string
	pushback   time.Duration // with each refusal, for the client's library; 0: none
	retryAfter time.Duration // the same for its program

	mu    sync.Mutex
	calls []time.Time
}

// serve serves it until the test ends.
func (s *stage) serve(t *testing.T, listener net.Listener) {
	t.Helper()
	server := grpc.NewServer()
	usagev1.RegisterUsageServiceServer(server, s)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// GetDeviceUsageInZone implements usagev1.UsageServiceServer.
func (s *stage) GetDeviceUsageInZone(ctx context.Context, request *usagev1.GetDeviceUsageInZoneRequest) (*usagev1.GetDeviceUsageInZoneResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, time.Now())
	if len(s.calls) <= s.refusals {
		return nil, s.refusal(ctx)
	}
	header := metadata.Pairs("x-usage-source", "live", "x-usage-account", "stage")
	return &usagev1.GetDeviceUsageInZoneResponse{
		Iccid: request.GetIccid(), Timestamp: timestamppb.Now(),
		BillingCycle: &usagev1.BillingCycle{StartTime: timestamppb.Now(), EndTime: timestamppb.Now()},
		Total:        &usagev1.Usage{},
	}, grpc.SetHeader(ctx, header)
}

func (s *stage) refusal(ctx context.Context) error {
	if s.pushback > 0 {
		trailer := metadata.Pairs("grpc-retry-pushback-ms", strconv.FormatInt(s.pushback.Milliseconds(), 10))
		if err := grpc.SetTrailer(ctx, trailer); err != nil {
			return err
		}
	}
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: s.reason, Domain: "usage.jasper"}}
	if s.retryAfter > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(s.retryAfter)})
	}
	refusal, err := status.New(s.code, "the stage refuses").WithDetails(details...)
	if err != nil {
		return err
	}
	return refusal.Err()
}

// pauses are the times between the calls that came.
func (s *stage) pauses() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var pauses []time.Duration
	for i := 1; i < len(s.calls); i++ {
		pauses = append(pauses, s.calls[i].Sub(s.calls[i-1]))
	}
	return pauses
}
