package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

// noHeader lets no header through.
func noHeader(string) (string, bool) { return "", false }

// inProcess is grpc-gateway's client connection, which calls the passage directly.
type inProcess struct{ passage *passage }

// Invoke implements grpc.ClientConnInterface. The reply stays in the record, already encoded.
func (c inProcess) Invoke(ctx context.Context, _ string, args, _ any, _ ...grpc.CallOption) (err error) {
	rec := recordOf(ctx)
	rec.answer, err = c.passage.ask(ctx, rec, args.(*usagev1.GetDeviceUsageInZoneRequest))
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

// restMethod is the method that the only path calls.
const restMethod = usagev1.UsageService_GetDeviceUsageInZone_FullMethodName

// maxQueryBytes is far above any query: a date and two names, percent-encoded.
const maxQueryBytes = 8 << 10

// check refuses what grpc-gateway would silently ignore, before the question is asked.
func (d *restDoor) check(next runtime.HandlerFunc) runtime.HandlerFunc {
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
		_, err := validate(rec, req)
		if more, ok := errors.AsType[*requestError](err); ok {
			bad.violations = append(bad.violations, more.violations...)
		}
		if len(bad.violations) == 0 {
			next(w, r, path)
			return
		}
		d.refuse(w, r, req, &bad)
	}
}

func (d *restDoor) refuse(w http.ResponseWriter, r *http.Request, req *usagev1.GetDeviceUsageInZoneRequest, bad error) {
	rec := recordOf(r.Context())
	writeFailure(w, rec, status.Convert(d.passage.refuse(r.Context(), rec, req, bad)), 0)
}
