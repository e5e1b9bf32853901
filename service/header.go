package service

import (
	"net/http"
	"strconv"

	"google.golang.org/grpc/metadata"
)

// The keys of a reply's metadata, which REST shows as headers of the same names.
const (
	headerRequestID = "x-request-id"
	headerSource    = "x-usage-source"
	headerAccount   = "x-usage-account"
	headerAge       = "age" // in seconds, as RFC 9111, section 5.1, has it
)

// replyHeaders are all of them, in the order of a record's values, and restHeaders as net/http writes them.
var (
	replyHeaders = [...]string{headerRequestID, headerSource, headerAccount, headerAge}
	restHeaders  = [...]string{"X-Request-Id", "X-Usage-Source", "X-Usage-Account", "Age"}
)

// fill sets the values of the reply's header; what is empty is not sent.
func (r *record) fill() {
	r.values = [...]string{r.requestID, r.told, r.answers, ""}
	if r.told == sourceCache || r.told == sourceStale {
		r.values[3] = strconv.Itoa(int(r.age.Seconds()))
	}
}

// header is what the reply says beside its message.
func (r *record) header() metadata.MD {
	r.fill()
	header := make(metadata.MD, len(r.values))
	for i, value := range r.values {
		if value != "" {
			header[replyHeaders[i]] = r.values[i : i+1 : i+1]
		}
	}
	return header
}

// writeHeader says the same to a REST caller.
func (r *record) writeHeader(header http.Header) {
	r.fill()
	for i, value := range r.values {
		if value != "" {
			header[restHeaders[i]] = r.values[i : i+1 : i+1]
		}
	}
}
