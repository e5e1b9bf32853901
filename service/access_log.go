package service

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

// An accessLog writes one line per call and tells the metrics of it. Credentials never reach it.
type accessLog struct {
	*slog.Logger
	silent float64    // the percentage of successes without a line
	called func(Call) // nil: nobody counts
	// stopped ends when calls are cut off.
	stopped context.Context
}

// unary follows the calls of the gRPC server, through whichever door they came.
func (l accessLog) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	rec := &record{start: time.Now(), requestID: requestID(ctx), method: info.FullMethod}
	rec.door, rec.peer = originOf(ctx)
	if question, ok := req.(*usagev1.GetDeviceUsageInZoneRequest); ok {
		rec.iccid = question.GetIccid()
	}
	resp, err := handler(withRecord(ctx, rec), req)
	if isUsage(info.FullMethod) {
		l.end(ctx, rec, err)
	} else {
		l.write(ctx, slog.LevelDebug, rec, err)
	}
	return resp, err
}

// stream follows streams: reflection, and those who watch health. One that was refused has a line as a call has.
func (l accessLog) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	ctx := stream.Context()
	rec := &record{start: time.Now(), requestID: rand.Text(), method: info.FullMethod}
	rec.door, rec.peer = originOf(ctx)
	err := handler(srv, &recordedStream{stream, withRecord(ctx, rec)})
	level := slog.LevelDebug
	if failed := (*callError)(nil); errors.As(err, &failed) {
		level = levelOf(status.Code(err))
	}
	l.write(ctx, level, rec, err)
	return err
}

// A recordedStream has its record in its context.
type recordedStream struct {
	grpc.ServerStream
	ctx context.Context
}

// Context implements grpc.ServerStream.
func (s *recordedStream) Context() context.Context { return s.ctx }

// end tells of a call that ended with err, nil for success.
func (l accessLog) end(ctx context.Context, rec *record, err error) {
	if status.Code(err) == codes.Canceled && l.stopped.Err() != nil {
		err = &callError{status.New(codes.Unavailable, ""), fmt.Errorf("cut off, because the service stops: %w", err)} // its caller has no connection
	}
	code := status.Code(err)
	if l.called != nil {
		l.called(Call{
			Method: rec.method, Door: rec.door, Code: code, Took: time.Since(rec.start),
			Account: rec.account, Reason: reasonIn(err), Source: rec.source,
		})
	}
	const percent = 100
	if err == nil && l.silent > 0 && mathrand.Float64()*percent < l.silent {
		return
	}
	l.write(ctx, levelOf(code), rec, err)
}

// reasonIn is the reason of an error; empty for none.
func reasonIn(err error) string {
	if err == nil {
		return ""
	}
	info, _ := detailOf[*errdetails.ErrorInfo](status.Convert(err))
	return info.GetReason()
}

// write writes the line of a call.
func (l accessLog) write(ctx context.Context, level slog.Level, rec *record, err error) {
	if !l.Enabled(ctx, level) {
		return
	}
	st := status.Convert(err)
	line := append(make([]slog.Attr, 0, maxLineAttrs),
		slog.String("request_id", rec.requestID),
		slog.String("code", st.Code().String()),
		slog.Float64("duration_ms", milliseconds(time.Since(rec.start))),
	)
	line = rec.append(line)
	if info, ok := detailOf[*errdetails.ErrorInfo](st); ok {
		line = append(line, slog.String("reason", info.GetReason()))
		line = appendNonEmpty(line, "upstream_code", info.GetMetadata()["upstream_code"])
	}
	if failed := (*callError)(nil); errors.As(err, &failed) {
		line = append(line, slog.String("cause", failed.Error()))
	}
	l.LogAttrs(ctx, level, "call", line...)
}

// maxLineAttrs is how many attributes a line can have.
const maxLineAttrs = 24

// append adds what is known to a line.
func (r *record) append(line []slog.Attr) []slog.Attr {
	for _, attr := range []struct{ key, value string }{
		{"method", r.method}, {"door", r.door}, {"peer", r.peer}, {"caller", r.caller}, {"subject", r.subject}, {iccidAttr, r.iccid},
		{"account", r.account}, {"source", r.source}, {"trace_id", r.traceID},
	} {
		line = appendNonEmpty(line, attr.key, attr.value)
	}
	if r.timeout > 0 {
		line = append(line, slog.Float64("timeout_ms", milliseconds(r.timeout)))
	}
	if r.bulk {
		line = append(line, slog.String("class", classBulk))
	}
	if r.attempts > 0 || r.waited > 0 {
		line = append(line, slog.Float64("waited_ms", milliseconds(r.waited)), slog.Int("attempts", r.attempts))
	}
	return line
}

func appendNonEmpty(line []slog.Attr, key, value string) []slog.Attr {
	if value == "" {
		return line
	}
	return append(line, slog.String(key, value))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// levelOf is an error for what an operator has to look into: a caller's own mistakes are not.
func levelOf(code codes.Code) slog.Level {
	switch code {
	case codes.Internal, codes.Unknown, codes.DataLoss:
		return slog.LevelError
	case codes.Unavailable, codes.ResourceExhausted, codes.DeadlineExceeded:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// The doors, as the log and the metrics name them.
const (
	doorGRPC = "grpc"
	doorREST = "rest"
)
