package sandbox

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
)

// usagePath is the one path served, segment by segment.
var usagePath = []string{"", "rws", "api", "v{apiVersion}", "devices", "{iccid}", "usageInZone"}

// matchPath takes the API version and the ICCID out of a path.
func matchPath(u *url.URL) (version, iccid string, ok bool) {
	// Split before decoding: an encoded slash is part of its segment.
	segments := strings.Split(u.EscapedPath(), "/")
	if len(segments) != len(usagePath) {
		return "", "", false
	}
	for i, segment := range segments {
		segment, err := url.PathUnescape(segment)
		if err != nil {
			return "", "", false
		}
		switch usagePath[i] {
		case "v{apiVersion}":
			version, ok = strings.CutPrefix(segment, "v")
			ok = ok && version != ""
		case "{iccid}":
			iccid, ok = segment, segment != ""
		default:
			ok = segment == usagePath[i]
		}
		if !ok {
			return "", "", false
		}
	}
	return version, iccid, true
}

// authorized says which account calls. It compares keys in constant time, also
// one of another length or of an account that does not exist.
func (s *Sandbox) authorized(r *http.Request) (username string, ok bool) {
	username, apiKey, _ := r.BasicAuth()
	want, exists := s.apiKeys[username] // without credentials, the empty name's: none
	return username, equal(apiKey, want) && exists
}

func equal(got, want string) bool {
	g, w := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(g[:], w[:]) == 1
}

// query is what a request asks for. An empty value means not asked: whether
// Control Center takes "zone=" as no zone or as an unknown one is unknown.
type query struct {
	cycleStartDate string
	ratePlan       string
	zone           string
}

// parseQuery reads the query as a Java servlet does: "+" is a space, so the
// offset of 2016-11-10+00:00 must travel as %2B00:00, and ";" separates nothing.
func parseQuery(raw string) (query, *vendorError) {
	values, err := url.ParseQuery(strings.ReplaceAll(raw, ";", "%3B"))
	if err != nil {
		return query{}, errInvalidRequest
	}
	for name, given := range values {
		if !recognized(name, given[0]) || len(given) > 1 {
			return query{}, errInvalidRequest
		}
	}
	return query{
		cycleStartDate: values.Get("cycleStartDate"),
		ratePlan:       values.Get("ratePlan"),
		zone:           values.Get("zone"),
	}, nil
}

// recognized reports whether Control Center knows a parameter of this page.
func recognized(name, value string) bool {
	switch name {
	case "cycleStartDate", "ratePlan", "zone":
		return true
	case "isActiveRatePlan", "fields":
		// Not documented for this page, but clients send them without an
		// error. What they do here is unknown: they are ignored.
		return true
	case "accountId":
		return value == "" // some clients always send it empty
	}
	return false
}
