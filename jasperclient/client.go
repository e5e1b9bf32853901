package jasperclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/otel/trace"

	"github.com/zoneusage/zoneusage/internal/loopback"
)

const (
	// apiPath is where every operator serves version 1 of the API.
	apiPath = "/rws/api/v1"
	// maxBodyBytes is far above any answer seen: a record is about 300 bytes.
	maxBodyBytes = 1 << 20
	// defaultTimeout bounds one attempt.
	defaultTimeout = 30 * time.Second
)

// A Client asks one Control Center account. It is safe for use by several goroutines.
type Client struct {
	base *url.URL
	http *http.Client // holds the transport; its own way with redirects is not used
	// timeout bounds an attempt.
	timeout   time.Duration
	userAgent string
	lane      *lane
	events    Events
	tracer    trace.Tracer // nil for no spans

	open  context.Context // ends with Close
	close context.CancelFunc

	mu sync.Mutex
	// credentials is a closure, so that formatting a Client cannot show them.
	credentials func() Credentials
}

// An Option configures a [Client]. [New] fails if an option's value is impossible.
type Option func(*Client) error

// WithTransport sends the calls through rt instead of a transport with http.DefaultTransport's settings.
func WithTransport(rt http.RoundTripper) Option {
	return func(c *Client) error {
		if rt == nil {
			return errors.New("jasperclient: the transport is nil")
		}
		c.http.Transport = rt
		return nil
	}
}

// WithTimeout bounds each attempt of a call, from connecting to the answer's last byte, instead of 30 seconds.
func WithTimeout(d time.Duration) Option {
	return func(c *Client) error {
		if d <= 0 {
			return fmt.Errorf("jasperclient: the timeout must be above 0, but it is %s", d)
		}
		c.timeout = d
		return nil
	}
}

// WithFairUse says what the account is allowed, instead of [DefaultFairUse].
func WithFairUse(fair FairUse) Option {
	return func(c *Client) error {
		if err := fair.check(); err != nil {
			return err
		}
		c.lane = newLane(fair.careful())
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
// final /rws/api/v1. Credentials are sent with every call, so plain http is accepted for loopback addresses only.
func New(baseURL string, credentials Credentials, opts ...Option) (*Client, error) {
	base, err := parseBaseURL(baseURL)
	if err != nil {
		return nil, err
	}
	if err := credentials.check(); err != nil {
		return nil, err
	}
	c := &Client{
		base:      base,
		http:      new(http.Client),
		timeout:   defaultTimeout,
		userAgent: "jasperclient",
		lane:      newLane(DefaultFairUse().careful()),
		events:    Events{}.complete(),
	}
	c.credentials = func() Credentials { return credentials }
	c.open, c.close = context.WithCancel(context.Background())
	for _, opt := range opts {
		if err := opt(c); err != nil {
			return nil, err
		}
	}
	if c.http.Transport == nil {
		c.http.Transport = newTransport()
	}
	c.lane.onChanged = c.events.Changed
	return c, nil
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) })
}

// newTransport has the settings of http.DefaultTransport, but its own connections, which Close can close. It uses HTTP/1
// only: for a few calls at once HTTP/2 gains nothing, and it would send the empty body as a frame. It keeps all idle
// connections, not only two: the lane limits their number to the calls in flight, and Update can change that limit.
func newTransport() http.RoundTripper {
	if transport, ok := http.DefaultTransport.(*http.Transport); ok {
		transport = transport.Clone()
		transport.Protocols = new(http.Protocols)
		transport.Protocols.SetHTTP1(true)
		transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, math.MaxInt
		return transport
	}
	return http.DefaultTransport // the program has replaced it on purpose
}

// Update changes the credentials and the fair use; the account must stay the same. Calls that wait keep their places. A lane
// that closed because the old credentials were refused opens if the new ones differ.
func (c *Client) Update(credentials Credentials, fair FairUse) error {
	if err := errors.Join(credentials.check(), fair.check()); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	renewed := c.credentials() != credentials
	c.credentials = func() Credentials { return credentials }
	c.lane.update(fair.careful(), renewed)
	return nil
}

// BaseURL is the URL of the API. Two clients with the same BaseURL and user name ask the same account.
func (c *Client) BaseURL() string { return c.base.String() }

// Close ends all calls and closes the connections. These calls and all later ones fail with [ErrClosed].
func (c *Client) Close() {
	c.lane.close()
	c.close()
	c.lane.goroutines.Wait()
	c.http.CloseIdleConnections()
}

func parseBaseURL(raw string) (*url.URL, error) {
	base, err := url.Parse(raw)
	if err != nil {
		// The error of url.Parse repeats the URL, and a password that is in it.
		return nil, errors.New("jasperclient: the base URL cannot be read; give one like https://rws-jpotest.jasper.com")
	}
	switch {
	case base.Host == "" || (base.Scheme != "https" && base.Scheme != "http"):
		return nil, errors.New("jasperclient: the base URL needs https:// and a host, like https://rws-jpotest.jasper.com")
	case base.User != nil:
		return nil, errors.New("jasperclient: credentials do not belong in the base URL")
	case base.RawQuery != "" || base.Fragment != "":
		return nil, errors.New("jasperclient: the base URL takes neither query nor fragment")
	case base.Scheme == "http" && !loopback.Is(base.Hostname()):
		return nil, fmt.Errorf("jasperclient: plain http to %s would show the API key to the network; use https", base.Host)
	}
	path := strings.TrimSuffix(strings.TrimRight(base.Path, "/"), apiPath)
	if strings.Contains(path, "/rws/api") {
		return nil, fmt.Errorf("jasperclient: the base URL's path %s is not of version 1 of the API; leave it out", base.Path)
	}
	base.Host, base.Path, base.RawPath = strings.ToLower(base.Host), path+apiPath, ""
	return base, nil
}

// UsageInZone asks Control Center for a device's usage in one billing cycle, by rate plan and zone, when the account's
// lane has a turn for it. The package's documentation lists its errors.
func (c *Client) UsageInZone(ctx context.Context, q UsageQuery) (*DeviceUsage, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("jasperclient: asking for a turn: %w", err)
	}
	call, err := c.Start(ctx, q, Caller{}, nil)
	if err != nil {
		return nil, err
	}
	return call.Wait(ctx)
}

// sentOnce is an empty body that is not nil: net/http repeats a GET without a body by itself when a reused connection
// breaks, and the lane would not know of that call.
type sentOnce struct{}

// Read implements io.Reader.
func (sentOnce) Read([]byte) (int, error) { return 0, io.EOF }

// ask makes one attempt of a call, and calls sent when the request is written. Its ctx ends with the client.
func (c *Client) ask(ctx context.Context, q UsageQuery, sent func()) (*DeviceUsage, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { sent() }})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.usageURL(q), sentOnce{})
	if err != nil {
		return nil, fmt.Errorf("jasperclient: %w", withoutURL(err))
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent)
	c.mu.Lock()
	credentials := c.credentials()
	c.mu.Unlock()
	req.SetBasicAuth(credentials.Username, credentials.APIKey)
	c.sendTrace(req)
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
	// The vendor's examples write a space as %20, and only some servers read + as a space.
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	return u.String()
}
