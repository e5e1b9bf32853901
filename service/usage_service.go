// Package service is jasper.usage.v1.UsageService: it asks Control Center through jasperclient, converts its answers into
// typed messages, and serves them over gRPC and, through grpc-gateway, as JSON over HTTP.
package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// UsageService implements usagev1.UsageServiceServer for Control Center accounts.
type UsageService struct {
	usagev1.UnimplementedUsageServiceServer

	cfg      AnswerConfig
	mu       sync.Mutex // held while the accounts are replaced
	accounts atomic.Pointer[accounts]
	changed  chan struct{} // receives after the accounts were replaced
}

// accounts are the accounts at one time.
type accounts struct {
	byName         map[string]*account
	defaultAccount *account
}

// New makes the service of the accounts; the first is the default one. Their names are shown with replies.
func New(cfg AnswerConfig, all ...Account) (*UsageService, error) {
	s := &UsageService{cfg: cfg, changed: make(chan struct{}, 1)}
	s.accounts.Store(&accounts{})
	if err := s.SetAccounts(all...); err != nil {
		return nil, err
	}
	return s, nil
}

// SetAccounts replaces the accounts. An account that keeps its name and its client keeps its answers. SetAccounts fails, and
// changes nothing, if there is no account, an account lacks a name or a client, or two accounts have the same name.
func (s *UsageService) SetAccounts(all ...Account) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := &accounts{byName: map[string]*account{}}
	for _, a := range all {
		switch {
		case a.Name == "" || a.Client == nil:
			return errors.New("service: an account needs a name and a client")
		case next.byName[a.Name] != nil:
			return fmt.Errorf("service: two accounts have the name %q", a.Name)
		}
		kept := s.accounts.Load().byName[a.Name]
		if kept == nil || kept.Client != a.Client {
			kept = newAccount(a, s.cfg)
		}
		next.byName[a.Name] = kept
		next.defaultAccount = cmp.Or(next.defaultAccount, kept)
	}
	if next.defaultAccount == nil {
		return errors.New("service: there is no account")
	}
	for _, a := range next.byName {
		a.answers.SetMaximum(max(s.cfg.CacheBytes/uint64(len(next.byName)), 1)) // 0 would be no bound
	}
	s.accounts.Store(next)
	select {
	case s.changed <- struct{}{}:
	default: // whoever looks next sees this change, too
	}
	return nil
}

// account returns the account of a name, the default one for "", or nil.
func (s *UsageService) account(name string) *account {
	all := s.accounts.Load()
	if name == "" {
		return all.defaultAccount
	}
	return all.byName[name]
}

// DefaultAccount is the name of the account that is asked if a question names none.
func (s *UsageService) DefaultAccount() string { return s.account("").Name }

// GetDeviceUsageInZone implements usagev1.UsageServiceServer, for a program with a gRPC server of its own. A [Server] sends
// the same answers without making a message of each.
func (s *UsageService) GetDeviceUsageInZone(
	ctx context.Context, req *usagev1.GetDeviceUsageInZoneRequest,
) (*usagev1.GetDeviceUsageInZoneResponse, error) {
	rec := recordOf(ctx)
	reply, err := s.answer(ctx, rec, req)
	if err != nil {
		return nil, withTrailer(ctx, rec, err)
	}
	if err := grpc.SetHeader(ctx, newReplyHeader().of(rec)); err != nil {
		return nil, fail(ctx, err, jasperclient.UsageQuery{})
	}
	return reply.response()
}

// answer answers a question whose caller was let in, and notes where the answer is from.
func (s *UsageService) answer(ctx context.Context, rec *record, req *usagev1.GetDeviceUsageInZoneRequest) (*answer, error) {
	account := s.account(req.GetAccount())
	if account != nil {
		rec.account = account.Name
	}
	q, err := validate(rec, req)
	rec.bulk = q.caller.Bulk
	if err == nil && account == nil {
		err = &unknownAccountError{req.GetAccount()}
	}
	if err == nil {
		err = rec.endErr(ctx) // a caller that has left costs no call
	}
	if err != nil {
		return nil, fail(ctx, err, q.query)
	}
	found := account.ask(ctx, rec, q)
	if rec.door == doorLegacy {
		found = found.withoutTotals()
	}
	rec.setSource(found)
	if found.err != nil {
		return nil, fail(ctx, found.err, q.query)
	}
	return found.answer, nil
}
