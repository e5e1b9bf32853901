package service

import (
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/callers"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// maxStrangers bounds how many unknown callers watch the service's health: a watch has no end.
const maxStrangers = 1000

// isPublicHealth reports whether a name is the service's own, whose health is for everybody, and not an account's.
func isPublicHealth(name string) bool {
	return name == "" || name == usagev1.UsageService_ServiceDesc.ServiceName
}

// allowHealth fails if the caller may not know the health of the name. grpc-go's health server keeps every name that is
// watched, so names that nobody has are only for callers that may know all of them.
func (d doorkeeper) allowHealth(caller *callers.Caller, name string) error {
	account, ok := strings.CutPrefix(name, upstreamHealth+".")
	if isPublicHealth(name) || (ok && d.usage.account(account) != nil && caller.MayAsk(account)) {
		return nil
	}
	return d.allow(caller, anyAccount)
}

// stream lets a stream in. A caller that watches the service's own health need not be known.
func (d doorkeeper) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if info.FullMethod == healthpb.Health_Watch_FullMethodName {
		watch := &watchStream{ServerStream: stream, keeper: d}
		defer watch.leave()
		return handler(srv, watch)
	}
	ctx := stream.Context()
	if _, err := d.admit(ctx, recordOf(ctx)); err != nil {
		return fail(ctx, err, jasperclient.UsageQuery{})
	}
	return handler(srv, stream)
}

// A watchStream lets its caller in once the request is there, which says what to watch.
type watchStream struct {
	grpc.ServerStream
	keeper   doorkeeper
	stranger bool
}

// RecvMsg implements grpc.ServerStream.
func (s *watchStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	req, ok := m.(*healthpb.HealthCheckRequest)
	if ok && isPublicHealth(req.GetService()) {
		s.stranger = true
		if s.keeper.strangers.Add(1) > maxStrangers {
			return status.Error(codes.ResourceExhausted, "too many callers watch the service's health")
		}
		return nil
	}
	ctx := s.Context()
	caller, err := s.keeper.admit(ctx, recordOf(ctx))
	if err == nil {
		err = s.keeper.allowHealth(caller, req.GetService())
	}
	if err != nil {
		return fail(ctx, err, jasperclient.UsageQuery{})
	}
	return nil
}

// leave makes place for another stranger, if the caller was one.
func (s *watchStream) leave() {
	if s.stranger {
		s.keeper.strangers.Add(-1)
	}
}
