package inquiry

import (
	"context"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/errordetail"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// firstPause is the pause before the first retry of a failed call, if the service asks for none. It doubles with each retry,
// and is also the shortest pause.
const firstPause = 250 * time.Millisecond

// ask asks about a device until there is an answer, an error that a retry would not change, or no time left.
func (q Inquiry) ask(ctx context.Context, iccid jasperclient.ICCID) (*usagev1.GetDeviceUsageInZoneResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, q.Timeout)
	defer cancel()
	if q.Bulk {
		ctx = metadata.AppendToOutgoingContext(ctx, "x-usage-class", "bulk")
	}
	question := proto.CloneOf(q.Question)
	question.Iccid = string(iccid)
	for failures := 0; ; {
		var trailer metadata.MD
		resp, err := q.Client.GetDeviceUsageInZone(ctx, question, grpc.Trailer(&trailer))
		if err == nil {
			return resp, nil
		}
		wait, told := toldWait(err, trailer)
		switch status.Code(err) {
		case codes.ResourceExhausted:
			if !told {
				return nil, err // such as an answer that is too large
			}
		case codes.Unavailable:
			if failures++; failures > q.Retries {
				return nil, err
			}
			if !told {
				wait = firstPause << min(failures-1, 10)
			}
		default:
			return nil, err
		}
		if deadline, _ := ctx.Deadline(); wait < 0 || time.Until(deadline) <= wait {
			return nil, err
		}
		pause(ctx, max(wait, firstPause))
	}
}

// toldWait returns how long the service asks to wait before a retry; negative for no retry. told is false if it asks for
// nothing.
func toldWait(err error, trailer metadata.MD) (wait time.Duration, told bool) {
	if info, ok := errordetail.Of[*errdetails.RetryInfo](status.Convert(err)); ok {
		return info.GetRetryDelay().AsDuration(), true
	}
	if pushback := trailer.Get("grpc-retry-pushback-ms"); len(pushback) > 0 {
		ms, err := strconv.Atoi(pushback[0])
		if err != nil {
			ms = -1 // gRPC's specification too takes this for no retry
		}
		return time.Duration(ms) * time.Millisecond, true
	}
	return 0, false
}

func pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
