package service

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// A passage is what every question passes between its door, whichever it is, and its account: recovery, the log and the
// metrics, the doorkeeper, the deadline and the span. It is one function and not a chain of interceptors, each of which
// would cost every call a closure and a context.
type passage struct {
	usage          *UsageService
	keeper         doorkeeper
	log            accessLog
	tracer         *tracer         // nil for no spans
	stopped        context.Context // ends when calls are cut off
	defaultTimeout time.Duration   // the timeout of a call that has none
	maxTimeout     time.Duration
}

// ask answers the question of a call. Its errors are callErrors.
func (p *passage) ask(ctx context.Context, rec *record, req *usagev1.GetDeviceUsageInZoneRequest) (reply *answer, err error) {
	defer func() {
		if value := recover(); value != nil {
			reply, err = nil, fail(ctx, &panicError{value, debug.Stack()}, jasperclient.UsageQuery{})
		}
		err = p.orCutOff(err)
		p.log.end(rec, err)
	}()
	rec.iccid = req.GetIccid()
	p.limit(ctx, rec)
	if err := p.keeper.authorize(ctx, rec, req); err != nil {
		return nil, fail(ctx, err, jasperclient.UsageQuery{})
	}
	if p.tracer == nil {
		return p.usage.answer(ctx, rec, req)
	}
	return p.tracer.trace(ctx, rec, req, p.usage.answer) // after the doorkeeper: strangers must not cause spans
}

// orCutOff returns err, or another error if the call was cancelled because the service stops.
func (p *passage) orCutOff(err error) error {
	if err == nil || status.Code(err) != codes.Canceled || p.stopped.Err() == nil {
		return err
	}
	return &callError{status.New(codes.Unavailable, "the service stops; ask again"), fmt.Errorf("cut off, because the service stops: %w", err)}
}

// refuse ends a call whose request is bad. A caller that may not ask is told only that. The error is a callError.
func (p *passage) refuse(ctx context.Context, rec *record, req *usagev1.GetDeviceUsageInZoneRequest, bad error) error {
	err := p.keeper.authorize(ctx, rec, req)
	if err == nil {
		err = bad
	}
	refused := fail(ctx, err, jasperclient.UsageQuery{})
	p.log.end(rec, refused)
	return refused
}

// limit sets the deadline: by the default timeout for a call that has none, and by the longest timeout at most.
func (p *passage) limit(ctx context.Context, rec *record) {
	timeout := p.maxTimeout
	ends, ok := ctx.Deadline()
	switch {
	case rec.hasTimeout:
		timeout = min(rec.timeout, timeout)
	case !ok:
		timeout = p.defaultTimeout
	}
	rec.deadline = rec.start.Add(timeout)
	if ok && ends.Before(rec.deadline) { // the caller's own may be sooner
		rec.deadline = ends
	}
}

// A panicError is a panic in a handler.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.value, e.stack) }

// maxRequestIDLength bounds the ids that callers choose, because they are logged.
const maxRequestIDLength = 128

// acceptRequestID returns the caller's id if it is fit for a log and a header, else a new one.
func acceptRequestID(sent []string) string {
	if len(sent) == 0 || sent[0] == "" || len(sent[0]) > maxRequestIDLength {
		return newRequestID()
	}
	for _, r := range sent[0] {
		if r <= ' ' || r > '~' {
			return newRequestID()
		}
	}
	return sent[0]
}

// newRequestID makes an id to tell calls apart; nobody gains by guessing one.
func newRequestID() string {
	const letters, bits = "0123456789abcdefghijklmnopqrstuv", 5
	var id [16]byte
	random := [...]uint64{rand.Uint64(), rand.Uint64()}
	for i := range id {
		id[i] = letters[random[i%2]>>(i/2*bits)%(1<<bits)]
	}
	return string(id[:])
}
