package callers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/time/rate"
)

// Settings say how callers are recognised and how much they may ask.
type Settings struct {
	// File is the path of the policy. Without a policy everybody may do everything, and callers are told apart by their host.
	File string
	// Certificates says that client certificates are verified.
	Certificates bool
	// Issuer signs the JWTs that are accepted; nil if none are.
	Issuer *Issuer
	// RequestsPerSecond is the rate of every caller for which the policy gives no other; 0 is no bound.
	RequestsPerSecond float64
}

// A Guard decides which callers to let in.
type Guard struct {
	settings Settings
	policy   atomic.Pointer[policy]        // nil if everybody may do everything
	hosts    *otter.Cache[string, *Caller] // callers by host; nil with a policy
}

// New makes a guard. It fails if the policy cannot work.
func New(settings Settings) (*Guard, error) {
	g := &Guard{settings: settings}
	if settings.File == "" {
		if settings.Certificates || settings.Issuer != nil {
			return nil, errors.New("callers' credentials are of no use without a policy that lists the callers")
		}
		g.hosts = otter.Must(&otter.Options[string, *Caller]{MaximumSize: maxHosts})
		return g, nil
	}
	return g, g.Reload()
}

// maxHosts is how many hosts are remembered for their rate. A host that is forgotten gets at most a second's requests more.
const maxHosts = 10_000

// Reload reads the policy again. If that fails, the present policy stays.
func (g *Guard) Reload() error {
	if g.settings.File == "" {
		return nil
	}
	next, err := readPolicy(g.settings)
	if err != nil {
		return err
	}
	if before := g.policy.Load(); before != nil {
		next.keepRates(before)
	}
	g.policy.Store(next)
	return nil
}

// Accounts are the accounts that the policy names. Some of them may not exist.
func (g *Guard) Accounts() []string {
	if p := g.policy.Load(); p != nil {
		return p.accounts()
	}
	return nil
}

// Credentials are what a call reveals about its caller.
type Credentials struct {
	// Host is the host that the call comes from.
	Host string
	// Certificate holds the names in the verified client certificate; empty without one.
	Certificate []string
	// Authorization holds the values of the header of this name.
	Authorization []string
}

// Identify finds the caller of the credentials. It fails with an [UnauthenticatedError], a [NotAllowedError] for a caller
// that is not in the policy, or an [UnavailableError].
//
// A token takes precedence over a certificate, which may be that of a proxy. An invalid token is refused even with a valid
// certificate.
func (g *Guard) Identify(ctx context.Context, shown Credentials) (*Caller, error) {
	p := g.policy.Load()
	switch {
	case p == nil:
		return g.host(shown.Host), nil
	case len(shown.Authorization) > 0:
		token, err := bearer(shown.Authorization)
		if err != nil {
			return nil, &UnauthenticatedError{Err: err}
		}
		if caller := p.byToken(token); caller != nil {
			return caller, nil
		}
		return g.byJWT(ctx, p, token)
	case len(shown.Certificate) > 0:
		for _, name := range shown.Certificate {
			if caller := p.byCertificate[name]; caller != nil {
				return caller, nil
			}
		}
		return nil, &NotAllowedError{fmt.Sprintf("the certificate of %q is in no entry of the policy", shown.Certificate)}
	}
	return nil, &UnauthenticatedError{Missing: true, Err: errors.New("the call has no credentials")}
}

func (g *Guard) byJWT(ctx context.Context, p *policy, token string) (*Caller, error) {
	if g.settings.Issuer == nil {
		return nil, &UnauthenticatedError{Err: errors.New("the token is not in the policy")}
	}
	claims, err := g.settings.Issuer.verify(ctx, token)
	if err != nil {
		return nil, err
	}
	if caller := p.byClaims(claims); caller != nil {
		known := *caller
		known.Subject, _ = claims["sub"].(string)
		return &known, nil
	}
	return nil, &NotAllowedError{fmt.Sprintf("no entry of the policy has claims that are all in the token of the subject %.100q", claims["sub"])}
}

// host returns the caller at a host, which may do everything.
func (g *Guard) host(host string) *Caller {
	if g.settings.RequestsPerSecond == 0 {
		return anybody
	}
	caller, _ := g.hosts.ComputeIfAbsent(host, func() (*Caller, bool) {
		return &Caller{Name: host, everything: true, limit: newLimit(g.settings.RequestsPerSecond)}, false
	})
	return caller
}

// anybody stands for every caller when callers need not be told apart.
var anybody = &Caller{everything: true}

// bearer reads the token from the values of the header (RFC 6750, section 2.1).
func bearer(values []string) (string, error) {
	if len(values) > 1 {
		return "", errors.New("there is more than one authorization")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", errors.New("the authorization is not a bearer token")
	}
	return token, nil
}

// A Caller is a program or person that calls the service.
type Caller struct {
	// Name is the caller's name in the policy. Without a policy it is the host, or empty if requests are not bounded.
	Name string
	// Listed says that the caller is in the policy.
	Listed bool
	// Subject is the subject of the caller's JWT, if it has one: an entry of the policy can cover many subjects.
	Subject string

	accounts   map[string]bool
	first      string        // the first of accounts in the policy
	everything bool          // may ask any account
	limit      *rate.Limiter // nil: no bound
}

// MayAsk reports whether the caller may ask the account of this name.
func (c *Caller) MayAsk(account string) bool { return c.everything || c.accounts[account] }

// Account is the account that a caller asks when it cannot name one: the default account or, if the caller may not ask that
// one, the first of its own.
func (c *Caller) Account(byDefault string) string {
	if c.MayAsk(byDefault) {
		return byDefault
	}
	return c.first
}

// CountRequest counts a request. It fails with a [RateError] if the request is one too many.
func (c *Caller) CountRequest() error {
	if c.limit == nil {
		return nil
	}
	now := time.Now()
	turn := c.limit.ReserveN(now, 1)
	wait := turn.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	turn.CancelAt(now)
	return &RateError{Wait: wait}
}

// newLimit makes a limiter that allows the requests of one second at once; nil for no bound.
func newLimit(requestsPerSecond float64) *rate.Limiter {
	if requestsPerSecond == 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(requestsPerSecond), max(1, int(requestsPerSecond)))
}
