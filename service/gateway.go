package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// A gateway is the REST door: grpc-gateway, with the rules that it lacks. Its calls pass what gRPC's do.
type gateway struct {
	mux *runtime.ServeMux
	way *passage
}

func newGateway(way *passage) (*gateway, error) {
	g := &gateway{way: way}
	g.mux = runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, answerJSON{&runtime.JSONPb{}}),
		runtime.WithForwardResponseRewriter(func(ctx context.Context, _ proto.Message) (any, error) { return recordOf(ctx).reply, nil }),
		runtime.WithForwardResponseOption(writeHeader),
		runtime.WithIncomingHeaderMatcher(none), // the record has them
		runtime.WithOutgoingHeaderMatcher(none),
		runtime.WithOutgoingTrailerMatcher(none),
		runtime.WithMiddlewares(g.check),
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptReserved), // %2F separates nothing
		runtime.WithErrorHandler(g.writeError),
		runtime.WithRoutingErrorHandler(g.writeRoutingError),
		runtime.WithDisablePathLengthFallback(), // and with it X-HTTP-Method-Override
		runtime.WithWriteContentLength(),
	)
	return g, usagev1.RegisterUsageServiceHandlerClient(context.Background(), g.mux, usagev1.NewUsageServiceClient(inProcess{way}))
}

// none lets no header through.
func none(string) (string, bool) { return "", false }

// inProcess is how the gateway calls: what it calls is the passage, with no connection between.
type inProcess struct{ way *passage }

// Invoke implements grpc.ClientConnInterface. The reply stays in the record, as the bytes that are to be written.
func (c inProcess) Invoke(ctx context.Context, _ string, args, _ any, _ ...grpc.CallOption) (err error) {
	rec := recordOf(ctx)
	rec.reply, err = c.way.ask(ctx, rec, args.(*usagev1.GetDeviceUsageInZoneRequest))
	return err
}

// NewStream implements grpc.ClientConnInterface; no method is a stream.
func (inProcess) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Error(codes.Unimplemented, "UsageService has no streams")
}

// writeHeader is a runtime.WithForwardResponseOption.
func writeHeader(ctx context.Context, w http.ResponseWriter, _ proto.Message) error {
	recordOf(ctx).writeHeader(w.Header())
	return nil
}

// restMethod is the method of the one path that there is.
const restMethod = usagev1.UsageService_GetDeviceUsageInZone_FullMethodName

// maxQueryBytes is far above any query: a date and two names, percent-encoded.
const maxQueryBytes = 8 << 10

// ServeHTTP implements http.Handler.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := &record{
		Context:   r.Context(),
		start:     time.Now(),
		requestID: acceptRequestID(r.Header[headerRequestID.rest]),
		door:      doorREST,
		peer:      hostOf(r.RemoteAddr),
		sent:      sent{rest: r.Header},
		tls:       r.TLS,
	}
	rec.host = rec.peer
	header := w.Header()
	header["Cache-Control"], header["X-Content-Type-Options"] = noStore, noSniff
	if iccid, ok := plainQuestion(r); ok {
		rec.method = restMethod
		g.answer(w, rec, &usagev1.GetDeviceUsageInZoneRequest{Iccid: iccid})
		return
	}
	if r.ContentLength != 0 {
		header.Set("Connection", "close") // no method takes a body, so the reply waits for none
	}
	r.Header.Del("TE") // no trailer is passed on
	g.mux.ServeHTTP(w, r.WithContext(rec))
}

// What every reply says.
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

// check refuses what the gateway would pass over in silence, before the gRPC server is called.
func (g *gateway) check(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, path map[string]string) {
		rec := recordOf(r.Context())
		rec.method = restMethod
		var bad requestError
		if r.ContentLength != 0 {
			bad.violate("body", errors.New("GET takes no body; leave it out"))
		}
		if n := len(r.URL.RawQuery); n > maxQueryBytes {
			bad.violate("query", fmt.Errorf("it has %d bytes; give at most %d", n, maxQueryBytes))
			r.URL.RawQuery = ""
		}
		if err := rec.takeTimeout(r.Header); err != nil {
			bad.violate(restTimeoutHeader, err)
		}
		req := readQuery(r.URL.RawQuery, &bad)
		req.Iccid = path[string(iccidField)]
		more := new(requestError)
		if _, err := validate(rec, req); errors.As(err, &more) {
			bad.violations = append(bad.violations, more.violations...)
		}
		if len(bad.violations) == 0 {
			next(w, r, path)
			return
		}
		g.refuse(w, r, req, &bad)
	}
}

// refuse refuses a bad request, but tells a caller who may not ask nothing but that.
func (g *gateway) refuse(w http.ResponseWriter, r *http.Request, req *usagev1.GetDeviceUsageInZoneRequest, bad error) {
	rec := recordOf(r.Context())
	err := cmp.Or(g.way.keeper.let(r.Context(), rec, req), bad)
	st := toStatus(err, jasperclient.UsageQuery{})
	g.way.log.end(rec, &callError{st, err})
	writeFailure(w, rec, st, 0)
}

// writeRoutingError answers a request for which there is no method of the service.
func (g *gateway) writeRoutingError(
	ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, httpStatus int,
) {
	st := status.New(codes.InvalidArgument, "the path is malformed")
	switch httpStatus {
	case http.StatusNotFound:
		st = status.New(codes.NotFound, "there is no such path; usage is at /v1/devices/{iccid}/usageInZone")
	case http.StatusMethodNotAllowed:
		recordOf(ctx).method = restMethod
		st = status.New(codes.Unimplemented, "the path has no such method; use GET")
		w.Header().Set("Allow", http.MethodGet)
	}
	st = withInvalidRequest(st)
	g.way.log.end(recordOf(ctx), &callError{st, errors.New(st.Message())})
	writeFailure(w, recordOf(ctx), st, httpStatus)
}

// withInvalidRequest adds the reason INVALID_REQUEST to a status of the REST door's own.
func withInvalidRequest(st *status.Status) *status.Status {
	detailed, err := st.WithDetails(details(
		usagev1.ErrorReason_ERROR_REASON_INVALID_REQUEST, &requestError{}, jasperclient.UsageQuery{})[0])
	if err != nil {
		return st
	}
	return detailed
}

// writeError answers a call that failed, or a path that the gateway cannot read.
func (g *gateway) writeError(
	ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error,
) {
	rec, st := recordOf(ctx), restStatus(err)
	if _, called := runtime.ServerMetadataFromContext(ctx); !called {
		// Of the others the passage tells.
		g.way.log.end(rec, &callError{st, err})
	}
	writeFailure(w, rec, st, 0)
}

// writeFailure writes the status as the body and what a program looks for first as HTTP status, where it is 0 that of the
// code, and Retry-After.
func writeFailure(w http.ResponseWriter, rec *record, st *status.Status, httpStatus int) {
	header := w.Header()
	rec.writeHeader(header)
	if st.Code() == codes.Unauthenticated {
		header.Set("WWW-Authenticate", challenge(st))
	}
	if delay, ok := retryDelay(st); ok {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(delay.Seconds()))))
	}
	body, err := marshalJSON(protojson.MarshalOptions{}, st.Proto())
	if err != nil {
		body = nil // its details are all linked in
	}
	header["Content-Type"] = jsonType
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(cmp.Or(httpStatus, runtime.HTTPStatusFromCode(st.Code())))
	_, _ = w.Write(body) // fails when the caller left
}

// challenge says how to authenticate (RFC 6750, section 3).
func challenge(st *status.Status) string {
	const bearer = `Bearer realm="zoneusage"`
	if info, _ := detailOf[*errdetails.ErrorInfo](st); info.GetReason() == shortReason(usagev1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING) {
		return bearer
	}
	return bearer + `, error="invalid_token"`
}

// restStatus is the error's status with the reason that grpc-go's and the gateway's own statuses lack.
func restStatus(err error) *status.Status {
	st := status.Convert(err)
	if _, ok := detailOf[*errdetails.ErrorInfo](st); ok {
		return st
	}
	switch st.Code() {
	case codes.Canceled:
		return toStatus(context.Canceled, jasperclient.UsageQuery{})
	case codes.DeadlineExceeded:
		return toStatus(context.DeadlineExceeded, jasperclient.UsageQuery{})
	case codes.InvalidArgument: // an escape in the path that the gateway cannot read
		bad := &requestError{}
		bad.violate("request", errors.New(st.Message()))
		return toStatus(bad, jasperclient.UsageQuery{})
	}
	return toStatus(err, jasperclient.UsageQuery{})
}
