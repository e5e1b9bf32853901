package service

import (
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
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// A gateway is the REST door: grpc-gateway in front of the gRPC server, with the rules that it lacks.
type gateway struct {
	mux    *runtime.ServeMux
	log    accessLog
	keeper doorkeeper
}

func newGateway(conn grpc.ClientConnInterface, log accessLog, keeper doorkeeper) (*gateway, error) {
	g := &gateway{log: log, keeper: keeper}
	g.mux = runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &stableJSON{}),
		runtime.WithIncomingHeaderMatcher(only(headerRequestID, headerClass, timeoutHeader, headerTraceParent, headerTraceState)),
		runtime.WithOutgoingHeaderMatcher(only(replyHeaders...)), // ServeHTTP sets what every reply has
		runtime.WithOutgoingTrailerMatcher(only()),
		runtime.WithMetadata(keeper.passCertificate),
		runtime.WithMiddlewares(g.check),
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptReserved), // %2F separates nothing
		runtime.WithErrorHandler(g.writeError),
		runtime.WithRoutingErrorHandler(g.writeRoutingError),
		runtime.WithDisablePathLengthFallback(), // and with it X-HTTP-Method-Override
		runtime.WithWriteContentLength(),
	)
	// Through the connection, not the handler: so REST passes the interceptors.
	return g, usagev1.RegisterUsageServiceHandlerClient(context.Background(), g.mux, usagev1.NewUsageServiceClient(conn))
}

// replyHeaders are those of the gRPC server's that REST replies have too.
var replyHeaders = []string{headerAccount, headerSource, headerAge}

// only lets the headers of these names through, under the same name.
func only(names ...string) runtime.HeaderMatcherFunc {
	return func(name string) (string, bool) {
		for _, allowed := range names {
			if strings.EqualFold(name, allowed) {
				return allowed, true
			}
		}
		return "", false
	}
}

// restMethod is the method of the one path that there is.
const restMethod = usagev1.UsageService_GetDeviceUsageInZone_FullMethodName

// maxQueryBytes is far above any query: a date and two names, percent-encoded.
const maxQueryBytes = 8 << 10

// ServeHTTP implements http.Handler.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := acceptRequestID(r.Header.Get(headerRequestID))
	r.Header.Set(headerRequestID, id)
	dropUnsendable(r.Header, headerTraceParent, headerTraceState)
	refuseUnsendable(r.Header)
	if r.ContentLength != 0 {
		w.Header().Set("Connection", "close") // no method takes a body, so the reply waits for none
	}
	r.Header.Del("TE") // no trailer is passed on
	w.Header().Set(headerRequestID, id)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	rec := &record{start: time.Now(), requestID: id, door: doorREST, peer: hostOf(r.RemoteAddr)}
	g.mux.ServeHTTP(w, r.WithContext(withRecord(r.Context(), rec)))
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
		if err := passTimeout(r.Header); err != nil {
			bad.violate(restTimeoutHeader, err)
		}
		req := readQuery(r.URL.RawQuery, &bad)
		req.Iccid = path[string(iccidField)]
		// Here already, because the in-process client cannot send what is not UTF-8, or in headers not ASCII.
		more := new(requestError)
		ctx := metadata.NewIncomingContext(r.Context(), metadata.MD{headerClass: r.Header.Values(headerClass)})
		if _, err := validate(ctx, req); errors.As(err, &more) {
			bad.violations = append(bad.violations, more.violations...)
		}
		if len(bad.violations) == 0 {
			next(w, r, path)
			return
		}
		err := g.admit(w, r, req.GetAccount())
		if err == nil {
			err = &bad
		}
		g.writeError(r.Context(), g.mux, nil, w, r, &callError{toStatus(err, jasperclient.UsageQuery{}), err})
	}
}

// admit lets in the caller of a request that the gRPC server, whose interceptors let in the others, will not see.
func (g *gateway) admit(w http.ResponseWriter, r *http.Request, name string) error {
	account := g.keeper.usage.account(name)
	if account != nil {
		recordOf(r.Context()).account = account.Name
	}
	caller, err := g.keeper.admit(r.Context(), g.keeper.restCredentials(r))
	if err == nil {
		err = g.keeper.allow(caller, name)
	}
	if err == nil && account != nil {
		w.Header().Set(headerAccount, account.Name)
	}
	return err
}

// writeRoutingError answers a request for which there is no method of the service.
func (g *gateway) writeRoutingError(
	ctx context.Context, mux *runtime.ServeMux, marshaler runtime.Marshaler, w http.ResponseWriter, r *http.Request, httpStatus int,
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
	refused := &callError{withInvalidRequest(st), errors.New(st.Message())}
	g.writeError(ctx, mux, marshaler, w, r, &runtime.HTTPStatusError{HTTPStatus: httpStatus, Err: refused})
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

// writeError writes the status as the body and what a program looks for first as HTTP status and Retry-After.
func (g *gateway) writeError(
	ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error,
) {
	httpStatus := 0
	if routed := (*runtime.HTTPStatusError)(nil); errors.As(err, &routed) {
		httpStatus, err = routed.HTTPStatus, routed.Err
	}
	st := restStatus(err)
	if httpStatus == 0 {
		httpStatus = runtime.HTTPStatusFromCode(st.Code())
	}
	answered, called := runtime.ServerMetadataFromContext(ctx)
	if !called {
		// Of the others the gRPC server's interceptors tell.
		g.log.end(ctx, recordOf(ctx), &callError{st, err})
	}
	for _, name := range replyHeaders {
		for _, value := range answered.HeaderMD.Get(name) {
			w.Header().Set(name, value)
		}
	}
	if st.Code() == codes.Unauthenticated {
		w.Header().Set("WWW-Authenticate", challenge(st))
	}
	if delay, ok := retryDelay(st); ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(delay.Seconds()))))
	}
	body, err := marshalJSON(protojson.MarshalOptions{}, st.Proto())
	if err != nil {
		g.log.ErrorContext(ctx, "a status cannot be written", "cause", err.Error()) // its details are all linked in
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(httpStatus)
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
