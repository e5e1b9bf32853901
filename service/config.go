package service

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"github.com/zoneusage/zoneusage/internal/callers"
	"github.com/zoneusage/zoneusage/internal/certificates"
)

const (
	// maxRequestBytes is far above any request: an ICCID, a date and two names.
	maxRequestBytes = 64 << 10
	// maxHeaderBytes bounds the headers of a call, and with them a REST request's URL.
	maxHeaderBytes = 64 << 10
	// maxStreams is how many calls a connection may have under way. gRPC clients let those wait that are more.
	maxStreams = 1000
	// streamWorkers are goroutines that handle calls, one after the other: their stacks have grown already, and those of new ones
	// have to be copied as they grow. More calls than there are workers get goroutines of their own.
	streamWorkers = 64
	// connectTimeout bounds a gRPC caller's handshake, for which a shutdown waits.
	connectTimeout = 5 * time.Second
	// readTimeout and idleTimeout bound what a caller can leave open: a request that has begun, and a connection without one.
	readTimeout = 10 * time.Second
	idleTimeout = 2 * time.Minute
	// writeMargin is the time a reply has left to be written when a call took all of MaxTimeout.
	writeMargin = 10 * time.Second
	// probeAfter and probeTimeout find out that a gRPC caller is gone without a word.
	probeAfter   = time.Minute
	probeTimeout = 20 * time.Second
	// minPing is how often callers may ask the same of the server. Who does so more often is cut off.
	minPing = 10 * time.Second
)

// Config is how a [Server] treats every call.
type Config struct {
	// DefaultTimeout is the deadline of a call that comes with none.
	DefaultTimeout time.Duration
	// MaxTimeout cuts a longer deadline of a caller.
	MaxTimeout time.Duration
	// Callers says who may call; nil lets everybody in.
	Callers *callers.Guard
	// Certificates are those of both doors; nil serves in the clear.
	Certificates *certificates.Certificates
	// MaxConnections bounds those of each door; 0 is no bound.
	MaxConnections int
	// MaxConnectionAge is how old a gRPC connection becomes before its caller is asked to make a new one, so that callers find
	// new instances; 0 is no bound.
	MaxConnectionAge time.Duration
	// LoopbackOnly answers REST requests for this machine's own names alone, for a service that everybody on it may ask.
	LoopbackOnly bool
	// CORSOrigins are whose pages may call REST, such as https://usage.example.com.
	CORSOrigins []string
	// LegacyDoor serves Control Center's own path on the REST address, for clients that were written for it.
	LegacyDoor bool
	// Pages are further paths of the REST address, which are for everybody; nil for none.
	Pages Pages
	// Logger gets what is to be told but calls. Give its handler MaskICCIDs, unless the log may have ICCIDs whole.
	Logger *slog.Logger
	// AccessLog gets a line of JSON for each call, as slog's own handler would write it, in one Write; nil for none.
	AccessLog io.Writer
	// LogFullICCIDs leaves the ICCIDs in it whole, which else show their last four digits.
	LogFullICCIDs bool
	// SilentSuccesses is the percentage of successful calls that get no line, chosen at random.
	SilentSuccesses float64
	// Called, unless it is nil, is told of every call of UsageService that has ended, and of the requests that the REST door
	// refuses by itself. It must not block.
	Called func(Call)
	// LanesChanged receives after the lane of an account has changed, as jasperclient.Events tells; nil where nobody does.
	LanesChanged <-chan struct{}
	// TracerProvider makes each call of UsageService a span; nil for none.
	TracerProvider trace.TracerProvider
	// Traced says whether a call that is no part of a caller's trace becomes a span; if not, nothing that it does is traced
	// either. nil: every call does.
	// It spares most calls the provider, whose sampler decides only after it has made a span.
	Traced func() bool
}

// Pages are paths with a handler of their own.
type Pages interface {
	http.Handler
	// Serves reports whether a path is one of them.
	Serves(path string) bool
}

func (cfg Config) check() error {
	if cfg.Logger == nil || cfg.DefaultTimeout <= 0 || cfg.MaxTimeout < cfg.DefaultTimeout {
		return errors.New("service: a server needs a logger, and a default timeout above 0 and not above the greatest")
	}
	if !(cfg.SilentSuccesses >= 0 && cfg.SilentSuccesses <= 100) { // so NaN fails too
		return fmt.Errorf("service: %v is no percentage; give 0 to 100", cfg.SilentSuccesses)
	}
	return nil
}

// passage is what every question passes.
func (cfg Config) passage(usage *UsageService, keeper doorkeeper, log accessLog) *passage {
	return &passage{usage: usage, keeper: keeper, log: log, tracer: newTracer(cfg),
		defaultTimeout: cfg.DefaultTimeout, maxTimeout: cfg.MaxTimeout}
}

// bounds are those of callers' own gRPC connections.
func (cfg Config) bounds() []grpc.ServerOption {
	options := []grpc.ServerOption{
		grpc.NumStreamWorkers(streamWorkers),
		grpc.ConnectionTimeout(connectTimeout),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.InTapHandle(begin),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPing, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: idleTimeout, // without a call
			MaxConnectionAge:  cfg.MaxConnectionAge,
			// Who is asked to connect anew may end what is under way.
			MaxConnectionAgeGrace: cfg.MaxTimeout + writeMargin,
			Time:                  probeAfter,
			Timeout:               probeTimeout,
		}),
	}
	if cfg.Certificates != nil {
		options = append(options, grpc.Creds(tellHandshakes(credentials.NewTLS(cfg.Certificates.Config()), cfg.Logger)))
	}
	return options
}

// restServer is the REST door's, with bounds of the same kind.
func (cfg Config) restServer(handler http.Handler) *http.Server {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      cfg.MaxTimeout + writeMargin,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          restErrors(cfg.Logger),
	}
	if cfg.Certificates != nil {
		server.TLSConfig = cfg.Certificates.Config()
	}
	return server
}
