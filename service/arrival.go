package service

import (
	"context"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
)

// maxAwaited bounds the calls, of all connections, that have begun and whose message has not come: anybody can begin them.
const maxAwaited = 4096

// arrivals are the calls of a server that wait for their message.
type arrivals struct{ awaited atomic.Int64 }

type messageAwaitedKey struct{}

// messageAwaited ends a call whose message does not come in time.
type messageAwaited struct {
	timer *time.Timer
	// came counts the call off, unless it has ended.
	came func()
}

// await is a tap.ServerInHandle: it ends a call whose message does not come. No deadline does, because calls have one only
// when their message is there.
func (a *arrivals) await(ctx context.Context, _ *tap.Info) (context.Context, error) {
	if a.awaited.Add(1) > maxAwaited {
		a.awaited.Add(-1)
		return nil, status.Error(codes.ResourceExhausted, "too many calls have begun without a message")
	}
	ctx, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(readTimeout, cancel)
	// Calls that are cancelled before, or are for no method, come to no interceptor: their timers would pile up.
	forget := context.AfterFunc(ctx, func() {
		timer.Stop()
		a.awaited.Add(-1)
	})
	return context.WithValue(ctx, messageAwaitedKey{}, messageAwaited{timer, func() {
		if forget() {
			a.awaited.Add(-1)
		}
	}}), nil
}

// arrived lets the call go on.
func arrived(ctx context.Context) {
	if awaited, ok := ctx.Value(messageAwaitedKey{}).(messageAwaited); ok {
		awaited.timer.Stop()
		awaited.came()
	}
}

// whenArrived does so: interceptors of unary calls begin when the message is there.
func whenArrived(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	arrived(ctx)
	return handler(ctx, req)
}
