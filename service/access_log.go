package service

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

// An accessLog writes one line per call. Credentials never reach it.
type accessLog struct{ *slog.Logger }

// unary logs the calls of the gRPC server, through whichever door they came.
func (l accessLog) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	start := time.Now()
	resp, err := handler(ctx, req)
	attrs := []slog.Attr{slog.String("method", info.FullMethod)}
	if door, addr := originOf(ctx); door != "" {
		attrs = append(attrs, slog.String("door", door), slog.String("peer", addr))
	}
	if question, ok := req.(*usagev1.GetDeviceUsageInZoneRequest); ok {
		attrs = append(attrs, slog.String(iccidAttr, question.GetIccid()))
	}
	level := levelOf(status.Code(err))
	if !strings.HasPrefix(info.FullMethod, "/"+usagev1.UsageService_ServiceDesc.ServiceName+"/") {
		level = slog.LevelDebug // a health check every few seconds
	}
	l.write(ctx, level, requestID(ctx), start, err, attrs...)
	return resp, err
}

// write writes the line of a call that ended with err, nil for success.
func (l accessLog) write(ctx context.Context, level slog.Level, id string, start time.Time, err error, attrs ...slog.Attr) {
	st := status.Convert(err)
	line := []slog.Attr{
		slog.String("request_id", id),
		slog.String("code", st.Code().String()),
		slog.Float64("duration_ms", float64(time.Since(start))/float64(time.Millisecond)),
	}
	line = append(line, attrs...)
	if info, ok := detailOf[*errdetails.ErrorInfo](st); ok {
		line = append(line, slog.String("reason", info.GetReason()))
		if code := info.GetMetadata()["upstream_code"]; code != "" {
			line = append(line, slog.String("upstream_code", code))
		}
	}
	if failed := (*callError)(nil); errors.As(err, &failed) {
		line = append(line, slog.String("cause", failed.Error()))
	}
	l.LogAttrs(ctx, level, "call", line...)
}

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

// The doors, as the log names them.
const (
	doorGRPC = "grpc"
	doorREST = "rest"
)

// restCaller is the door and the peer of a request that the gateway refused.
func restCaller(r *http.Request) []slog.Attr {
	return []slog.Attr{slog.String("door", doorREST), slog.String("peer", hostOf(r.RemoteAddr))}
}
