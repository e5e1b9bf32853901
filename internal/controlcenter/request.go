package controlcenter

import (
	"net/http"
	"net/url"
	"strings"
)

// usagePath is the path of the function, segment by segment.
var usagePath = []string{"", "rws", "api", "v{apiVersion}", "devices", "{iccid}", "usageInZone"}

// Root begins every path of Control Center's.
const Root = "/rws/"

// ReadPath reads the API version and the ICCID from a path; ok is false for the path of another function.
func ReadPath(u *url.URL) (version, iccid string, ok bool) {
	// Split before decoding, because an encoded slash is part of its segment.
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

// IsReadMethod reports whether the function has this HTTP method: it has only GET and HEAD.
func IsReadMethod(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// A Query is what a request asks for. An empty value means that the parameter was not given. (It is unknown whether Control
// Center reads "zone=" as no zone or as an unknown zone.)
type Query struct {
	CycleStartDate string
	RatePlan       string
	Zone           string
	// Undocumented says that the request has parameters that are not documented for this function, but which clients send
	// without getting an error. What they do is unknown.
	Undocumented bool
}

// ReadQuery reads the query as a Java servlet does: "+" is a space, so the offset of 2016-11-10+00:00 must travel as
// %2B00:00, and ";" separates nothing.
func ReadQuery(raw string) (Query, *Refusal) {
	values, err := url.ParseQuery(strings.ReplaceAll(raw, ";", "%3B"))
	if err != nil {
		return Query{}, InvalidRequest
	}
	q := Query{
		CycleStartDate: values.Get("cycleStartDate"),
		RatePlan:       values.Get("ratePlan"),
		Zone:           values.Get("zone"),
	}
	for name, given := range values {
		switch {
		case len(given) > 1:
			return Query{}, InvalidRequest
		case name == "cycleStartDate" || name == "ratePlan" || name == "zone":
		case name == "isActiveRatePlan" || name == "fields":
			q.Undocumented = true
		case name == "accountId" && given[0] == "": // some clients always send it empty
		default:
			return Query{}, InvalidRequest
		}
	}
	return q, nil
}
