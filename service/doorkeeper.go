package service

import (
	"context"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/callers"
	"github.com/zoneusage/zoneusage/internal/certificates"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// certificateHeader carries the names in a REST caller's certificate between the doors.
const certificateHeader = "x-rest-certificate-bin"

// authorizationHeader is where callers show their tokens.
const authorizationHeader = "authorization"

// A doorkeeper lets in who may call.
type doorkeeper struct {
	guard *callers.Guard
	usage *UsageService // for the default account's name
}

type callerKey struct{}

// callerFrom is the caller that a doorkeeper let in; nil where there was none.
func callerFrom(ctx context.Context) *callers.Caller {
	caller, _ := ctx.Value(callerKey{}).(*callers.Caller)
	return caller
}

// unary lets a call in, or refuses it before anything is done for it. Health is for everybody.
func (d doorkeeper) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if isHealth(info.FullMethod) {
		return handler(ctx, req)
	}
	caller, err := d.admit(ctx, credentialsOf(ctx))
	if question, ok := req.(*usagev1.GetDeviceUsageInZoneRequest); ok && err == nil {
		err = d.allow(caller, question.GetAccount())
	}
	if err != nil {
		return nil, fail(ctx, err, jasperclient.UsageQuery{})
	}
	return handler(context.WithValue(ctx, callerKey{}, caller), req)
}

// stream does so with a stream, of health or of reflection.
func (d doorkeeper) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if !isHealth(info.FullMethod) {
		if _, err := d.admit(stream.Context(), credentialsOf(stream.Context())); err != nil {
			return fail(stream.Context(), err, jasperclient.UsageQuery{})
		}
	}
	return handler(srv, stream)
}

func isHealth(method string) bool {
	return strings.HasPrefix(method, "/"+healthpb.Health_ServiceDesc.ServiceName+"/")
}

// admit finds the caller, and counts the call.
func (d doorkeeper) admit(ctx context.Context, shown callers.Credentials) (*callers.Caller, error) {
	caller, err := d.guard.Identify(ctx, shown)
	if err != nil {
		return nil, err
	}
	if caller.Listed { // else it is the peer, which the log has
		recordOf(ctx).caller = caller.Name
	}
	return caller, caller.Take()
}

// allow fails where the caller may not ask the account, whether there is one of this name or not.
func (d doorkeeper) allow(caller *callers.Caller, name string) error {
	if name == "" {
		name = d.usage.account("").Name
	}
	if caller.May(name) {
		return nil
	}
	return &callers.NotAllowedError{Why: "the policy gives " + caller.Name + " no account " + name}
}

// credentialsOf is what a call to the gRPC server shows of its caller, through whichever door it came.
func credentialsOf(ctx context.Context) callers.Credentials {
	_, addr := originOf(ctx)
	shown := callers.Credentials{Host: hostOf(addr), Authorization: metadata.ValueFromIncomingContext(ctx, authorizationHeader)}
	from, ok := peer.FromContext(ctx)
	switch {
	case !ok:
	case isInProcess(from.Addr):
		shown.Certificate = metadata.ValueFromIncomingContext(ctx, certificateHeader)
	default:
		if tls, ok := from.AuthInfo.(credentials.TLSInfo); ok && len(tls.State.VerifiedChains) > 0 {
			shown.Certificate = certificates.Names(tls.State.VerifiedChains[0][0])
		}
	}
	return shown
}

// restCredentials is what a REST request shows of its caller.
func restCredentials(r *http.Request) callers.Credentials {
	shown := callers.Credentials{Host: hostOf(r.RemoteAddr), Authorization: r.Header.Values(authorizationHeader)}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		shown.Certificate = certificates.Names(r.TLS.VerifiedChains[0][0])
	}
	return shown
}

// passCertificate is a runtime.WithMetadata: it takes the certificate's names from door to door.
func passCertificate(_ context.Context, r *http.Request) metadata.MD {
	if names := restCredentials(r).Certificate; names != nil {
		return metadata.MD{certificateHeader: names}
	}
	return nil
}
