package service

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/zoneusage/zoneusage/jasperclient"
)

// maxRequestIDLength bounds the ids that callers choose: they go to the log.
const maxRequestIDLength = 128

type requestIDKey struct{}

// requestID is the id under which the log has the call.
func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// acceptRequestID is the caller's id where it is fit for a log and a header, else a new one.
func acceptRequestID(id string) string {
	if id == "" || len(id) > maxRequestIDLength {
		return rand.Text()
	}
	for _, r := range id {
		if r <= ' ' || r > '~' {
			return rand.Text()
		}
	}
	return id
}

// withRequestID gives every call the id its caller sent, or a new one, and returns it in the reply's header.
func withRequestID(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	var sent string
	if values := metadata.ValueFromIncomingContext(ctx, headerRequestID); len(values) > 0 {
		sent = values[0]
	}
	id := acceptRequestID(sent)
	if err := grpc.SetHeader(ctx, metadata.Pairs(headerRequestID, id)); err != nil {
		return nil, fail(ctx, err, jasperclient.UsageQuery{})
	}
	return handler(context.WithValue(ctx, requestIDKey{}, id), req)
}

// A panicError is a panic of a handler.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.value, e.stack) }

// withStreamRecovery does with streams what withRecovery does with calls.
func withStreamRecovery(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fail(stream.Context(), &panicError{value, debug.Stack()}, jasperclient.UsageQuery{})
		}
	}()
	return handler(srv, stream)
}

// withRecovery makes a panic the failure of one call, and of no other caller's.
func withRecovery(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (_ any, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fail(ctx, &panicError{value, debug.Stack()}, jasperclient.UsageQuery{})
		}
	}()
	return handler(ctx, req)
}
