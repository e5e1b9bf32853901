package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
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
	// maxStreams is how many calls a connection may have in progress. gRPC clients make further calls wait.
	maxStreams = 1000
	// streamWorkers are goroutines that handle one call after another: their stacks have grown already, and a new goroutine's
	// is copied as it grows. When all are busy, a call gets a goroutine of its own.
	streamWorkers = 64
	// connectTimeout bounds a gRPC caller's handshake: a shutdown waits for it.
	connectTimeout = 5 * time.Second
	// readTimeout and idleTimeout bound what a caller can leave open: an unfinished request, and a connection without one.
	readTimeout = 10 * time.Second
	idleTimeout = 2 * time.Minute
	// writeMargin is the time left to write a reply when a call took all of MaxTimeout.
	writeMargin = 10 * time.Second
	// lastWord is how long requests that are cut off have to be told so.
	lastWord = time.Second
	// probeAfter and probeTimeout detect gRPC callers that are gone without having closed their connection.
	probeAfter   = time.Minute
	probeTimeout = 20 * time.Second
	// minPing is the shortest time between a caller's keepalive pings; faster callers are disconnected.
	minPing = 10 * time.Second
)

// Config is how a [Server] treats its calls.
type Config struct {
	// DefaultTimeout is the timeout of a call that has none.
	DefaultTimeout time.Duration
	// MaxTimeout is the longest timeout; a longer one is cut to it.
	MaxTimeout time.Duration
	// Callers says who may call; nil lets everybody in.
	Callers *callers.Guard
	// Certificates are for both doors; nil serves without TLS.
	Certificates *certificates.Certificates
	// MaxConnections bounds the connections of each door; 0 is no bound.
	MaxConnections int
	// MaxConnectionAge is the age at which a gRPC connection's caller is asked to reconnect, so that callers find new
	// instances; 0 is no bound.
	MaxConnectionAge time.Duration
	// LoopbackOnly answers REST requests only under this machine's own names, for a service that everybody on it may ask.
	LoopbackOnly bool
	// CORSOrigins are the sites whose pages may call REST, such as https://usage.example.com.
	CORSOrigins []string
	// LegacyDoor serves Control Center's own path on the REST address, for clients that were written for Control Center.
	LegacyDoor bool
	// Pages are further paths of the REST address, open to everybody; nil for none.
	Pages Pages
	// Logger gets everything but calls. Give its handler MaskICCIDs, unless the log may show full ICCIDs.
	Logger *slog.Logger
	// AccessLog gets one Write for each call, a line of JSON as slog's own handler would write it; nil for none.
	AccessLog io.Writer
	// LogFullICCIDs makes AccessLog show full ICCIDs; otherwise it shows their last four digits.
	LogFullICCIDs bool
	// SilentSuccesses is the percentage of successful calls that get no line, chosen at random.
	SilentSuccesses float64
	// Called, unless it is nil, gets every finished call of UsageService, and the requests that the REST door refuses by
	// itself. It must not block.
	Called func(Call)
	// LanesChanged receives after the lane of an account has changed, as jasperclient.Events reports; nil if nothing sends.
	LanesChanged <-chan struct{}
	// TracerProvider makes a span for each call of UsageService; nil for none.
	TracerProvider trace.TracerProvider
	// Traced says whether a call outside a caller's trace becomes a span; if not, nothing that the call does is traced either.
	// nil: every call does. It spares most calls the provider, whose sampler decides only after it has made a span.
	Traced func() bool
}

// Pages are paths with a handler of their own.
type Pages interface {
	http.Handler
	// Serves reports whether the handler has this path.
	Serves(path string) bool
}

func (cfg Config) check() error {
	if cfg.Logger == nil || cfg.DefaultTimeout <= 0 || cfg.MaxTimeout < cfg.DefaultTimeout {
		return errors.New("service: a server needs a logger, and a default timeout above 0 and not above the greatest")
	}
	if !(cfg.SilentSuccesses >= 0 && cfg.SilentSuccesses <= 100) { // so NaN fails too
		return fmt.Errorf("service: %v is not a percentage; give 0 to 100", cfg.SilentSuccesses)
	}
	return nil
}

// passage makes the passage that all doors share. Calls that are cut off when stopped ends are told so.
func (cfg Config) passage(stopped context.Context, usage *UsageService, keeper doorkeeper, log accessLog) *passage {
	return &passage{usage: usage, keeper: keeper, log: log, tracer: newTracer(cfg), stopped: stopped,
		defaultTimeout: cfg.DefaultTimeout, maxTimeout: cfg.MaxTimeout}
}

// bounds are the limits of callers' gRPC connections.
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
			// A caller that is asked to reconnect may finish its calls.
			MaxConnectionAgeGrace: cfg.MaxTimeout + writeMargin,
			Time:                  probeAfter,
			Timeout:               probeTimeout,
		}),
	}
	if cfg.Certificates != nil {
		options = append(options, grpc.Creds(logHandshakes(credentials.NewTLS(cfg.Certificates.Config()), cfg.Logger)))
	}
	return options
}

// restServer makes the server of the REST address, with limits of the same kind. Its requests end when stopped does.
func (cfg Config) restServer(stopped context.Context, handler http.Handler) *http.Server {
	server := &http.Server{
		Handler:           handler,
		BaseContext:       func(net.Listener) context.Context { return stopped },
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
