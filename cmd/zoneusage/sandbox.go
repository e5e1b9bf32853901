package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	// The image has no time zones of its own, and --time-zone names one.
	_ "time/tzdata"

	"github.com/alecthomas/kong"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// sandboxGracePeriod is how long the sandbox's last answers may take after SIGTERM.
const sandboxGracePeriod = 10 * time.Second

// sandboxName is the default of the sandbox's user name and API key, and the name of its account.
const sandboxName = "sandbox"

// sandboxCommand has environment variables of its own for the flags that serve has too, because serve's credentials and
// limits are real ones, and for its address, because ZONEUSAGE_ADDR is the address that get asks.
type sandboxCommand struct {
	Addr       string `default:"127.0.0.1:8181" env:"ZONEUSAGE_SANDBOX_ADDR" help:"The address to listen on."`
	Username   string `default:"sandbox" env:"ZONEUSAGE_SANDBOX_USERNAME" help:"The user name that callers send."`
	APIKeyFile string `placeholder:"FILE" env:"ZONEUSAGE_SANDBOX_API_KEY_FILE" help:"A file with the API key that callers send; ZONEUSAGE_SANDBOX_API_KEY can hold it instead. Without either the key is sandbox."`

	AccountsFile string `placeholder:"FILE" env:"ZONEUSAGE_SANDBOX_ACCOUNTS_FILE" help:"A file with further accounts, one NAME:KEY a line, each with the same devices and limits of its own."`

	Clock    string        `placeholder:"TIME" help:"Stand still at this time, such as 2016-11-10T05:31:17.557Z."`
	TimeZone string        `default:"+13:30" help:"The accounts' time zone, such as Asia/Shanghai or +13:30."`
	CycleDay int           `default:"1" help:"The day of the month, 1 to 31, on which its billing cycles begin."`
	Devices  int           `default:"0" help:"How many generated devices to add."`
	Seed     uint64        `default:"0" help:"The seed of their usage and of the calls that take a fault."`
	Latency  time.Duration `default:"0" help:"How long each answer takes."`

	CallsInFlight  int     `default:"0" env:"ZONEUSAGE_SANDBOX_CALLS_IN_FLIGHT" help:"How many calls at once an account is allowed; 0 is no limit. One more is answered with error 40000029."`
	CallsPerSecond float64 `default:"0" env:"ZONEUSAGE_SANDBOX_CALLS_PER_SECOND" help:"How many calls per second an account is allowed, such as 5 or 0.5; 0 is no limit. One more is answered with error 40000029."`

	Faults []faultFlag `name:"fault" sep:";" placeholder:"KIND[=SHARE]" help:"Let calls go wrong, such as server-error=0.1, a tenth of them, or slow-body=0.1,delay=1s,jitter=500ms,over=2s; without =SHARE the next call alone. May be given several times; PUT /faults replaces them. Kinds: ${fault_kinds}."`

	EmptyUsage      string `enum:"object,null,missing" default:"object" help:"The form of an answer without usage: ${enum}."`
	RateLimitStatus int    `enum:"400,429" default:"429" help:"The HTTP status of error 40000029: ${enum}."`
	MidCycleDates   bool   `default:"true" negatable:"" help:"Take any date of a cycle, not its first alone."`
	BareDates       bool   `help:"Take dates without an offset, 2016-11-10."`
	OffsetDates     bool   `help:"Take dates with any offset, 2016-11-10+08:00."`
	FutureDates     bool   `help:"Answer dates after the current cycle with the current cycle."`
}

var emptyUsageForms = map[string]sandbox.EmptyUsage{
	"object":  sandbox.EmptyObject,
	"null":    sandbox.EmptyNull,
	"missing": sandbox.EmptyMissing,
}

// Run serves the sandbox until ctx ends.
func (c *sandboxCommand) Run(ctx context.Context, app *kong.Kong) error {
	key, err := readAPIKey(c.APIKeyFile, "ZONEUSAGE_SANDBOX_API_KEY")
	if err != nil {
		return err
	}
	control, err := c.sandbox(cmp.Or(key, sandboxName))
	if err != nil {
		return exitError{misused, err}
	}
	door, err := listenSandbox(ctx, c.Addr, withTestTools(control))
	if err != nil {
		return err
	}
	defer door.close()
	user := c.Username // without the key, which may be a secret: curl asks for it
	if key == "" {
		user += ":" + sandboxName
	}
	c.introduce(app.Stdout, callable(door.addr()), user)
	select {
	case <-door.ended:
		return door.err
	case <-ctx.Done():
	}
	patience, cancel := shutdownContext(sandboxGracePeriod)
	defer cancel()
	return door.server.Shutdown(patience)
}

func (c *sandboxCommand) sandbox(key string) (*sandbox.Sandbox, error) {
	zone, err := parseTimeZone(c.TimeZone)
	if err != nil {
		return nil, err
	}
	opts := []sandbox.Option{
		sandbox.WithCredentials(c.Username, key),
		sandbox.WithBilling(zone, c.CycleDay),
		sandbox.WithDevices(c.Devices),
		sandbox.WithSeed(c.Seed),
		sandbox.WithLatency(c.Latency),
		sandbox.WithFairUse(c.CallsInFlight, c.CallsPerSecond),
		sandbox.WithEmptyUsage(emptyUsageForms[c.EmptyUsage]),
		sandbox.WithRateLimitStatus(c.RateLimitStatus),
		sandbox.WithMidCycleDates(c.MidCycleDates),
		sandbox.WithBareDates(c.BareDates),
		sandbox.WithOffsetDates(c.OffsetDates),
		sandbox.WithFutureDates(c.FutureDates),
	}
	accounts, err := readSandboxAccounts(c.AccountsFile)
	if err != nil {
		return nil, err
	}
	opts = append(opts, accounts...)
	var faults []sandbox.Fault
	for _, fault := range c.Faults {
		faults = append(faults, sandbox.Fault(fault))
	}
	opts = append(opts, sandbox.WithFaults(faults...))
	if c.Clock != "" {
		at, err := time.Parse(time.RFC3339, c.Clock)
		if err != nil || at.Year() < 1970 || at.Year() > 9000 {
			return nil, fmt.Errorf("--clock: %q is not a valid time from 1970 to 9000; write one like 2016-11-10T05:31:17.557Z", c.Clock)
		}
		opts = append(opts, sandbox.WithClock(func() time.Time { return at }))
	}
	return sandbox.New(opts...)
}

// The paths of the test tools, which Control Center does not have.
const (
	ledgerPath = "/ledger"
	faultsPath = "/faults"
)

// withTestTools serves the sandbox with its ledger and its faults, and needs no credentials for these two: they hold only
// counts, user names and faults. It does not use http.ServeMux, which redirects some paths that the sandbox answers as
// Control Center does.
func withTestTools(control *sandbox.Sandbox) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == ledgerPath && r.Method == http.MethodGet:
			writeJSON(w, http.StatusOK, control.Ledger())
		case r.URL.Path == faultsPath:
			serveFaults(w, r, control)
		default:
			control.ServeHTTP(w, r)
		}
	})
}

// parseTimeZone reads the name of a time zone or an offset from UTC.
func parseTimeZone(name string) (*time.Location, error) {
	if at, err := time.Parse("-07:00", name); err == nil {
		_, offset := at.Zone()
		return time.FixedZone("UTC"+name, offset), nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" {
		return nil, fmt.Errorf("--time-zone: %q is not a valid time zone; write one like Asia/Shanghai or +13:30", name)
	}
	return zone, nil
}

// introduce prints a call to try and the list of devices.
func (c *sandboxCommand) introduce(w io.Writer, addr, user string) {
	_, _ = fmt.Fprintf(w, "Control Center's sandbox listens on http://%[1]s. A call to try:\n\n"+
		"  curl -u %[2]s http://%[1]s/rws/api/v1/devices/8988217755520000031/usageInZone\n\n"+
		"The calls it counts are on http://%[1]s%[3]s, its faults on http://%[1]s%[4]s. Its devices:\n\n", addr, user, ledgerPath, faultsPath)
	for _, device := range sandbox.Fleet() {
		_, _ = fmt.Fprintf(w, "  %-20s  %s\n", device.ICCID, device.Shows)
	}
	if c.Devices > 0 {
		_, _ = fmt.Fprintf(w, "  %s to %s  generated\n", sandbox.GeneratedICCID(0), sandbox.GeneratedICCID(c.Devices-1))
	}
	_, _ = fmt.Fprintf(w, "  %-20s  always the error of the last eight digits\n", sandbox.TroublePrefix+"30000001")
}

func listenSandbox(ctx context.Context, addr string, handler http.Handler) (*httpDoor, error) {
	door, err := openHTTPDoor(ctx, addr, &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}, nil)
	if err != nil {
		return nil, fmt.Errorf("the sandbox cannot listen on %s: %w", addr, err)
	}
	return door, nil
}
