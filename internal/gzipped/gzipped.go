// Package gzipped tells who may be sent gzip.
package gzipped

import (
	"net/http"
	"strconv"
	"strings"
)

// Accepted reports whether a request's header takes gzip by its name, as RFC 9110, section 12.5.3, has it. That "*" is taken
// for gzip is nobody's duty.
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
