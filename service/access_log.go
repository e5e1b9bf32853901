package service

import (
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/zoneusage/zoneusage/internal/errordetail"
)

// An accessLog writes a line for each call and reports the call to the metrics. It is never given credentials.
type accessLog struct {
	out           io.Writer
	fullICCIDs    bool       // ICCIDs are not masked
	silentPercent float64    // the percentage of successful calls that get no line
	called        func(Call) // nil: no metrics
	lines         *sync.Pool // of *[]byte
}

func newAccessLog(cfg Config) accessLog {
	return accessLog{
		out: cfg.AccessLog, fullICCIDs: cfg.LogFullICCIDs, silentPercent: cfg.SilentSuccesses, called: cfg.Called,
		lines: &sync.Pool{New: func() any { return new([]byte) }},
	}
}

// stream logs streams that were refused. The others, reflection and health watches, come every few seconds.
func (l accessLog) stream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	err := handler(srv, stream)
	if isA[*callError](err) {
		l.writeLine(recordOf(stream.Context()), time.Now(), err)
	}
	return err
}

// end logs and reports a question that ended with err (nil: success).
func (l accessLog) end(rec *record, err error) {
	ended := time.Now()
	if l.called != nil {
		l.called(Call{
			Method: rec.method, Door: rec.door, Code: status.Code(err), Took: ended.Sub(rec.start),
			Account: rec.account, Reason: reasonIn(err), Source: rec.source,
		})
	}
	const percent = 100
	if err == nil && l.silentPercent > 0 && mathrand.Float64()*percent < l.silentPercent {
		return
	}
	l.writeLine(rec, ended, err)
}

// reasonIn is the reason that an error carries, or empty.
func reasonIn(err error) string {
	if err == nil {
		return ""
	}
	info, _ := errordetail.Of[*errdetails.ErrorInfo](status.Convert(err))
	return info.GetReason()
}

func (l accessLog) writeLine(rec *record, ended time.Time, err error) {
	if l.out == nil {
		return
	}
	buffer := l.lines.Get().(*[]byte)
	defer l.lines.Put(buffer)
	line := logLine{text: (*buffer)[:0], fullICCIDs: l.fullICCIDs}
	line.call(rec, ended, err)
	*buffer = line.text
	_, _ = l.out.Write(line.text) // there is nowhere else to report a failure
}

// levelOf is Error for what an operator has to look into, which a caller's own mistakes are not.
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
	doorGRPC   = "grpc"
	doorREST   = "rest"
	doorLegacy = "legacy"
)
