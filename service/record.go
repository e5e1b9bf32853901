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

// A Call is one that has ended, as [Config].Called is told of it.
type Call struct {
	// Method is gRPC's full name of the method; empty for an HTTP request whose path is no method's.
	Method string
	// Door is grpc, rest or legacy.
	Door string
	// Code is how the call ended.
	Code codes.Code
	// Took is the time from its headers to its end.
	Took time.Duration
	// Account is the name of the account that was asked; empty where there was none.
	Account string
	// Reason is why it failed, as ErrorInfo has it; empty where it did not, or for no reason of the service's.
	Reason string
	// Source is where the answer is from: live, joined, cache or stale; empty where there was none.
	Source string
}

// A record is one call on its way, from the moment its headers are there: the context that it is handled in, what its caller
// sent beside the request, and what the log and the metrics will tell of it. Whoever learns something of it on the way fills it
// in; it belongs to the goroutine of the call.
type record struct {
	context.Context
	start     time.Time
	requestID string
	method    string // gRPC's full name; empty for a REST request whose path is no method's
	door      string
	peer      string
	host      string // of the peer
	headers   requestHeaders
	auth      credentials.AuthInfo // of a gRPC connection
	tls       *tls.ConnectionState // of a REST one; nil without TLS

	timeout    time.Duration // that a REST caller asks for, where hasTimeout
	hasTimeout bool
	deadline   time.Time // zero: the context's
	caller     string    // the name of who asks; empty where it is not known
	subject    string    // of the caller's JWT
	iccid      string
	account    string // that is asked
	allowed    bool   // its caller may ask it
	bulk       bool
	untraced   bool          // no span is to be made
	source     string        // of the answer
	waited     time.Duration // for turns in the lane
	attempts   int           // how often Control Center was asked
	traceID    string        // of a sampled trace

	answer      *answer       // to a question through the gateway
	replySource string        // the source, as the caller is told
	age         time.Duration // of a reply that was kept

	handlerCtx context.Context // the handler's, while the call's message is awaited
	prev, next *record         // those that are awaited too
}

type recordKey struct{}

// Value implements [context.Context]: the call's context knows its record.
func (r *record) Value(key any) any {
	if key == (recordKey{}) {
		return r
	}
	return r.Context.Value(key)
}

// recordOf is the call's record, or a new one where it came to the handler without passing a door.
func recordOf(ctx context.Context) *record {
	if rec, ok := ctx.Value(recordKey{}).(*record); ok {
		return rec
	}
	sentHeader, _ := metadata.FromIncomingContext(ctx)
	rec := newRecord(ctx, "", sentHeader)
	rec.allowed = true // who lets callers in is somebody else
	return rec
}

// newRecord is that of a call that came to a gRPC server.
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

// over is why the call is over already; nil where it is not.
func (r *record) endErr(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !r.deadline.IsZero() && !time.Now().Before(r.deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// note notes where a question's reply is from.
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

// follow adds what a call of Control Center took for the call.
func (r *record) addUpstream(call *jasperclient.Call) {
	waited, attempts := call.Progress()
	r.waited += waited
	r.attempts += attempts
}
