package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"google.golang.org/grpc/grpclog"

	"github.com/zoneusage/zoneusage/jasperclient"
	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
	"github.com/zoneusage/zoneusage/service"
)

type serveCommand struct {
	GRPCAddr string `name:"grpc-addr" default:"127.0.0.1:9090" help:"The address of the gRPC door."`
	HTTPAddr string `name:"http-addr" default:"127.0.0.1:8080" help:"The address of the REST door."`

	ControlCenterURL string `placeholder:"URL" help:"Control Center's base URL, such as https://rws-jpotest.jasper.com, with or without /rws/api/v1."`
	Username         string `placeholder:"NAME" help:"The user name of its account."`
	APIKeyFile       string `placeholder:"FILE" help:"A file with the user's API key; ZONEUSAGE_API_KEY can hold it instead."`
	Accounts         string `placeholder:"FILE" help:"A YAML file of several accounts, in place of URL, user name and key; read again at SIGHUP."`

	CallsInFlight  int           `default:"1" help:"How many calls of Control Center its operator allows the account at once."`
	CallsPerSecond float64       `default:"1" help:"How many calls a second it allows; a fraction is fine."`
	CallTimeout    time.Duration `default:"30s" help:"How long Control Center may take for one call."`
	MaxWaiting     int           `default:"1000" help:"How many questions of each class, interactive and bulk, may wait for their turn."`
	BulkShare      int           `default:"10" help:"The least part of the turns, in percent, for bulk questions while interactive ones wait."`

	CacheMiB   uint64        `name:"cache-mib" default:"64" help:"The memory for answers that are kept, in MiB; 0 keeps none."`
	ServeStale time.Duration `default:"0" help:"While Control Center is down, give answers up to this age to callers who do not say what age they take, such as 1h; 0 gives none."`

	DefaultTimeout time.Duration `default:"30s" help:"The deadline of a call that comes with none."`
	MaxTimeout     time.Duration `default:"10m" help:"The greatest deadline of a call; a longer one is cut."`
	GracePeriod    time.Duration `default:"30s" help:"How long calls in flight may take to end at SIGTERM."`
	LogFullICCIDs  bool          `name:"log-full-iccids" help:"Log ICCIDs whole, not by their last four digits."`
}

// apiKeyVariable can hold the API key.
const apiKeyVariable = "ZONEUSAGE_API_KEY"

// defaultAccount is the name that replies carry of the one account that the flags configure.
const defaultAccount = "default"

// maxCacheMiB is a pebibyte.
const maxCacheMiB = 1 << 30

// Run serves both doors until ctx ends, and then lets the calls in flight end.
func (c *serveCommand) Run(ctx context.Context, app *kong.Kong) error {
	if err := c.check(); err != nil {
		return err
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP) // before anybody can know that it serves
	defer signal.Stop(hangup)
	log := c.logger(app.Stderr)
	// Also for what Go's libraries and gRPC's have to say.
	slog.SetDefault(log)
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, slog.NewLogLogger(log.Handler(), slog.LevelError).Writer()))
	upstream, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer upstream.close()
	usage, err := service.New(service.AnswerConfig{CacheBytes: c.CacheMiB << 20, ServeStale: c.ServeStale}, upstream.accounts...)
	if err != nil {
		return err
	}
	server, err := service.NewServer(usage, service.Config{
		DefaultTimeout: c.DefaultTimeout,
		MaxTimeout:     c.MaxTimeout,
		Logger:         log,
	})
	if err != nil {
		return err
	}
	defer server.Close()
	grpcListener, httpListener, err := c.listen(ctx)
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(grpcListener, httpListener) }()
	upstream.announce(log, app.Stdout, grpcListener.Addr().String(), httpListener.Addr().String())
	for serving := true; serving; {
		select {
		case err := <-served:
			return err
		case <-hangup:
			upstream.reload(log, usage)
		case <-ctx.Done():
			serving = false
		}
	}
	patience, cancel := shutdownContext(c.GracePeriod)
	defer cancel()
	log.Info("shutting down", "grace_period", c.GracePeriod.String())
	if err := server.Shutdown(patience); err != nil {
		return errors.Join(fmt.Errorf("calls in flight were cut off: %w", err), <-served)
	}
	log.Info("stopped")
	return <-served
}

func (c *serveCommand) logger(w io.Writer) *slog.Logger {
	replace := service.MaskICCIDs
	if c.LogFullICCIDs {
		replace = service.BoundAttrs
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: replace}))
}

func (c *serveCommand) check() error {
	if c.GRPCAddr == "" || c.HTTPAddr == "" {
		return errors.New("--grpc-addr and --http-addr must not be empty: that would be a free port on every address; write host:port")
	}
	for _, setting := range []struct {
		flag  string
		value time.Duration
	}{
		{"--default-timeout", c.DefaultTimeout}, {"--max-timeout", c.MaxTimeout}, {"--grace-period", c.GracePeriod},
		{"--call-timeout", c.CallTimeout},
	} {
		if setting.value <= 0 {
			return fmt.Errorf("%s must be above 0, but it is %s", setting.flag, setting.value)
		}
	}
	if c.CacheMiB > maxCacheMiB {
		return fmt.Errorf("--cache-mib %d is more than any machine has; give up to %d", c.CacheMiB, maxCacheMiB)
	}
	if c.ServeStale < 0 {
		return fmt.Errorf("--serve-stale must not be negative, but it is %s", c.ServeStale)
	}
	if c.DefaultTimeout > c.MaxTimeout {
		return fmt.Errorf("--default-timeout %s is above --max-timeout %s", c.DefaultTimeout, c.MaxTimeout)
	}
	return nil
}

func (c *serveCommand) listen(ctx context.Context) (grpcListener, httpListener net.Listener, err error) {
	var config net.ListenConfig
	if grpcListener, err = config.Listen(ctx, "tcp", c.GRPCAddr); err != nil {
		return nil, nil, fmt.Errorf("--grpc-addr: %w", err)
	}
	if httpListener, err = config.Listen(ctx, "tcp", c.HTTPAddr); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("--http-addr: %w", err), grpcListener.Close())
	}
	return grpcListener, httpListener, nil
}

// shutdownContext ends with the grace period or with a second signal.
func shutdownContext(grace time.Duration) (context.Context, context.CancelFunc) {
	timeout, cancel := context.WithTimeoutCause(context.Background(), grace,
		errors.New("the grace period ended"))
	ctx, stop := signal.NotifyContext(timeout, syscall.SIGINT, syscall.SIGTERM)
	return ctx, func() { stop(); cancel() }
}

// An upstream is the Control Center that answers.
type upstream struct {
	accounts []service.Account // the first is the default one
	roster   *roster           // nil where no file names them
	sandbox  *sandboxDoor      // nil for a real Control Center
}

func (u *upstream) close() {
	if u.roster != nil {
		u.roster.close()
	} else {
		u.accounts[0].Client.Close()
	}
	if u.sandbox != nil {
		u.sandbox.close()
	}
}

// reload reads the accounts again. Where that fails, those that there are stay.
func (u *upstream) reload(log *slog.Logger, usage *service.UsageService) {
	if u.roster == nil {
		log.Info("SIGHUP reads the file of --accounts again, and there is none")
		return
	}
	accounts, err := u.roster.read()
	if err == nil {
		err = usage.SetAccounts(accounts...)
	}
	if err != nil {
		log.Error("the accounts stay as they are", "cause", err.Error())
		return
	}
	log.Info("the accounts are read again", "accounts", names(accounts))
}

func names(accounts []service.Account) string {
	all := make([]string, len(accounts))
	for i, account := range accounts {
		all[i] = account.Name
	}
	return strings.Join(all, ", ")
}

// announce says where the doors are and, on the sandbox, prints a call of each, ready to paste.
func (u *upstream) announce(log *slog.Logger, stdout io.Writer, grpcAddr, httpAddr string) {
	log.Info("serving", "version", versionName(), "grpc_addr", grpcAddr, "http_addr", httpAddr, "accounts", names(u.accounts))
	if u.sandbox == nil {
		return
	}
	log.Warn("no Control Center is configured: every answer comes from the sandbox, not from real devices",
		"sandbox_url", "http://"+u.sandbox.addr())
	_, _ = fmt.Fprintf(stdout, "Two calls to try:\n\n"+
		"  grpcurl -plaintext -d '{\"iccid\":\"8988217755520000031\"}' %s jasper.usage.v1.UsageService/GetDeviceUsageInZone\n"+
		"  curl %s/v1/devices/8988217755520000031/usageInZone\n\n", callable(grpcAddr), callable(httpAddr))
}

// connect makes the clients of the configured accounts, or starts the sandbox where nothing is configured.
func (c *serveCommand) connect(ctx context.Context) (*upstream, error) {
	key, err := readAPIKey(c.APIKeyFile, apiKeyVariable)
	if err != nil {
		return nil, err
	}
	none := c.ControlCenterURL == "" && c.Username == "" && key == ""
	switch {
	case c.Accounts != "" && !none:
		return nil, errors.New("--accounts names the Control Centers; leave out --control-center-url, --username and the API key")
	case c.Accounts != "":
		return c.connectAccounts()
	case none:
		return c.startSandbox(ctx)
	}
	var missing []string
	for _, setting := range []struct{ value, flag, variable string }{
		{c.ControlCenterURL, "--control-center-url", "ZONEUSAGE_CONTROL_CENTER_URL"},
		{c.Username, "--username", "ZONEUSAGE_USERNAME"},
		{key, "--api-key-file", apiKeyVariable},
	} {
		if setting.value == "" {
			missing = append(missing, fmt.Sprintf("%s (or %s)", setting.flag, setting.variable))
		}
	}
	if missing != nil {
		return nil, fmt.Errorf("a Control Center needs a URL, a user name and an API key; missing: %s. "+
			"Leave all three out to serve the sandbox", strings.Join(missing, ", "))
	}
	client, err := c.newClient(c.ControlCenterURL, jasperclient.Credentials{Username: c.Username, APIKey: key}, c.fairUse())
	if err != nil {
		return nil, fmt.Errorf("the settings of Control Center: %w", err)
	}
	return &upstream{accounts: []service.Account{{Name: defaultAccount, Client: client}}}, nil
}

func (c *serveCommand) connectAccounts() (*upstream, error) {
	r := &roster{command: c, clients: map[upstreamUser]*jasperclient.Client{}}
	accounts, err := r.read()
	if err != nil {
		return nil, err
	}
	return &upstream{accounts: accounts, roster: r}, nil
}

// fairUse is what an account is allowed that says nothing else.
func (c *serveCommand) fairUse() jasperclient.FairUse {
	return jasperclient.FairUse{
		CallsInFlight: c.CallsInFlight, CallsPerSecond: c.CallsPerSecond, MaxWaiting: c.MaxWaiting, BulkShare: c.BulkShare,
	}
}

func (c *serveCommand) newClient(url string, credentials jasperclient.Credentials, fair jasperclient.FairUse) (*jasperclient.Client, error) {
	return jasperclient.New(url, credentials,
		jasperclient.WithFairUse(fair),
		jasperclient.WithTimeout(c.CallTimeout),
		jasperclient.WithUserAgent("zoneusage/"+versionName()))
}

// startSandbox serves the sandbox over loopback, so that its answers take the way of a real Control Center's.
func (c *serveCommand) startSandbox(ctx context.Context) (*upstream, error) {
	handler, err := sandbox.New(sandbox.WithCredentials(sandboxName, sandboxName))
	if err != nil {
		return nil, err
	}
	door, err := listenSandbox(ctx, "127.0.0.1:0", handler)
	if err != nil {
		return nil, err
	}
	client, err := c.newClient("http://"+door.addr(), jasperclient.Credentials{Username: sandboxName, APIKey: sandboxName}, c.fairUse())
	if err != nil {
		door.close()
		return nil, err
	}
	return &upstream{accounts: []service.Account{{Name: sandboxName, Client: client}}, sandbox: door}, nil
}
