package service

import (
	"context"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// maxAwaited bounds the calls, of all connections, that have begun and whose message has not come: anybody can begin them.
	maxAwaited = 4096
	// sweepEvery is how often they are looked through for those that have waited too long.
	sweepEvery = time.Second
)

// arrivals are the calls of a server that wait for their message. No deadline ends them, because calls have one only when
// their message is there; and no timer of their own, which would cost each call more than its answer does.
type arrivals struct {
	mu      sync.Mutex
	awaited map[ender]time.Time // since when
}

// An ender ends a call from outside of its handler. grpc-go's streams do, though its API has nothing for it.
type ender interface {
	WriteStatus(*status.Status) error
}

// receive waits for a call's message.
func (a *arrivals) receive(ctx context.Context, recv func(any) error, message any) error {
	stream, ok := grpc.ServerTransportStreamFromContext(ctx).(ender)
	if !ok {
		return recv(message)
	}
	if !a.await(stream) {
		return status.Error(codes.ResourceExhausted, "too many calls have begun without a message")
	}
	defer a.came(stream)
	return recv(message)
}

func (a *arrivals) await(stream ender) bool {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.awaited) >= maxAwaited {
		return false
	}
	if a.awaited == nil {
		a.awaited = map[ender]time.Time{}
	}
	a.awaited[stream] = now
	return true
}

func (a *arrivals) came(stream ender) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.awaited, stream)
}

// sweep ends the calls whose message has not come in time, until ctx ends.
func (a *arrivals) sweep(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, stream := range a.late() {
			// It fails only where the call has ended by itself.
			_ = stream.WriteStatus(status.New(codes.Canceled, "the message of the call has not come in time"))
		}
	}
}

// late are the calls that have waited too long.
func (a *arrivals) late() []ender {
	a.mu.Lock()
	defer a.mu.Unlock()
	var late []ender
	for stream, since := range a.awaited {
		if time.Since(since) >= readTimeout {
			late = append(late, stream)
		}
	}
	return late
}

// A boundedServer bounds how long the unary calls of the services that are registered with it wait for their message.
type boundedServer struct {
	*grpc.Server
	arrivals *arrivals
}

// RegisterService implements grpc.ServiceRegistrar.
func (s boundedServer) RegisterService(desc *grpc.ServiceDesc, impl any) {
	bounded := *desc
	bounded.Methods = slices.Clone(desc.Methods)
	for i := range bounded.Methods {
		handle := bounded.Methods[i].Handler
		bounded.Methods[i].Handler = func(
			srv any, ctx context.Context, recv func(any) error, interceptor grpc.UnaryServerInterceptor,
		) (any, error) {
			return handle(srv, ctx, func(message any) error { return s.arrivals.receive(ctx, recv, message) }, interceptor)
		}
	}
	s.Server.RegisterService(&bounded, impl)
}

// stream does so with the first message of a stream.
func (a *arrivals) stream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return handler(srv, &awaitedStream{ServerStream: stream, arrivals: a})
}

// An awaitedStream waits for its first message for so long.
type awaitedStream struct {
	grpc.ServerStream
	arrivals *arrivals
	begun    bool
}

// RecvMsg implements grpc.ServerStream.
func (s *awaitedStream) RecvMsg(m any) error {
	if s.begun {
		return s.ServerStream.RecvMsg(m)
	}
	s.begun = true
	return s.arrivals.receive(s.Context(), s.ServerStream.RecvMsg, m)
}
