package service

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"

	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/callers"
	"github.com/zoneusage/zoneusage/internal/certificates"
)

// A doorkeeper decides who may call.
type doorkeeper struct {
	guard        *callers.Guard
	certificates *certificates.Certificates // nil without TLS
	usage        *UsageService              // for the accounts' names
	strangers    *atomic.Int64              // how many unknown callers watch the service's health
}

// authorize lets in a question and writes its account into it, or refuses it before anything is done for it.
func (d doorkeeper) authorize(ctx context.Context, rec *record, req *usagev1.GetDeviceUsageInZoneRequest) error {
	d.resolveAccount(rec, req)
	caller, err := d.admit(ctx, rec)
	if err != nil {
		return err
	}
	if rec.door == doorLegacy {
		d.assignAccount(rec, caller, req)
	}
	err = d.allow(caller, req.GetAccount())
	rec.allowed = err == nil
	return err
}

// resolveAccount writes the default account's name into a question without one: a moment later another account could be the
// default. It comes before the caller is known, so that the log has the account of a refused question too, if it exists.
func (d doorkeeper) resolveAccount(rec *record, req *usagev1.GetDeviceUsageInZoneRequest) {
	if account := d.usage.account(req.GetAccount()); account != nil {
		req.Account, rec.account = account.Name, account.Name
	}
}

// assignAccount writes the caller's own account into a question that cannot name one.
func (d doorkeeper) assignAccount(rec *record, caller *callers.Caller, req *usagev1.GetDeviceUsageInZoneRequest) {
	req.Account, rec.account = caller.Account(req.GetAccount()), ""
	if account := d.usage.account(req.GetAccount()); account != nil {
		rec.account = account.Name
	}
}

// authorizeHealth lets in a call of health. The health of the service itself is for everybody.
func (d doorkeeper) authorizeHealth(ctx context.Context, rec *record, req any) error {
	check, ok := req.(*healthpb.HealthCheckRequest)
	if ok && isPublicHealth(check.GetService()) {
		return nil
	}
	caller, err := d.admit(ctx, rec)
	switch {
	case err != nil:
		return err
	case ok:
		return d.allowHealth(caller, check.GetService())
	}
	return d.allow(caller, anyAccount) // List shows the health of all accounts
}

// admit identifies the caller and counts the call.
func (d doorkeeper) admit(ctx context.Context, rec *record) (*callers.Caller, error) {
	caller, err := d.identify(ctx, rec)
	if err != nil {
		return nil, err
	}
	if caller.Listed { // an unlisted caller is the peer, which the log has anyway
		rec.caller, rec.subject = caller.Name, caller.Subject
	}
	return caller, caller.CountRequest()
}

func (d doorkeeper) identify(ctx context.Context, rec *record) (*callers.Caller, error) {
	shown := callers.Credentials{Host: rec.host, Authorization: rec.headers.get(headerAuthorization)}
	if rec.door == doorLegacy {
		return d.guard.IdentifyBasic(shown)
	}
	shown.Certificate = d.certificate(rec)
	return d.guard.Identify(ctx, shown)
}

// certificate returns the names in the caller's certificate, if it has one.
func (d doorkeeper) certificate(rec *record) []string {
	if rec.tls != nil {
		return d.certificates.ClientNames(rec.tls)
	}
	if info, ok := rec.auth.(credentials.TLSInfo); ok {
		return d.certificates.ClientNames(&info.State)
	}
	return nil
}

// anyAccount is not an account's name: a caller that may ask it may ask all accounts.
const anyAccount = "*"

// allow fails if the caller may not ask the account, whether an account of this name exists or not.
func (d doorkeeper) allow(caller *callers.Caller, name string) error {
	if caller.MayAsk(cmp.Or(name, d.usage.account("").Name)) {
		return nil
	}
	return &callers.NotAllowedError{Why: fmt.Sprintf("the policy gives %s no account %.100q", caller.Name, name)}
}
