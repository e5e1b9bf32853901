package service

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/errordetail"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// writeRoutingError answers a request that matches no method of the service.
func (d *restDoor) writeRoutingError(
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
	d.passage.log.end(recordOf(ctx), &callError{st, errors.New(st.Message())})
	writeFailure(w, recordOf(ctx), st, httpStatus)
}

// withInvalidRequest adds the reason INVALID_REQUEST to a status that a door made itself.
func withInvalidRequest(st *status.Status) *status.Status {
	detailed, err := st.WithDetails(details(
		usagev1.ErrorReason_ERROR_REASON_INVALID_REQUEST, &requestError{}, jasperclient.UsageQuery{})[0])
	if err != nil {
		return st
	}
	return detailed
}

// writeError answers a call that failed, or a path that grpc-gateway cannot read.
func (d *restDoor) writeError(
	ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error,
) {
	rec, st := recordOf(ctx), restStatus(err)
	if _, called := runtime.ServerMetadataFromContext(ctx); !called {
		// The passage logs all others.
		d.passage.log.end(rec, &callError{st, err})
	}
	writeFailure(w, rec, st, 0)
}

// writeFailure writes the status as the body, with httpStatus (0: the code's own) and Retry-After.
func writeFailure(w http.ResponseWriter, rec *record, st *status.Status, httpStatus int) {
	header := w.Header()
	rec.writeHeader(header)
	if st.Code() == codes.Unauthenticated {
		header.Set("WWW-Authenticate", challenge(st))
	}
	writeRetryAfter(header, st)
	body, err := marshalJSON(protojson.MarshalOptions{}, st.Proto())
	if err != nil {
		body = nil // it cannot fail: the types of all details are linked in
	}
	header["Content-Type"] = jsonType
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(cmp.Or(httpStatus, runtime.HTTPStatusFromCode(st.Code())))
	_, _ = w.Write(body) // fails if the caller has left
}

// writeRetryAfter sets Retry-After if the status says when to ask again.
func writeRetryAfter(header http.Header, st *status.Status) {
	if delay, ok := retryDelay(st); ok {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(delay.Seconds()))))
	}
}

// challenge says how to authenticate (RFC 6750, section 3).
func challenge(st *status.Status) string {
	const bearer = `Bearer realm="zoneusage"`
	if info, _ := errordetail.Of[*errdetails.ErrorInfo](st); info.GetReason() == shortReason(usagev1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING) {
		return bearer
	}
	return bearer + `, error="invalid_token"`
}

// restStatus is the error's status with a reason, which the statuses of grpc-go and grpc-gateway lack.
func restStatus(err error) *status.Status {
	st := status.Convert(err)
	if _, ok := errordetail.Of[*errdetails.ErrorInfo](st); ok {
		return st
	}
	switch st.Code() {
	case codes.Canceled:
		return toStatus(context.Canceled, jasperclient.UsageQuery{})
	case codes.DeadlineExceeded:
		return toStatus(context.DeadlineExceeded, jasperclient.UsageQuery{})
	case codes.InvalidArgument: // an escape in the path that grpc-gateway cannot read
		bad := &requestError{}
		bad.violate("request", errors.New(st.Message()))
		return toStatus(bad, jasperclient.UsageQuery{})
	}
	return toStatus(err, jasperclient.UsageQuery{})
}
