package service

import (
	"context"
	"fmt"
	"runtime/debug"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// begin is a tap.ServerInHandle that makes the record of each call. The headers are at hand here as they came; later they
// can only be looked up one by one, or copied.
func begin(ctx context.Context, info *tap.Info) (context.Context, error) {
	return newRecord(ctx, info.FullMethodName, info.Header), nil
}

// A grpcDoor answers gRPC calls.
type grpcDoor struct {
	*passage
	arrivals *arrivals
}

// register registers UsageService with another handler than the generated one, which would have to make a message of each
// kept answer, only for the codec to encode it again.
func (d grpcDoor) register(server *grpc.Server) {
	desc := usagev1.UsageService_ServiceDesc
	desc.Methods = []grpc.MethodDesc{{MethodName: "GetDeviceUsageInZone", Handler: d.getDeviceUsageInZone}}
	server.RegisterService(&desc, d.usage)
}

// getDeviceUsageInZone handles a question. Its reply is the kept answer itself.
//
//nolint:revive // grpc-go puts the context second
func (d grpcDoor) getDeviceUsageInZone(
	_ any, ctx context.Context, recv func(any) error, _ grpc.UnaryServerInterceptor,
) (any, error) {
	rec, req := recordOf(ctx), new(usagev1.GetDeviceUsageInZoneRequest)
	if err := d.arrivals.receive(ctx, rec, recv, req); err != nil {
		// The caller has the status already: grpc-go sends it if it cannot take a message. A caller that leaves before its message
		// has come gets no line in the log: strangers do so by the hundred thousand.
		if st := status.Convert(err); st.Code() != codes.Canceled {
			d.log.end(rec, &callError{st, fmt.Errorf("there is no message: %w", err)})
		}
		return nil, err
	}
	reply, err := d.ask(ctx, rec, req)
	if err != nil {
		return nil, withTrailer(ctx, rec, err)
	}
	if err := sendHeader(ctx, rec); err != nil {
		err = fail(ctx, err, jasperclient.UsageQuery{})
		d.log.writeLine(rec, time.Now(), err) // besides the line of the answer, which the caller does not get
		return nil, err
	}
	return reply, nil
}

// sendHeader sends a reply's header at once; setting it, to be sent with the message, would make grpc-go copy it.
func sendHeader(ctx context.Context, rec *record) error {
	header := sentHeaders.Get().(*replyHeader)
	err := grpc.SendHeader(ctx, header.of(rec))
	if !isBinaryLogOn {
		sentHeaders.Put(header)
	}
	return err
}

// interceptHealth is the interceptor of health calls.
func (d grpcDoor) interceptHealth(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	rec := recordOf(ctx)
	defer func() {
		if value := recover(); value != nil {
			err = fail(ctx, &panicError{value, debug.Stack()}, jasperclient.UsageQuery{})
			d.log.writeLine(rec, time.Now(), err)
		}
	}()
	if err := d.keeper.authorizeHealth(ctx, rec, req); err != nil {
		err = fail(ctx, err, jasperclient.UsageQuery{})
		d.log.writeLine(rec, time.Now(), err)
		return nil, withTrailer(ctx, rec, err)
	}
	if err := grpc.SetHeader(ctx, newReplyHeader().of(rec)); err != nil {
		return nil, fail(ctx, err, jasperclient.UsageQuery{})
	}
	return handler(ctx, req)
}

// withTrailer sends a failed call's reply headers as its trailer, with the pushback, which is how long a gRPC library waits
// before it retries. They must not be headers: no gRPC library retries a call that has received headers.
func withTrailer(ctx context.Context, rec *record, failed error) error {
	trailer := newReplyHeader().of(rec)
	if delay, ok := retryDelay(status.Convert(failed)); ok {
		trailer.Set("grpc-retry-pushback-ms", strconv.FormatInt(delay.Milliseconds(), 10))
	}
	// It fails only if the call is over already, and then nobody waits for the trailer.
	_ = grpc.SetTrailer(ctx, trailer)
	return failed
}

// An answerCodec is gRPC's own codec, but sends an answer as it is already encoded.
type answerCodec struct{ encoding.CodecV2 }

// Marshal implements encoding.CodecV2.
func (c answerCodec) Marshal(v any) (mem.BufferSlice, error) {
	if kept, ok := v.(*answer); ok {
		return mem.BufferSlice{&kept.message}, nil
	}
	return c.CodecV2.Marshal(v)
}
