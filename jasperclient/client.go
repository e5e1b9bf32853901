package jasperclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// apiPath is where every operator serves version 1 of the API.
	apiPath = "/rws/api/v1"
	// maxBodyBytes is far above any answer seen: a record is about 300 bytes.
	maxBodyBytes = 1 << 20
	// maxAttempts is how often a call is made that Control Center refuses for coming too often.
	maxAttempts = 3
	// defaultTimeout bounds one call when the caller's context allows more.
	defaultTimeout = time.Minute
)

// A Client asks one Control Center account. It is safe for use by several goroutines.
type Client struct {
	base *url.URL
	http *http.Client
	// authorize adds the credentials. They live in its closure, where formatting a Client cannot reach them.
	authorize func(*http.Request)
	userAgent string
	lane      *lane
}

// An Option changes a [Client] that [New] makes. New fails when its value is impossible.
type Option func(*Client) error

// WithTransport sends the calls through rt in place of a transport with http.DefaultTransport's settings.
func WithTransport(rt http.RoundTripper) Option {
	return func(c *Client) error {
		if rt == nil {
			return errors.New("jasperclient: the transport is nil")
		}
		c.http.Transport = rt
		return nil
	}
}

// WithTimeout bounds each call, from connecting to the answer's last byte, in place of a minute.
func WithTimeout(d time.Duration) Option {
	return func(c *Client) error {
		if d <= 0 {
			return fmt.Errorf("jasperclient: the timeout must be above 0, but it is %s", d)
		}
		c.http.Timeout = d
		return nil
	}
}

// WithFairUse makes the calls that the account allows, in place of one at a time and one a second, with at most 1,000
// callers waiting.
func WithFairUse(fair FairUse) Option {
	return func(c *Client) error {
		if err := fair.check(); err != nil {
			return err
		}
		c.lane = newLane(fair)
		return nil
	}
}

// WithUserAgent names the calling program to Control Center.
func WithUserAgent(name string) Option {
	return func(c *Client) error {
		if !printable(name) {
			return fmt.Errorf("jasperclient: the user agent %q has characters that a header cannot hold", name)
		}
		c.userAgent = name
		return nil
	}
}

// New makes a client of the Control Center at baseURL, such as https://rws-jpotest.jasper.com, with or without the
// final /rws/api/v1. Credentials travel with every call, so plain http is taken for loopback addresses alone.
func New(baseURL string, credentials Credentials, opts ...Option) (*Client, error) {
	base, err := parseBaseURL(baseURL)
	if err != nil {
		return nil, err
	}
	if credentials.Username == "" || credentials.APIKey == "" {
		return nil, errors.New("jasperclient: credentials need a user name and an API key")
	}
	if !printable(credentials.Username) || !printable(credentials.APIKey) {
		return nil, errors.New("jasperclient: the user name or the API key has characters that cannot be seen, such as a line's end")
	}
	if strings.Contains(credentials.Username, ":") {
		return nil, errors.New("jasperclient: HTTP Basic allows no colon in a user name (RFC 7617, section 2)")
	}
	c := &Client{
		base:      base,
		http:      &http.Client{Timeout: defaultTimeout, CheckRedirect: followNone},
		authorize: func(r *http.Request) { r.SetBasicAuth(credentials.Username, credentials.APIKey) },
		userAgent: "jasperclient",
		lane:      newLane(FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 1000}),
	}
	for _, opt := range opts {
		if err := opt(c); err != nil {
			return nil, err
		}
	}
	if c.http.Transport == nil {
		c.http.Transport = newTransport()
	}
	return c, nil
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) })
}

// newTransport has the settings of http.DefaultTransport, and connections of its own for Close to let go of.
func newTransport() http.RoundTripper {
	if transport, ok := http.DefaultTransport.(*http.Transport); ok {
		return transport.Clone()
	}
	return http.DefaultTransport // the program has set another one, and means it
}

// followNone leaves the redirect as the answer: the credentials stay with the host they are for, and one question stays
// one call.
func followNone(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Close lets go of the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func parseBaseURL(raw string) (*url.URL, error) {
	base, err := url.Parse(raw)
	if err != nil {
		// The error of url.Parse repeats the URL, and with it a password written into it.
		return nil, errors.New("jasperclient: the base URL cannot be read; give one like https://rws-jpotest.jasper.com")
	}
	switch {
	case base.Host == "" || (base.Scheme != "https" && base.Scheme != "http"):
		return nil, errors.New("jasperclient: the base URL needs https:// and a host, like https://rws-jpotest.jasper.com")
	case base.User != nil:
		return nil, errors.New("jasperclient: credentials do not belong in the base URL")
	case base.RawQuery != "" || base.Fragment != "":
		return nil, errors.New("jasperclient: the base URL takes neither query nor fragment")
	case base.Scheme == "http" && !isLoopback(base.Hostname()):
		return nil, fmt.Errorf("jasperclient: plain http to %s would show the API key to the network; use https", base.Host)
	}
	path := strings.TrimSuffix(strings.TrimRight(base.Path, "/"), apiPath)
	if strings.Contains(path, "/rws/api") {
		return nil, fmt.Errorf("jasperclient: the base URL's path %s is not of version 1 of the API; leave it out", base.Path)
	}
	base.Path, base.RawPath = path+apiPath, ""
	return base, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// UsageInZone asks Control Center for a device's usage in one billing cycle, by rate plan and zone, when the account's
// lane has a turn for it. The package's documentation lists its errors.
func (c *Client) UsageInZone(ctx context.Context, q UsageQuery) (*DeviceUsage, error) {
	q, err := q.valid()
	if err != nil {
		return nil, err
	}
	usage, err := c.attempt(ctx, q, false)
	for range maxAttempts - 1 {
		refused := rateLimited(err)
		if refused == nil {
			break
		}
		usage, err = c.attempt(ctx, q, true)
		if busy := (*BusyError)(nil); errors.As(err, &busy) {
			refused.RetryAfter = max(refused.RetryAfter, busy.Wait)
			return nil, refused
		}
	}
	return usage, err
}

// attempt makes a call in the account's lane, before all others when it was refused before.
func (c *Client) attempt(ctx context.Context, q UsageQuery, first bool) (usage *DeviceUsage, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.usageURL(q), nil)
	if err != nil {
		return nil, fmt.Errorf("jasperclient: %w", withoutURL(err))
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent)
	c.authorize(req)
	turn, err := c.lane.enter(ctx, first)
	if err != nil {
		return nil, err
	}
	defer func() { c.lane.leave(turn, err) }()
	return c.ask(req, q)
}

// ask makes the call and reads the answer.
func (c *Client) ask(req *http.Request, q UsageQuery) (*DeviceUsage, error) {
	ans, err := c.do(req)
	if err != nil {
		return nil, err
	}
	if err := ans.refusal(); err != nil {
		return nil, err
	}
	usage, err := decodeUsage(ans.body)
	if err == nil {
		err = usage.answers(q)
	}
	if err != nil {
		return nil, &InvalidResponseError{HTTPStatus: ans.status, Err: err}
	}
	return usage, nil
}

func (c *Client) usageURL(q UsageQuery) string {
	query := url.Values{}
	if !q.CycleStartDate.IsZero() {
		query.Set("cycleStartDate", q.CycleStartDate.String()+"Z")
	}
	if q.RatePlan != "" {
		query.Set("ratePlan", q.RatePlan)
	}
	if q.Zone != "" {
		query.Set("zone", q.Zone)
	}
	u := c.base.JoinPath("devices", string(q.ICCID), "usageInZone")
	// The vendor's examples write a space as %20, and only some servers read + as one.
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	return u.String()
}
