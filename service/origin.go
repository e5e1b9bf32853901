package service

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/zoneusage/zoneusage/internal/loopback"
)

// origins keep other sites' pages from spending the account's calls: a browser sends whatever any page links to, and with it the
// caller's certificate. Where everybody on this machine may ask, the host has to be this machine's too, or a name that somebody
// lets point here would make their page one of ours.
type origins struct {
	loopbackOnly bool
	listed       []string
}

// check is what is wrong with where a request comes from; nil for nothing.
func (o origins) check(r *http.Request) error {
	var bad requestError
	if o.loopbackOnly && r.Host != "" && !loopback.IsAuthority(r.Host) { // every browser names a host
		bad.violate("Host", errors.New("without callers the service answers as localhost, 127.0.0.1 or [::1] alone; "+
			"list who may call, --callers, or let everybody, --insecure"))
	}
	if fromElsewhere(r) && !o.list(r.Header.Get("Origin")) {
		bad.violate("Origin", errors.New("the request comes from a page of another site, or before anybody wants its answer; "+
			"scripts of a site that --cors-origins names may ask"))
	}
	if len(bad.violations) > 0 {
		return &bad
	}
	return nil
}

// fromElsewhere reports whether a browser says that the request is not a page's of this host. It has a header for it (Fetch
// Metadata, W3C), but not for WebSockets, nor where it finds the host's connection unsafe; then scripts of others are told by
// their Origin, which our own page's requests lack. What it fetches before anybody wants it can be on behalf of any page.
func fromElsewhere(r *http.Request) bool {
	if r.Header["Sec-Purpose"] != nil || slices.Contains(r.Header["Sec-Fetch-Site"], "cross-site") {
		return true
	}
	said := r.Header["Origin"]
	if len(said) == 0 || r.Header["Sec-Fetch-Site"] != nil {
		return false
	}
	origin, err := url.Parse(said[0])
	return err != nil || !strings.EqualFold(origin.Host, r.Host)
}

// list reports whether the pages of an origin may call.
func (o origins) list(origin string) bool {
	return slices.ContainsFunc(o.listed, func(listed string) bool { return strings.EqualFold(listed, origin) })
}
