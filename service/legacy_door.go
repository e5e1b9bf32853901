package service

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/zoneusage/zoneusage/internal/controlcenter"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// A legacyDoor is for clients that were written for Control Center. It has Control Center's path, credentials, answers and
// errors: once its base URL is changed, such a client takes the same passage as all callers, and shares their calls and kept
// answers.
//
// The credentials are HTTP Basic: the name of a caller in the policy, and a static token of the same caller. Without a
// policy any name and key will do, but there must be both, as Control Center wants it. The path cannot name an account: the
// door asks the default one or, for a caller that may not ask it, the first of the caller's list.
//
// A kept answer keeps Control Center's timeStamp, too. A request that cannot be passed on as it is meant is refused as
// Control Center would: a date in another form than its two, and parameters that some clients send but nobody documented.
type legacyDoor struct {
	passage *passage
	origins origins
	others  http.Handler
}

// withLegacyDoor puts the door in front of the handler of all other paths.
func (cfg Config) withLegacyDoor(p *passage, o origins, others http.Handler) http.Handler {
	if !cfg.LegacyDoor {
		return others
	}
	return legacyDoor{p, o, others}
}

// ServeHTTP implements http.Handler.
func (d legacyDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, controlcenter.Root) {
		d.others.ServeHTTP(w, r)
		return
	}
	ctx, rec := newRESTRecord(r, doorLegacy)
	beginReply(w, r)
	version, iccid, found := controlcenter.ReadPath(r.URL)
	if !found {
		d.passage.log.end(rec, errNoFunction)
		rec.writeHeader(w.Header())
		controlcenter.WriteHTML(w, http.StatusNotFound)
		return
	}
	rec.method, rec.iccid = restMethod, iccid
	answer, err := d.ask(ctx, rec, r, version, iccid)
	rec.writeHeader(w.Header())
	if err != nil {
		writeLegacyFailure(w, err)
		return
	}
	answer.Write(w)
}

// errNoFunction is for a path of Control Center that belongs to another function, or to none.
var errNoFunction = &callError{
	withInvalidRequest(status.New(codes.NotFound, "")), errors.New("the only function of Control Center here is /rws/api/v1/devices/{iccid}/usageInZone"),
}

// ask answers the request. Its errors are callErrors.
func (d legacyDoor) ask(ctx context.Context, rec *record, r *http.Request, version, iccid string) (controlcenter.Answer, error) {
	req, bad := readLegacy(r, version, iccid)
	if elsewhere := d.origins.check(r); elsewhere != nil {
		return controlcenter.Answer{}, d.passage.refuse(ctx, rec, req, elsewhere)
	}
	if len(bad.violations) > 0 {
		return controlcenter.Answer{}, d.passage.refuse(ctx, rec, req, bad)
	}
	reply, err := d.passage.ask(ctx, rec, req)
	if err != nil {
		return controlcenter.Answer{}, err
	}
	answer, err := reply.asControlCenter()
	if err != nil {
		err = fail(ctx, err, jasperclient.UsageQuery{}) // the service's own message cannot be decoded
		d.passage.log.writeLine(rec, time.Now(), err)   // besides the line of the answer, which the caller does not get
		return answer, err
	}
	return answer, nil
}
