package service

import (
	"context"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/zoneusage/zoneusage/jasperclient"
)

// untilDrained ends health and reflection streams when draining ends: callers keep them open for as long as they like, and a
// graceful stop would wait for them until it is cut off.
func untilDrained(draining context.Context) grpc.StreamServerInterceptor {
	return func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		ctx, cancel := context.WithCancel(stream.Context())
		defer cancel()
		stop := context.AfterFunc(draining, cancel)
		defer stop()
		err := handler(srv, &endingStream{stream, ctx})
		if err != nil && draining.Err() != nil {
			return status.Error(codes.Unavailable, "the server is shutting down")
		}
		return err
	}
}

// An endingStream ends with ctx.
type endingStream struct {
	grpc.ServerStream
	ctx context.Context
}

// Context implements grpc.ServerStream.
func (s *endingStream) Context() context.Context { return s.ctx }

// RecvMsg implements grpc.ServerStream. If ctx ends first, grpc-go ends the receiving goroutine as soon as the handler has
// returned.
func (s *endingStream) RecvMsg(m any) error {
	received := make(chan error, 1)
	go func() { received <- s.ServerStream.RecvMsg(m) }()
	select {
	case err := <-received:
		return err
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

// withStreamRecovery turns a panic into the failure of its own stream, so that no other caller is affected.
func withStreamRecovery(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fail(stream.Context(), &panicError{value, debug.Stack()}, jasperclient.UsageQuery{})
		}
	}()
	return handler(srv, stream)
}
