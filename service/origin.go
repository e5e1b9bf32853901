package service

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/grpc/status"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/controlcenter"
	"github.com/zoneusage/zoneusage/internal/loopback"
)

// withOrigin keeps other sites' pages from spending the account's calls: a browser sends whatever any page links to, and with it
// the caller's certificate. Where everybody on this machine may ask, the host has to be this machine's too, or a name that
// somebody lets point here would make their page one of ours.
func (cfg Config) withOrigin(way *passage, others http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var bad requestError
		if cfg.LoopbackOnly && r.Host != "" && !loopback.IsAuthority(r.Host) { // every browser names a host
			bad.violate("Host", errors.New("without callers the service answers as localhost, 127.0.0.1 or [::1] alone; "+
				"list who may call, --callers, or let everybody, --insecure"))
		}
		if fromElsewhere(r) && !cfg.lists(r.Header.Get("Origin")) {
			bad.violate("Origin", errors.New("the request comes from a page of another site, or before anybody wants its answer; "+
				"scripts of a site that --cors-origins names may ask"))
		}
		if len(bad.violations) == 0 {
			others.ServeHTTP(w, r)
			return
		}
		refuseOrigin(w, r, way, &bad)
	})
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

// lists reports whether the pages of an origin may call.
func (cfg Config) lists(origin string) bool {
	return slices.ContainsFunc(cfg.CORSOrigins, func(listed string) bool { return strings.EqualFold(listed, origin) })
}

// refuseOrigin answers as the door does that was asked.
func refuseOrigin(w http.ResponseWriter, r *http.Request, way *passage, bad error) {
	isLegacy := strings.HasPrefix(r.URL.Path, controlcenter.Root)
	door := doorREST
	if isLegacy {
		door = doorLegacy
	}
	rec := newRESTRecord(r, door)
	beginReply(w, r)
	err := way.refuse(rec, rec, &usagev1.GetDeviceUsageInZoneRequest{}, bad)
	if isLegacy {
		rec.writeHeader(w.Header())
		writeLegacyFailure(w, err)
		return
	}
	writeFailure(w, rec, status.Convert(err), 0)
}
