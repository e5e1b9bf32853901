package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/zoneusage/zoneusage/internal/reload"
	"github.com/zoneusage/zoneusage/internal/telemetry"
	"github.com/zoneusage/zoneusage/jasperclient"
	"github.com/zoneusage/zoneusage/service"
)

// telemetryFlags are those of serve that say what an operator sees.
type telemetryFlags struct {
	AdminAddr    string  `default:"127.0.0.1:9091" help:"The address of /metrics, /livez, /readyz and, for loopback, /debug/pprof/, over plain HTTP; empty for none."`
	LogSuccesses float64 `default:"100" help:"The percentage of successful calls that get a log line; all others do."`

	observer *observer
}

func (f telemetryFlags) check() error {
	if !(f.LogSuccesses >= 0 && f.LogSuccesses <= 100) { // so NaN fails too
		return fmt.Errorf("--log-successes %v is no percentage; give 0 to 100", f.LogSuccesses)
	}
	return nil
}

// flushTime is what the last spans may take to be sent at the end.
const flushTime = 5 * time.Second

// An observer sees what happens while the service runs.
type observer struct {
	log          *slog.Logger
	metrics      *telemetry.Metrics
	traces       *telemetry.Traces // nil where nobody asks for them
	lanesChanged chan struct{}
}

func newObserver(ctx context.Context, log *slog.Logger) (*observer, error) {
	traces, err := telemetry.NewTraces(ctx, versionName(), log)
	if err != nil {
		return nil, err
	}
	return &observer{
		log:          log,
		metrics:      telemetry.New(versionName(), revision()),
		traces:       traces,
		lanesChanged: make(chan struct{}, 1),
	}, nil
}

// close sends what spans there are.
func (o *observer) close() {
	if o.traces == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	if err := o.traces.Provider.Shutdown(ctx); err != nil {
		o.log.Warn("the last spans are lost", "cause", err.Error())
	}
}

// clientOptions let the client of an account be seen.
func (o *observer) clientOptions(lane *telemetry.Lane) []jasperclient.Option {
	events := lane.Events()
	events.Changed = func(jasperclient.LaneState) {
		select {
		case o.lanesChanged <- struct{}{}:
		default: // who looks next sees this change too
		}
	}
	options := []jasperclient.Option{jasperclient.WithEvents(events)}
	if o.traces != nil {
		options = append(options, jasperclient.WithTracerProvider(o.traces.Provider))
	}
	return options
}

// observe adds to the server's configuration what is told of the calls.
func (f telemetryFlags) observe(usage *service.UsageService, cfg service.Config) service.Config {
	const percent = 100
	cfg.SilentSuccesses = percent - f.LogSuccesses
	cfg.Called = f.observer.metrics.Called
	cfg.LanesChanged = f.observer.lanesChanged
	if f.observer.traces != nil {
		cfg.TracerProvider, cfg.Traced = f.observer.traces.Provider, f.observer.traces.Chosen
	}
	f.observer.metrics.CollectAccounts(usage.States)
	return cfg
}

// reload reads the sources again when their files change, until ctx ends.
func (o *observer) reload(
	ctx context.Context, hangup <-chan os.Signal, secure *security, usage *service.UsageService, sources []reload.Source,
) {
	reload.Run(ctx, o.log, hangup, func(source string, err error) {
		o.metrics.Reloaded(source, err)
		secure.reportExpiry(o.metrics)
		secure.warn(o.log, usage.States())
	}, sources...)
}

// countConnections counts the connections of both doors.
func (o *observer) countConnections(grpcListener, httpListener net.Listener) (countedGRPC, countedHTTP net.Listener) {
	return o.metrics.CountConnections("grpc", grpcListener), o.metrics.CountConnections("rest", httpListener)
}

// An adminDoor is the operator's; without a listener there is none.
type adminDoor struct {
	listener net.Listener
	server   *http.Server
	ended    chan struct{}
}

// openAdmin serves it until close. The service goes on when it fails.
func (f telemetryFlags) openAdmin(ctx context.Context, server *service.Server) (*adminDoor, error) {
	if f.AdminAddr == "" {
		return &adminDoor{}, nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", f.AdminAddr)
	if err != nil {
		return nil, fmt.Errorf("--admin-addr: %w", err)
	}
	log := f.observer.log
	door := &adminDoor{listener, telemetry.NewAdmin(f.observer.metrics, server.WithHealth, log), make(chan struct{})}
	go func() {
		defer close(door.ended)
		if err := door.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the door of --admin-addr is closed", "cause", err.Error())
		}
	}()
	return door, nil
}

func (d *adminDoor) addr() string {
	if d.listener == nil {
		return ""
	}
	return d.listener.Addr().String()
}

// close ends it at once: what it was asked for is about a service that has ended.
func (d *adminDoor) close() {
	if d.listener == nil {
		return
	}
	_ = d.server.Close() // it ends in any case
	<-d.ended
}
