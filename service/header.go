package service

import (
	"net/http"
	"os"
	"strconv"
	"sync"

	"google.golang.org/grpc/metadata"
)

// A header is the key of metadata as gRPC and as net/http write it.
type header struct{ grpc, rest string }

func newHeader(name string) header { return header{name, http.CanonicalHeaderKey(name)} }

// What a call says beside its request.
var (
	headerRequestID     = newHeader("x-request-id")
	headerClass         = newHeader("x-usage-class")
	headerAuthorization = newHeader("authorization")
	// W3C's Trace Context, by which a caller makes a call part of its trace.
	headerTraceParent = newHeader("traceparent")
	headerTraceState  = newHeader("tracestate")
)

// The values of a reply's headers, by their position.
const (
	replyRequestID = iota
	replySource
	replyAccount
	replyAge // in seconds (RFC 9111, section 5.1)
	replyValues
)

// replyHeaders are what a reply says beside its message.
var replyHeaders = [replyValues]header{
	replyRequestID: headerRequestID,
	replySource:    newHeader("x-usage-source"),
	replyAccount:   newHeader("x-usage-account"),
	replyAge:       newHeader("age"),
}

// sent are the headers of a call as they came through one of the doors.
type requestHeaders struct {
	grpc metadata.MD
	rest http.Header
}

func (s requestHeaders) get(h header) []string {
	if s.rest != nil {
		return s.rest[h.rest]
	}
	return s.grpc[h.grpc]
}

// replyValues are the values of replyHeaders for the call; an empty one is not sent.
func (r *record) replyValues() (values [replyValues]string) {
	values[replyRequestID], values[replySource] = r.requestID, r.replySource
	if r.allowed {
		values[replyAccount] = r.account
	}
	if r.replySource == sourceCache || r.replySource == sourceStale {
		values[replyAge] = strconv.Itoa(int(r.age.Seconds()))
	}
	return values
}

// A replyHeader is that as gRPC takes it.
type replyHeader struct {
	values   [replyValues]string
	metadata metadata.MD // of the values
}

// sentHeaders are of replies that were sent, and not only set to be: they are free for other replies, which spares a tenth of
// what a call allocates. Only with its binary log grpc-go reads them again when the message is sent, and none is used twice then.
var sentHeaders = sync.Pool{New: func() any { return newReplyHeader() }}

func newReplyHeader() *replyHeader {
	return &replyHeader{metadata: make(metadata.MD, len(replyHeaders))}
}

// isBinaryLogOn is as google.golang.org/grpc/internal/binarylog finds it.
var isBinaryLogOn = os.Getenv("GRPC_BINARY_LOG_FILTER") != ""

// of is the header of a call's reply.
func (h *replyHeader) of(rec *record) metadata.MD {
	h.values = rec.replyValues()
	for i, value := range h.values {
		if value == "" {
			delete(h.metadata, replyHeaders[i].grpc)
		} else {
			h.metadata[replyHeaders[i].grpc] = h.values[i : i+1 : i+1]
		}
	}
	return h.metadata
}

// writeHeader says the same to a REST caller.
func (r *record) writeHeader(to http.Header) {
	values := r.replyValues()
	for i, value := range values {
		if value != "" {
			to[replyHeaders[i].rest] = values[i : i+1 : i+1]
		}
	}
}
