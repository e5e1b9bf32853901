package service

import (
	"context"
	"crypto/tls"
	"net/http"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/zoneusage/zoneusage/jasperclient"
)

// A Call is a finished call, as [Config].Called gets it.
type Call struct {
	// Method is gRPC's full name of the method; empty for an HTTP request whose path does not belong to a method.
	Method string
	// Door is grpc, rest or legacy.
	Door string
	// Code is how the call ended.
	Code codes.Code
	// Took is the time from the call's headers to its end.
	Took time.Duration
	// Account is the name of the account that was asked; empty if none was.
	Account string
	// Reason is why the call failed, as in ErrorInfo; empty for a success, and for a failure that has no such reason.
	Reason string
	// Source is where the answer is from: live, joined, cache or stale; empty if there is no answer.
	Source string
}

// A record is one call in progress: its context, what its caller sent beside the request, and what the log and metrics will
// say of it. Each stage fills in what it learns; only the call's goroutine uses it.
type record struct {
	context.Context
	start     time.Time
	requestID string
	method    string // gRPC's full name; empty for a REST request to another path
	door      string
	peer      string
	host      string // of the peer
	headers   requestHeaders
	auth      credentials.AuthInfo // of a gRPC connection
	tls       *tls.ConnectionState // of a REST connection; nil without TLS

	timeout    time.Duration // as a REST caller asks for it; valid if hasTimeout
	hasTimeout bool
	deadline   time.Time // zero: the context's
	caller     string    // the caller's name; empty if the caller is not known
	subject    string    // of the caller's JWT
	iccid      string
	account    string // the name of the account that is asked
	allowed    bool   // whether the caller may ask the account
	bulk       bool
	untraced   bool          // whether the call gets no span
	source     string        // of the answer
	waited     time.Duration // for turns in the lane
	attempts   int           // how often Control Center was asked
	traceID    string        // of a sampled trace

	answer      *answer       // to a question through grpc-gateway
	replySource string        // the source that the caller is told
	age         time.Duration // of a kept answer

	handlerCtx context.Context // set while the call waits for its message
	prev, next *record         // in the list of calls that wait for their message
}

type recordKey struct{}

// Value implements [context.Context]: the record is found through the call's context.
func (r *record) Value(key any) any {
	if key == (recordKey{}) {
		return r
	}
	return r.Context.Value(key)
}

// recordOf returns the call's record, or a new one if the call did not come through a door.
func recordOf(ctx context.Context) *record {
	if rec, ok := ctx.Value(recordKey{}).(*record); ok {
		return rec
	}
	sentHeader, _ := metadata.FromIncomingContext(ctx)
	rec := newRecord(ctx, "", sentHeader)
	rec.allowed = true // the program whose server this is decides who may call
	return rec
}

// newRecord makes the record of a call to a gRPC server.
func newRecord(ctx context.Context, method string, header metadata.MD) *record {
	rec := &record{
		Context:   ctx,
		start:     time.Now(),
		requestID: acceptRequestID(header[headerRequestID.grpc]),
		method:    method,
		door:      doorGRPC,
		headers:   requestHeaders{grpc: header},
	}
	if caller, ok := peer.FromContext(ctx); ok {
		rec.auth, rec.peer = caller.AuthInfo, caller.Addr.String()
		if named, ok := caller.Addr.(namedAddr); ok {
			rec.host = named.host
		} else {
			rec.host = hostOf(rec.peer)
		}
	}
	return rec
}

// newRESTRecord makes the record of a request to the REST address. The record is also the context of the call.
func newRESTRecord(r *http.Request, door string) (context.Context, *record) {
	rec := &record{
		Context:   r.Context(),
		start:     time.Now(),
		requestID: acceptRequestID(r.Header[headerRequestID.rest]),
		door:      door,
		peer:      r.RemoteAddr,
		host:      hostOf(r.RemoteAddr),
		headers:   requestHeaders{rest: r.Header},
		tls:       r.TLS,
	}
	return rec, rec
}

// endErr returns why the call is over already, or nil.
func (r *record) endErr(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !r.deadline.IsZero() && !time.Now().Before(r.deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// setSource notes where a question's answer is from.
func (r *record) setSource(found finding) {
	if found.isAnswer() {
		r.source = found.source
	}
	switch {
	case found.source == sourceCache || found.source == sourceStale:
		r.replySource, r.age = found.source, found.age
	case found.err == nil:
		r.replySource = sourceLive
	}
}

// addUpstream adds the waits and attempts of a call of Control Center.
func (r *record) addUpstream(call *jasperclient.Call) {
	waited, attempts := call.Progress()
	r.waited += waited
	r.attempts += attempts
}
