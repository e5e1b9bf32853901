package service

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// A restDoor answers REST with grpc-gateway, and adds the rules that grpc-gateway lacks. Its calls take the same passage as
// gRPC calls.
type restDoor struct {
	mux     *runtime.ServeMux
	passage *passage
	origins origins
}

func newRESTDoor(p *passage, o origins) (*restDoor, error) {
	d := &restDoor{passage: p, origins: o}
	d.mux = runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, answerJSON{&runtime.JSONPb{}}),
		runtime.WithForwardResponseRewriter(func(ctx context.Context, _ proto.Message) (any, error) { return recordOf(ctx).answer, nil }),
		runtime.WithForwardResponseOption(writeHeader),
		runtime.WithIncomingHeaderMatcher(noHeader), // the record has them
		runtime.WithOutgoingHeaderMatcher(noHeader),
		runtime.WithOutgoingTrailerMatcher(noHeader),
		runtime.WithMiddlewares(d.check),
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptReserved), // %2F is not a separator
		runtime.WithErrorHandler(d.writeError),
		runtime.WithRoutingErrorHandler(d.writeRoutingError),
		runtime.WithDisablePathLengthFallback(), // and with it X-HTTP-Method-Override
		runtime.WithWriteContentLength(),
	)
	return d, usagev1.RegisterUsageServiceHandlerClient(context.Background(), d.mux, usagev1.NewUsageServiceClient(inProcess{p}))
}

// ServeHTTP implements http.Handler.
func (d *restDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, rec := newRESTRecord(r, doorREST)
	beginReply(w, r)
	if bad := d.origins.check(r); bad != nil {
		writeFailure(w, rec, status.Convert(d.passage.refuse(ctx, rec, &usagev1.GetDeviceUsageInZoneRequest{}, bad)), 0)
		return
	}
	if iccid, ok := plainQuestion(r); ok {
		rec.method = restMethod
		d.answerPlain(ctx, w, rec, &usagev1.GetDeviceUsageInZoneRequest{Iccid: iccid})
		return
	}
	r.Header.Del("TE") // trailers are not passed on
	d.mux.ServeHTTP(w, r.WithContext(ctx))
}

// beginReply sets the headers that all replies have.
func beginReply(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header["Cache-Control"], header["X-Content-Type-Options"] = noStore, noSniff
	if r.ContentLength != 0 {
		header.Set("Connection", "close") // no method takes a body, so the reply does not wait for its end
	}
}

var (
	noStore  = []string{"no-store"}
	noSniff  = []string{"nosniff"}
	jsonType = []string{"application/json"}
)

// A question's path, before and after its ICCID.
const (
	pathBegin = "/v1/devices/"
	pathEnd   = "/usageInZone"
)

// plainQuestion reads a request that gives nothing but the ICCID, as most do: grpc-gateway's part would take as long again
// as the answer.
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

// answerPlain answers a plain question without grpc-gateway.
func (d *restDoor) answerPlain(
	ctx context.Context, w http.ResponseWriter, rec *record, req *usagev1.GetDeviceUsageInZoneRequest,
) {
	reply, err := d.passage.ask(ctx, rec, req)
	if err != nil {
		writeFailure(w, rec, status.Convert(err), 0)
		return
	}
	header := w.Header()
	rec.writeHeader(header)
	header["Content-Type"] = jsonType
	header["Content-Length"] = []string{strconv.Itoa(len(reply.json))}
	_, _ = w.Write(reply.json) // fails if the caller has left
}
