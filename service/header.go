package service

import (
	"net/http"
	"strconv"

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

// What a reply says beside its message, in the order of a record's values.
var replyHeaders = [...]header{
	headerRequestID,
	newHeader("x-usage-source"),
	newHeader("x-usage-account"),
	newHeader("age"), // in seconds, as RFC 9111, section 5.1, has it
}

// sent are the headers of a call as they came through one of the doors.
type sent struct {
	grpc metadata.MD
	rest http.Header
}

func (s sent) get(h header) []string {
	if s.rest != nil {
		return s.rest[h.rest]
	}
	return s.grpc[h.grpc]
}

// fill sets the values of the reply's header; what is empty is not sent.
func (r *record) fill() {
	r.values = [...]string{r.requestID, r.told, "", ""}
	if r.let {
		r.values[2] = r.account
	}
	if r.told == sourceCache || r.told == sourceStale {
		r.values[3] = strconv.Itoa(int(r.age.Seconds()))
	}
}

// header is what the reply says beside its message.
func (r *record) header() metadata.MD {
	r.fill()
	md := make(metadata.MD, len(r.values))
	for i, value := range r.values {
		if value != "" {
			md[replyHeaders[i].grpc] = r.values[i : i+1 : i+1]
		}
	}
	return md
}

// writeHeader says the same to a REST caller.
func (r *record) writeHeader(to http.Header) {
	r.fill()
	for i, value := range r.values {
		if value != "" {
			to[replyHeaders[i].rest] = r.values[i : i+1 : i+1]
		}
	}
}
