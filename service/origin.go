package service

import (
	"errors"
	"net/http"
	"slices"

	"google.golang.org/grpc/status"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/loopback"
)

// withOrigin keeps other sites' pages from spending the account's calls: a browser sends whatever any page links to, and with it
// the caller's certificate. It says so (Fetch Metadata, W3C); what says nothing is no browser. Where everybody on this machine may
// ask, the host has to be this machine's too, or a name that somebody lets point here would make their page one of ours.
func (cfg Config) withOrigin(way *passage, others http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var bad requestError
		if cfg.LoopbackOnly && !loopback.IsAuthority(r.Host) {
			bad.violate("Host", errors.New("without callers the service answers as localhost, 127.0.0.1 or [::1] alone; "+
				"list who may call, --callers, or let everybody, --insecure"))
		}
		if site := r.Header["Sec-Fetch-Site"]; slices.Contains(site, "cross-site") && !slices.Contains(cfg.CORSOrigins, r.Header.Get("Origin")) {
			bad.violate("Origin", errors.New("the request comes from a page of another site; --cors-origins can allow it"))
		}
		if len(bad.violations) == 0 {
			others.ServeHTTP(w, r)
			return
		}
		rec := newRESTRecord(r, doorREST)
		w.Header()["Cache-Control"] = noStore
		writeFailure(w, rec, status.Convert(way.refuse(rec, rec, &usagev1.GetDeviceUsageInZoneRequest{}, &bad)), 0)
	})
}
