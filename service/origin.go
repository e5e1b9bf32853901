package service

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/zoneusage/zoneusage/internal/loopback"
)

// origins keeps pages of other sites from spending the account's calls: a browser sends whatever any page links to, and the
// caller's certificate with it. Where everybody on this machine may ask, the host must be this machine's, too: otherwise
// anybody could point a name of theirs here, and their page would count as one of ours.
type origins struct {
	loopbackOnly bool
	listed       []string
}

// check returns what is wrong with where a request comes from, or nil.
func (o origins) check(r *http.Request) error {
	var bad requestError
	if o.loopbackOnly && r.Host != "" && !loopback.IsAuthority(r.Host) { // every browser names a host
		bad.violate("Host", errors.New("without callers the service answers as localhost, 127.0.0.1 or [::1] alone; "+
			"list who may call, --callers, or let everybody, --insecure"))
	}
	if fromElsewhere(r) && !o.allows(r.Header.Get("Origin")) {
		bad.violate("Origin", errors.New("the request comes from a page of another site, or before anybody wants its answer; "+
			"scripts of a site that --cors-origins names may ask"))
	}
	if len(bad.violations) > 0 {
		return &bad
	}
	return nil
}

// fromElsewhere reports whether a browser says that the request is not from a page of this host. The header for this is
// Sec-Fetch-Site (Fetch Metadata, W3C), which browsers leave out for WebSockets and where they consider the connection
// unsafe; then Origin tells scripts of other sites, because requests of our own page lack it. What is fetched before anybody
// wants it (Sec-Purpose) can be on behalf of any page.
func fromElsewhere(r *http.Request) bool {
	if r.Header["Sec-Purpose"] != nil {
		return true
	}
	if site := r.Header["Sec-Fetch-Site"]; site != nil { // same-site is another host or port below the same domain
		return slices.Contains(site, "cross-site") || slices.Contains(site, "same-site")
	}
	said := r.Header["Origin"]
	if len(said) == 0 {
		return false
	}
	origin, err := url.Parse(said[0])
	return err != nil || !strings.EqualFold(origin.Host, r.Host)
}

// allows reports whether the pages of an origin may call.
func (o origins) allows(origin string) bool {
	return slices.ContainsFunc(o.listed, func(listed string) bool { return strings.EqualFold(listed, origin) })
}
