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
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"google.golang.org/grpc/grpclog"

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

	telemetryFlags
}

// apiKeyVariable can hold the API key.
const apiKeyVariable = "ZONEUSAGE_API_KEY"

// defaultAccount is the name that replies carry of the one account that the flags configure.
const defaultAccount = "default"

// maxCacheMiB is a pebibyte.
const maxCacheMiB = 1 << 30

// Run serves both doors until ctx ends, and then lets the calls in flight end.
func (c *serveCommand) Run(ctx context.Context, app *kong.Kong) error {
	err := c.check()
	if err != nil {
		return err
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP) // before anybody can know that it serves
	defer signal.Stop(hangup)
	log := c.logger(app.Stderr)
	// Also for what Go's libraries and gRPC's have to say.
	slog.SetDefault(log)
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, slog.NewLogLogger(log.Handler(), slog.LevelError).Writer()))
	if c.observer, err = newObserver(ctx, log); err != nil {
		return err
	}
	defer c.observer.close()
	upstream, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer upstream.close()
	usage, err := service.New(service.AnswerConfig{CacheBytes: c.CacheMiB << 20, ServeStale: c.ServeStale}, upstream.accounts...)
	if err != nil {
		return err
	}
	server, err := service.NewServer(usage, c.observe(usage, service.Config{
		DefaultTimeout: c.DefaultTimeout,
		MaxTimeout:     c.MaxTimeout,
		Logger:         log,
	}))
	if err != nil {
		return err
	}
	defer server.Close()
	admin, err := c.listenAdmin(ctx, server)
	if err != nil {
		return err
	}
	defer admin.close()
	grpcListener, httpListener, err := c.listen(ctx)
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(c.observer.count(grpcListener, httpListener)) }()
	go admin.serve()
	upstream.announce(log, app.Stdout, grpcListener.Addr().String(), httpListener.Addr().String(), admin.addr())
	for serving := true; serving; {
		select {
		case err := <-served:
			return err
		case <-hangup:
			upstream.reload(log, usage, c.observer.metrics)
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
	return c.telemetryFlags.check()
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
