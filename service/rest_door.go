package service

import (
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/grpc/status"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// ServeHTTP implements http.Handler.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := newRESTRecord(r, doorREST)
	beginReply(w, r)
	if bad := g.from.check(r); bad != nil {
		writeFailure(w, rec, status.Convert(g.way.refuse(rec, rec, &usagev1.GetDeviceUsageInZoneRequest{}, bad)), 0)
		return
	}
	if iccid, ok := plainQuestion(r); ok {
		rec.method = restMethod
		g.answer(w, rec, &usagev1.GetDeviceUsageInZoneRequest{Iccid: iccid})
		return
	}
	r.Header.Del("TE") // no trailer is passed on
	g.mux.ServeHTTP(w, r.WithContext(rec))
}

// beginReply says what every reply says.
func beginReply(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header["Cache-Control"], header["X-Content-Type-Options"] = noStore, noSniff
	if r.ContentLength != 0 {
		header.Set("Connection", "close") // no method takes a body, so the reply waits for none
	}
}

var (
	noStore  = []string{"no-store"}
	noSniff  = []string{"nosniff"}
	jsonType = []string{"application/json"}
)

// The path of a question, about the ICCID between its ends.
const (
	pathBegin = "/v1/devices/"
	pathEnd   = "/usageInZone"
)

// plainQuestion reads a request that says nothing but the ICCID. Most do, and what the gateway does for all the others would
// take as long again as to answer.
func plainQuestion(r *http.Request) (iccid string, ok bool) {
	if r.Method != http.MethodGet || r.URL.RawQuery != "" || r.URL.RawPath != "" || r.ContentLength != 0 || r.Header[restTimeoutHeader] != nil {
		return "", false
	}
	iccid, begins := strings.CutPrefix(r.URL.Path, pathBegin)
	iccid, ends := strings.CutSuffix(iccid, pathEnd)
	if _, err := jasperclient.ParseICCID(iccid); err != nil || !begins || !ends {
		return "", false
	}
	return iccid, true
}

// answer answers a plain question.
func (g *gateway) answer(w http.ResponseWriter, rec *record, req *usagev1.GetDeviceUsageInZoneRequest) {
	reply, err := g.way.ask(rec, rec, req)
	if err != nil {
		writeFailure(w, rec, status.Convert(err), 0)
		return
	}
	header := w.Header()
	rec.writeHeader(header)
	header["Content-Type"] = jsonType
	header["Content-Length"] = []string{strconv.Itoa(len(reply.json))}
	_, _ = w.Write(reply.json) // fails when the caller left
}
