package service

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/tap"
)

type arrivalTimerKey struct{}

// untilArrived is a tap.ServerInHandle: it ends a call whose message does not come. No deadline does, because calls have one
// only when their message is there.
func untilArrived(ctx context.Context, _ *tap.Info) (context.Context, error) {
	ctx, cancel := context.WithCancel(ctx)
	return context.WithValue(ctx, arrivalTimerKey{}, time.AfterFunc(readTimeout, cancel)), nil
}

// arrived lets the call go on.
func arrived(ctx context.Context) {
	if timer, ok := ctx.Value(arrivalTimerKey{}).(*time.Timer); ok {
		timer.Stop()
	}
}

// whenArrived does so: interceptors of unary calls begin when the message is there.
func whenArrived(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	arrived(ctx)
	return handler(ctx, req)
}
