// Package gzipped finds out which requests accept gzip.
package gzipped

import (
	"net/http"
	"strconv"
	"strings"
)

// Accepted reports whether the header of a request accepts gzip by name (RFC 9110, section 12.5.3). A server need not send
// gzip for "*", and this one does not.
func Accepted(header http.Header) bool {
	for coding := range strings.SplitSeq(strings.Join(header.Values("Accept-Encoding"), ","), ",") {
		name, weight, weighted := strings.Cut(coding, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			q, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(weight), "q="), 64)
			return !weighted || err == nil && q > 0
		}
	}
	return false
}
