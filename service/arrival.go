package service

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/tap"
)

type messageAwaitedKey struct{}

// messageAwaited ends a call whose message does not come in time.
type messageAwaited struct {
	timer *time.Timer
	// keep lets the timer outlive the call.
	keep func() bool
}

// untilArrived is a tap.ServerInHandle: it ends a call whose message does not come. No deadline does, because calls have one
// only when their message is there.
func untilArrived(ctx context.Context, _ *tap.Info) (context.Context, error) {
	ctx, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(readTimeout, cancel)
	// Calls that are cancelled before, or are for no method, come to no interceptor: their timers would pile up.
	keep := context.AfterFunc(ctx, func() { timer.Stop() })
	return context.WithValue(ctx, messageAwaitedKey{}, messageAwaited{timer, keep}), nil
}

// arrived lets the call go on.
func arrived(ctx context.Context) {
	if awaited, ok := ctx.Value(messageAwaitedKey{}).(messageAwaited); ok {
		awaited.timer.Stop()
		awaited.keep()
	}
}

// whenArrived does so: interceptors of unary calls begin when the message is there.
func whenArrived(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	arrived(ctx)
	return handler(ctx, req)
}
