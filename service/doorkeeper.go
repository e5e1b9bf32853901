package service

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"

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
	guard        *callers.Guard
	certificates *certificates.Certificates // nil without TLS
	usage        *UsageService              // for the accounts' names
	strangers    *atomic.Int64              // who watch the service's health
}

type callerKey struct{}

// callerFrom is the caller that a doorkeeper let in; nil where there was none.
func callerFrom(ctx context.Context) *callers.Caller {
	caller, _ := ctx.Value(callerKey{}).(*callers.Caller)
	return caller
}

// unary lets a call in, or refuses it before anything is done for it.
func (d doorkeeper) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if check, ok := req.(*healthpb.HealthCheckRequest); ok && isPublicHealth(check.GetService()) {
		return handler(ctx, req)
	}
	if question, ok := req.(*usagev1.GetDeviceUsageInZoneRequest); ok {
		d.name(ctx, question)
	}
	caller, err := d.admit(ctx, d.credentialsOf(ctx))
	if err == nil {
		err = d.allowRequest(caller, req)
	}
	if err != nil {
		return nil, fail(ctx, err, jasperclient.UsageQuery{})
	}
	return handler(context.WithValue(ctx, callerKey{}, caller), req)
}

// name writes the default account's name into a question without one: a moment later another account could be the default
// one. The log has the account of a refused question too, if there is one of this name.
func (d doorkeeper) name(ctx context.Context, question *usagev1.GetDeviceUsageInZoneRequest) {
	if account := d.usage.account(question.GetAccount()); account != nil {
		question.Account = account.Name
		recordOf(ctx).account = account.Name
	}
}

// allowRequest fails where the caller may not make the request.
func (d doorkeeper) allowRequest(caller *callers.Caller, req any) error {
	switch req := req.(type) {
	case *usagev1.GetDeviceUsageInZoneRequest:
		return d.allow(caller, req.GetAccount())
	case *healthpb.HealthCheckRequest:
		return d.allowHealth(caller, req.GetService())
	case *healthpb.HealthListRequest:
		return d.allow(caller, anyAccount)
	}
	return nil
}

// admit finds the caller, and counts the call.
func (d doorkeeper) admit(ctx context.Context, shown callers.Credentials) (*callers.Caller, error) {
	caller, err := d.guard.Identify(ctx, shown)
	if err != nil {
		return nil, err
	}
	if caller.Listed { // else it is the peer, which the log has
		rec := recordOf(ctx)
		rec.caller, rec.subject = caller.Name, caller.Subject
	}
	return caller, caller.Take()
}

// anyAccount is no account's name: who may ask it may ask all of them.
const anyAccount = "*"

// allow fails where the caller may not ask the account, whether there is one of this name or not.
func (d doorkeeper) allow(caller *callers.Caller, name string) error {
	if caller.May(cmp.Or(name, d.usage.account("").Name)) {
		return nil
	}
	return &callers.NotAllowedError{Why: fmt.Sprintf("the policy gives %s no account %.100q", caller.Name, name)}
}

// credentialsOf is what a call to the gRPC server shows of its caller, through whichever door it came.
func (d doorkeeper) credentialsOf(ctx context.Context) callers.Credentials {
	_, addr := originOf(ctx)
	shown := callers.Credentials{Host: hostOf(addr), Authorization: metadata.ValueFromIncomingContext(ctx, authorizationHeader)}
	from, ok := peer.FromContext(ctx)
	switch {
	case !ok:
	case isInProcess(from.Addr):
		shown.Certificate = metadata.ValueFromIncomingContext(ctx, certificateHeader)
	default:
		if tls, ok := from.AuthInfo.(credentials.TLSInfo); ok {
			shown.Certificate = d.certificates.ClientNames(&tls.State)
		}
	}
	return shown
}

// restCredentials is what a REST request shows of its caller.
func (d doorkeeper) restCredentials(r *http.Request) callers.Credentials {
	return callers.Credentials{
		Host: hostOf(r.RemoteAddr), Authorization: r.Header.Values(authorizationHeader), Certificate: d.restNames(r),
	}
}

// restNames are the names in the certificate of a REST request's caller; none where it has none.
func (d doorkeeper) restNames(r *http.Request) []string {
	if r.TLS == nil {
		return nil
	}
	return d.certificates.ClientNames(r.TLS)
}

// passCertificate is a runtime.WithMetadata: it takes the certificate's names from door to door.
func (d doorkeeper) passCertificate(_ context.Context, r *http.Request) metadata.MD {
	if names := d.restNames(r); names != nil {
		return metadata.MD{certificateHeader: names}
	}
	return nil
}

// refuseUnsendable keeps an authorization that cannot be passed on one that is no good: the gateway would leave it out, and
// the caller would be who another one, or its certificate, says.
func refuseUnsendable(header http.Header) {
	if slices.ContainsFunc(header.Values(authorizationHeader), isUnsendable) {
		header.Set(authorizationHeader, "unreadable")
	}
}
