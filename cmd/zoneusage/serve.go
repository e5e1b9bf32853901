package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"google.golang.org/grpc/grpclog"

	"github.com/zoneusage/zoneusage/internal/logfile"
	"github.com/zoneusage/zoneusage/internal/web"
	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
	"github.com/zoneusage/zoneusage/service"
)

type serveCommand struct {
	doorFlags
	securityFlags
	telemetryFlags

	ControlCenterURL string `placeholder:"URL" help:"Control Center's base URL, such as https://rws-jpotest.jasper.com, with or without /rws/api/v1."`
	Username         string `placeholder:"NAME" help:"The user name of its account."`
	APIKeyFile       string `placeholder:"FILE" help:"A file with the user's API key; ZONEUSAGE_API_KEY can hold it instead."`
	Accounts         string `placeholder:"FILE" help:"A YAML file of several accounts, in place of URL, user name and key; reloaded when it changes."`

	CallsInFlight  int           `default:"1" help:"How many calls at once Control Center's operator allows the account."`
	CallsPerSecond float64       `default:"1" help:"How many calls per second the operator allows; fractions are possible."`
	CallTimeout    time.Duration `default:"30s" help:"How long Control Center may take for one call."`
	MaxWaiting     int           `default:"1000" help:"How many questions of each class, interactive and bulk, may wait for their turn."`
	BulkShare      int           `default:"10" help:"The least part of the turns, in percent, for bulk questions while interactive ones wait."`

	CacheMiB   uint64        `name:"cache-mib" default:"64" help:"The memory for kept answers, in MiB; 0 keeps none."`
	ServeStale time.Duration `default:"0" help:"While Control Center is down, give answers up to this age, such as 1h, to callers that set no max_age; 0 gives none."`

	DefaultTimeout time.Duration `default:"30s" help:"The deadline of a call that has none."`
	MaxTimeout     time.Duration `default:"10m" help:"The longest deadline of a call; a longer one is shortened to it."`
	DrainDelay     time.Duration `default:"0s" help:"At SIGTERM: how long the doors stay open while health checks already say no, so that no new caller is sent here."`
	GracePeriod    time.Duration `default:"30s" help:"How long calls in flight may take to end after that."`
	LogFullICCIDs  bool          `name:"log-full-iccids" help:"Log ICCIDs whole, not by their last four digits."`
}

// apiKeyVariable is the environment variable that can hold the API key.
const apiKeyVariable = "ZONEUSAGE_API_KEY"

// defaultAccount is the name in replies of the account that the flags configure.
const defaultAccount = "default"

// maxCacheMiB is a pebibyte: a larger number is a mistake.
const maxCacheMiB = 1 << 30

// Run serves both doors until ctx ends, and then gives the calls in flight time to end.
func (c *serveCommand) Run(ctx context.Context, app *kong.Kong) error {
	if err := c.check(); err != nil {
		return exitError{misused, err}
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP) // before anybody can know that the service runs, and send one
	defer signal.Stop(hangup)
	lines := logfile.New(app.Stderr)
	defer background(lines.Run)()
	defer takeBallast()()
	log := c.installLogger(lines)
	observer, err := newObserver(ctx, log)
	if err != nil {
		return err
	}
	defer observer.close()
	secure, err := c.newSecurity()
	if err != nil {
		return err
	}
	upstream, err := c.connect(ctx, observer)
	if err != nil {
		return err
	}
	defer upstream.close()
	usage, err := service.New(service.AnswerConfig{CacheBytes: c.CacheMiB << 20, ServeStale: c.ServeStale}, upstream.accounts...)
	if err != nil {
		return err
	}
	config := c.serverConfig(secure, upstream)
	config.Logger, config.AccessLog = log, lines.Calls()
	server, err := service.NewServer(usage, c.observe(observer, usage, config))
	if err != nil {
		return err
	}
	defer server.Close()
	defer background(func(ctx context.Context) { secure.run(ctx, observer) })()
	defer background(func(ctx context.Context) {
		observer.reload(ctx, hangup, secure, usage, append(secure.sources(), upstream.sources(usage)...))
	})()
	return c.serve(ctx, observer, server, func(grpcAddr, httpAddr, adminAddr string) {
		secure.logPolicy(log, c.Insecure)
		upstream.announce(log, grpcAddr, httpAddr, adminAddr)
		if upstream.sandbox != nil && c.TLSCert == "" && c.Callers == "" {
			showCalls(app.Stdout, grpcAddr, httpAddr)
		}
	})
}

// serverConfig is the server's configuration without its logs and telemetry.
func (c *serveCommand) serverConfig(secure *security, upstream *upstream) service.Config {
	return service.Config{
		DefaultTimeout:   c.DefaultTimeout,
		MaxTimeout:       c.MaxTimeout,
		Callers:          secure.guard,
		Certificates:     secure.certificates,
		MaxConnections:   c.MaxConnections,
		MaxConnectionAge: c.MaxConnectionAge,
		LoopbackOnly:     c.Callers == "" && !c.Insecure,
		CORSOrigins:      c.CORSOrigins,
		LegacyDoor:       c.LegacyDoor || upstream.sandbox != nil,
		Pages:            c.pages(upstream),
		LogFullICCIDs:    c.LogFullICCIDs,
	}
}

// pages are the pages for people with a browser.
func (c *serveCommand) pages(upstream *upstream) *web.Site {
	opts := []web.Option{web.WithGRPCAddr(c.GRPCAddr)}
	if upstream.sandbox != nil {
		opts = append(opts, web.WithExamples(sandbox.Fleet()...))
	}
	return web.New(opts...)
}

// background runs a task until end is called, which waits for the task to end.
func background(run func(context.Context)) (end func()) {
	ctx, stop := context.WithCancel(context.Background())
	var task sync.WaitGroup
	task.Go(func() { run(ctx) })
	return func() { stop(); task.Wait() }
}

// serve opens the doors, announces them, and closes them when ctx has ended.
func (c *serveCommand) serve(
	ctx context.Context, observer *observer, server *service.Server, announce func(grpcAddr, httpAddr, adminAddr string),
) error {
	grpcListener, httpListener, err := c.listen(ctx)
	if err != nil {
		return err
	}
	admin, err := c.openAdmin(ctx, observer, server)
	if err != nil {
		return errors.Join(err, grpcListener.Close(), httpListener.Close())
	}
	defer admin.close()
	served := make(chan error, 1)
	go func() { served <- server.Serve(observer.countConnections(grpcListener, httpListener)) }()
	announce(grpcListener.Addr().String(), httpListener.Addr().String(), admin.addr())
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	return errors.Join(c.shutDown(observer.log, server), <-served)
}

// shutDown ends the server after its calls, or at once at a second signal.
func (c *serveCommand) shutDown(log *slog.Logger, server *service.Server) error {
	patience, cancel := shutdownContext(c.DrainDelay + c.GracePeriod) // before anybody can know of the shutdown, and send a signal
	defer cancel()
	log.Info("shutting down", "drain_delay", c.DrainDelay.String(), "grace_period", c.GracePeriod.String())
	server.Drain()
	drained := time.NewTimer(c.DrainDelay)
	defer drained.Stop()
	select {
	case <-drained.C:
	case <-patience.Done():
	}
	if err := server.Shutdown(patience); err != nil {
		return fmt.Errorf("calls in flight were cut off: %w", err)
	}
	log.Info("stopped")
	return nil
}

// installLogger makes the service's logger, and makes it the logger of Go's libraries and gRPC too.
func (c *serveCommand) installLogger(w io.Writer) *slog.Logger {
	replace := service.MaskICCIDs
	if c.LogFullICCIDs {
		replace = service.BoundAttrs
	}
	log := slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: replace}))
	slog.SetDefault(log)
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, slog.NewLogLogger(log.Handler(), slog.LevelError).Writer()))
	return log
}

func (c *serveCommand) check() error {
	if err := c.doorFlags.check(c.securityFlags); err != nil {
		return err
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
	if c.DrainDelay < 0 {
		return fmt.Errorf("--drain-delay must not be negative, but it is %s", c.DrainDelay)
	}
	if c.DefaultTimeout > c.MaxTimeout {
		return fmt.Errorf("--default-timeout %s is above --max-timeout %s", c.DefaultTimeout, c.MaxTimeout)
	}
	return c.telemetryFlags.check()
}

// shutdownContext ends after the grace period or at a second signal.
func shutdownContext(grace time.Duration) (context.Context, context.CancelFunc) {
	timeout, cancel := context.WithTimeoutCause(context.Background(), grace,
		errors.New("the grace period ended"))
	ctx, stop := signal.NotifyContext(timeout, syscall.SIGINT, syscall.SIGTERM)
	return ctx, func() { stop(); cancel() }
}
