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

// telemetryFlags are serve's flags about what an operator sees.
type telemetryFlags struct {
	AdminAddr    string  `default:"127.0.0.1:9091" help:"The address of /metrics, /livez, /readyz and, for loopback, /debug/pprof/, over plain HTTP; empty for none."`
	LogSuccesses float64 `default:"100" help:"The percentage of successful calls that get a log line; all others do."`
}

func (f telemetryFlags) check() error {
	if !(f.LogSuccesses >= 0 && f.LogSuccesses <= 100) { // written so that NaN fails too
		return fmt.Errorf("--log-successes %v is not a valid percentage; give 0 to 100", f.LogSuccesses)
	}
	return nil
}

// flushTime is how long sending the last spans may take at the end.
const flushTime = 5 * time.Second

// An observer sees what happens while the service runs.
type observer struct {
	log          *slog.Logger
	metrics      *telemetry.Metrics
	traces       *telemetry.Traces // nil if no traces are configured
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

// close sends the spans that have not been sent yet.
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

// clientOptions have an account's client report its events and spans.
func (o *observer) clientOptions(lane *telemetry.Lane) []jasperclient.Option {
	events := lane.Events()
	events.Changed = func(jasperclient.LaneState) {
		select {
		case o.lanesChanged <- struct{}{}:
		default: // a change is announced already, and its receiver will see this one too
		}
	}
	options := []jasperclient.Option{jasperclient.WithEvents(events)}
	if o.traces != nil {
		options = append(options, jasperclient.WithTracerProvider(o.traces.Provider))
	}
	return options
}

// observe adds to the server's configuration how calls are logged, counted and traced.
func (f telemetryFlags) observe(o *observer, usage *service.UsageService, cfg service.Config) service.Config {
	const percent = 100
	cfg.SilentSuccesses = percent - f.LogSuccesses
	cfg.Called = o.metrics.Called
	cfg.LanesChanged = o.lanesChanged
	if o.traces != nil {
		cfg.TracerProvider, cfg.Traced = o.traces.Provider, o.traces.Chosen
	}
	o.metrics.CollectAccounts(usage.States)
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

// openAdmin opens the operator's door, or none if it has no address. If the door fails later, the service goes on without it.
func (f telemetryFlags) openAdmin(ctx context.Context, o *observer, server *service.Server) (*httpDoor, error) {
	if f.AdminAddr == "" {
		return &httpDoor{}, nil
	}
	door, err := openHTTPDoor(ctx, f.AdminAddr, telemetry.NewAdmin(o.metrics, server.WithHealth, o.log), func(err error) {
		if !errors.Is(err, http.ErrServerClosed) {
			o.log.Error("the door of --admin-addr is closed", "cause", err.Error())
		}
	})
	if err != nil {
		return nil, fmt.Errorf("--admin-addr: %w", err)
	}
	return door, nil
}
