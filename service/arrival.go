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
	// maxAwaited bounds the calls, over all connections, that have begun and have no message yet: anybody can begin them.
	maxAwaited = 4096
	// sweepEvery is how often the sweeper looks for calls that have waited too long.
	sweepEvery = time.Second
)

// arrivals are the calls that wait for their message, oldest first. A call gets its deadline only with its message, and a
// timer each would cost more than the answer, so one goroutine sweeps them.
type arrivals struct {
	mu          sync.Mutex
	first, last *record
	awaited     int
}

// receive waits for the message of a call; ctx is its handler's.
func (a *arrivals) receive(ctx context.Context, rec *record, recv func(any) error, message any) error {
	if !a.await(ctx, rec) {
		return status.Error(codes.ResourceExhausted, "too many calls have begun without a message")
	}
	defer a.done(rec)
	return recv(message)
}

func (a *arrivals) await(ctx context.Context, rec *record) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.awaited >= maxAwaited {
		return false
	}
	a.awaited++
	rec.handlerCtx, rec.prev = ctx, a.last
	if a.last == nil {
		a.first = rec
	} else {
		a.last.next = rec
	}
	a.last = rec
	return true
}

func (a *arrivals) done(rec *record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.awaited--
	if rec.prev == nil {
		a.first = rec.next
	} else {
		rec.prev.next = rec.next
	}
	if rec.next == nil {
		a.last = rec.prev
	} else {
		rec.next.prev = rec.prev
	}
	rec.handlerCtx, rec.prev, rec.next = nil, nil, nil
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
		for _, call := range a.late() {
			// It fails only if the call has already ended.
			_ = call.WriteStatus(status.New(codes.Canceled, "the message of the call has not come in time"))
		}
	}
}

// An ender ends a call from outside its handler. grpc-go's server stream has this method, but its API does not promise it.
type ender interface {
	WriteStatus(*status.Status) error
}

// late returns the calls that have waited too long.
func (a *arrivals) late() []ender {
	a.mu.Lock()
	defer a.mu.Unlock()
	var late []ender
	for rec := a.first; rec != nil && time.Since(rec.start) >= readTimeout; rec = rec.next {
		if call, ok := grpc.ServerTransportStreamFromContext(rec.handlerCtx).(ender); ok {
			late = append(late, call)
		}
	}
	return late
}

// A boundedServer bounds how long the unary calls of the services registered with it wait for their message.
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
			return handle(srv, ctx, func(message any) error { return s.arrivals.receive(ctx, recordOf(ctx), recv, message) }, interceptor)
		}
	}
	s.Server.RegisterService(&bounded, impl)
}

// stream bounds the wait for the first message of a stream.
func (a *arrivals) stream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return handler(srv, &awaitedStream{ServerStream: stream, arrivals: a})
}

// An awaitedStream bounds the wait for its first message.
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
	ctx := s.Context()
	return s.arrivals.receive(ctx, recordOf(ctx), s.ServerStream.RecvMsg, m)
}
