package service

import (
	"net/http"
	"os"
	"strconv"
	"sync"

	"google.golang.org/grpc/metadata"
)

// A header is a header's name as gRPC and as net/http write it.
type header struct{ grpc, rest string }

func newHeader(name string) header { return header{name, http.CanonicalHeaderKey(name)} }

// The request headers that the service reads.
var (
	headerRequestID     = newHeader("x-request-id")
	headerClass         = newHeader("x-usage-class")
	headerAuthorization = newHeader("authorization")
	// W3C Trace Context, with which a caller makes a call part of its trace.
	headerTraceParent = newHeader("traceparent")
	headerTraceState  = newHeader("tracestate")
)

// The positions of a reply's headers and their values.
const (
	replyRequestID = iota
	replySource
	replyAccount
	replyAge // in seconds (RFC 9111, section 5.1)
	numReplyHeaders
)

// replyHeaders are what a reply gives beside its message.
var replyHeaders = [numReplyHeaders]header{
	replyRequestID: headerRequestID,
	replySource:    newHeader("x-usage-source"),
	replyAccount:   newHeader("x-usage-account"),
	replyAge:       newHeader("age"),
}

// requestHeaders are the headers of a call as they came, through gRPC or over HTTP.
type requestHeaders struct {
	grpc metadata.MD
	rest http.Header
}

func (r requestHeaders) get(h header) []string {
	if r.rest != nil {
		return r.rest[h.rest]
	}
	return r.grpc[h.grpc]
}

// replyValues are the values of replyHeaders for the call; an empty one is not sent.
func (r *record) replyValues() (values [numReplyHeaders]string) {
	values[replyRequestID], values[replySource] = r.requestID, r.replySource
	if r.allowed {
		values[replyAccount] = r.account
	}
	if r.replySource == sourceCache || r.replySource == sourceStale {
		values[replyAge] = strconv.Itoa(int(r.age.Seconds()))
	}
	return values
}

// A replyHeader has a reply's headers as gRPC takes them.
type replyHeader struct {
	values   [numReplyHeaders]string
	metadata metadata.MD // points into values
}

// sentHeaders pools the headers of replies already sent, which saves a tenth of a call's allocations. grpc-go's binary log
// reads them again later, so none is reused while it is on.
var sentHeaders = sync.Pool{New: func() any { return newReplyHeader() }}

func newReplyHeader() *replyHeader {
	return &replyHeader{metadata: make(metadata.MD, len(replyHeaders))}
}

// isBinaryLogOn reads the same variable as google.golang.org/grpc/internal/binarylog.
var isBinaryLogOn = os.Getenv("GRPC_BINARY_LOG_FILTER") != ""

// of sets h to the headers of a call's reply, and returns them.
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

// writeHeader writes the same values to a REST reply.
func (r *record) writeHeader(to http.Header) {
	values := r.replyValues()
	for i, value := range values {
		if value != "" {
			to[replyHeaders[i].rest] = values[i : i+1 : i+1]
		}
	}
}
