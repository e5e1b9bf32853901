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

// Settings are how callers are recognised and what bounds them.
type Settings struct {
	// File is the policy. Without one everybody may do everything, and callers are told apart by their host.
	File string
	// Certificates says that client certificates are verified.
	Certificates bool
	// Issuer signs the JWTs that are taken; nil takes none.
	Issuer *Issuer
	// RequestsPerSecond is what a caller may ask of whom the policy says nothing else; 0 is no bound.
	RequestsPerSecond float64
}

// A Guard lets callers in.
type Guard struct {
	settings Settings
	policy   atomic.Pointer[policy]        // nil where everybody may do everything
	hosts    *otter.Cache[string, *Caller] // who called, then
}

// New makes a guard, and fails where its policy cannot work.
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

// maxHosts is how many hosts are remembered for their rate. One that is forgotten has at most a second's requests more.
const maxHosts = 10_000

// Reload reads the policy again. Where that fails, the one there is stays.
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

// Accounts are those that the policy names, which may be more than there are.
func (g *Guard) Accounts() []string {
	if p := g.policy.Load(); p != nil {
		return p.accounts()
	}
	return nil
}

// Credentials are what a call shows of its caller.
type Credentials struct {
	// Host is where the call comes from.
	Host string
	// Certificate holds the names in the verified client certificate; none where there is none.
	Certificate []string
	// Authorization holds the values of the header.
	Authorization []string
}

// Identify finds the caller of the credentials. It fails with an [UnauthenticatedError], a [NotAllowedError] for a caller
// who is not in the policy, or an [UnavailableError].
//
// A token goes before a certificate, which may be that of a proxy. One that is not good is refused whatever else there is.
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

// host is the caller at a host, who may do everything.
func (g *Guard) host(host string) *Caller {
	if g.settings.RequestsPerSecond == 0 {
		return anybody
	}
	caller, _ := g.hosts.ComputeIfAbsent(host, func() (*Caller, bool) {
		return &Caller{Name: host, everything: true, limit: newLimit(g.settings.RequestsPerSecond)}, false
	})
	return caller
}

// anybody is every caller where nothing is known of any.
var anybody = &Caller{everything: true}

// bearer is the token of the header, as RFC 6750, section 2.1, has it.
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

// A Caller is who calls.
type Caller struct {
	// Name is the caller's in the policy, or else the host; empty where everybody may do everything.
	Name string
	// Listed says that it is in the policy.
	Listed bool
	// Subject is that of the caller's JWT, where it has one: an entry can be about many.
	Subject string

	accounts   map[string]bool
	first      string        // of them, in the policy
	everything bool          // any account
	limit      *rate.Limiter // nil: no bound
}

// MayAsk reports whether the caller may ask the account of this name.
func (c *Caller) MayAsk(account string) bool { return c.everything || c.accounts[account] }

// Account is the account that the caller asks where it can name none: the default one or, where it may not ask that, the
// first of its own.
func (c *Caller) Account(byDefault string) string {
	if c.MayAsk(byDefault) {
		return byDefault
	}
	return c.first
}

// CountRequest counts a request, and fails with a [RateError] when it is one too many.
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

// newLimit lets a second's requests come at once.
func newLimit(requestsPerSecond float64) *rate.Limiter {
	if requestsPerSecond == 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(requestsPerSecond), max(1, int(requestsPerSecond)))
}
