package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/test/bufconn"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

const (
	// maxRequestBytes is far above any request: an ICCID, a date and two names.
	maxRequestBytes = 64 << 10
	// maxHeaderBytes bounds the headers, and with them the URL, of a REST request.
	maxHeaderBytes = 64 << 10
	// inProcessBuffer is the window of the connection between the doors.
	inProcessBuffer = 256 << 10
	// connectTimeout bounds a gRPC caller's handshake, for which a shutdown waits.
	connectTimeout = 5 * time.Second
	// readTimeout and idleTimeout bound what a REST caller can leave open.
	readTimeout = 10 * time.Second
	idleTimeout = 2 * time.Minute
	// writeMargin is the time a reply has left to be written when a call took all of MaxTimeout.
	writeMargin = 10 * time.Second
)

// Config is how a [Server] treats every call.
type Config struct {
	// DefaultTimeout is the deadline of a call that comes with none.
	DefaultTimeout time.Duration
	// MaxTimeout cuts a longer deadline of a caller.
	MaxTimeout time.Duration
	// Logger gets one line per call. Give its handler MaskICCIDs, unless the log may have ICCIDs whole.
	Logger *slog.Logger
	// SilentSuccesses is the percentage of successful calls that get no line, chosen at random.
	SilentSuccesses float64
	// Called, unless it is nil, is told of every call of UsageService that has ended, and of the requests that the REST door
	// refuses by itself. It must not block.
	Called func(Call)
	// LanesChanged receives after the lane of an account has changed, as jasperclient.Events tells; nil where nobody does.
	LanesChanged <-chan struct{}
	// TracerProvider makes each call of UsageService a span; nil for none.
	TracerProvider trace.TracerProvider
}

// A Server is a UsageService behind its two doors: gRPC, and REST in front of the same gRPC server, so that both pass
// the same interceptors. It also serves grpc.health.v1 and reflection, /livez and /readyz.
type Server struct {
	grpc      *grpc.Server
	http      *http.Server
	health    *health.Server
	callers   cuttingListener
	inProcess *bufconn.Listener
	conn      *grpc.ClientConn
	// followLanes tells health checks and the log of the accounts' lanes, until endStreams.
	followLanes func()
	// endStreams ends the streams that a drain would wait for in vain.
	endStreams context.CancelFunc
}

// NewServer makes a server that listens nowhere yet.
func NewServer(usage *UsageService, cfg Config) (*Server, error) {
	if !(cfg.SilentSuccesses >= 0 && cfg.SilentSuccesses <= 100) { // so NaN fails too
		return nil, fmt.Errorf("service: %v is no percentage; give 0 to 100", cfg.SilentSuccesses)
	}
	if cfg.Logger == nil || cfg.DefaultTimeout <= 0 || cfg.MaxTimeout < cfg.DefaultTimeout {
		return nil, errors.New("service: a server needs a logger, and a default timeout above 0 and not above the greatest")
	}
	draining, endStreams := context.WithCancel(context.Background())
	log := accessLog{cfg.Logger, cfg.SilentSuccesses, cfg.Called}
	s := &Server{
		grpc: grpc.NewServer(
			grpc.ChainUnaryInterceptor(cfg.interceptors(log)...),
			grpc.ChainStreamInterceptor(untilDrained(draining)),
			grpc.MaxRecvMsgSize(maxRequestBytes),
			grpc.ConnectionTimeout(connectTimeout),
		),
		health:    health.NewServer(),
		inProcess: bufconn.Listen(inProcessBuffer),

		endStreams: endStreams,
	}
	usagev1.RegisterUsageServiceServer(s.grpc, usage)
	healthpb.RegisterHealthServer(s.grpc, s.health)
	reflection.Register(s.grpc)
	s.health.SetServingStatus(usagev1.UsageService_ServiceDesc.ServiceName, healthpb.HealthCheckResponse_SERVING)
	following := &lanes{log: cfg.Logger, health: s.health, states: usage.States}
	following.look(draining)
	s.followLanes = func() { following.follow(draining, usage.changed, cfg.LanesChanged) }

	var err error
	s.conn, err = grpc.NewClient("passthrough:///in-process",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return s.inProcess.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDisableRetry())
	if err != nil {
		return nil, err
	}
	gateway, err := newGateway(s.conn, log, usage)
	if err != nil {
		return nil, errors.Join(err, s.conn.Close())
	}
	s.http = &http.Server{
		Handler:           s.WithHealth(gateway),
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      cfg.MaxTimeout + writeMargin,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelWarn),
	}
	return s, nil
}

// WithHealth answers /livez while the process runs and /readyz while it takes calls, in front of a handler of other paths.
func (s *Server) WithHealth(others http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/livez":
			writeText(w, http.StatusOK, "ok")
		case "/readyz":
			resp, err := s.health.Check(r.Context(), &healthpb.HealthCheckRequest{})
			if err != nil || resp.GetStatus() != healthpb.HealthCheckResponse_SERVING {
				writeText(w, http.StatusServiceUnavailable, "shutting down")
				return
			}
			writeText(w, http.StatusOK, "ok")
		default:
			others.ServeHTTP(w, r)
		}
	})
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // fails when the caller left
}

// Serve serves both doors until [Server.Shutdown], and then returns nil, or until one of them fails.
func (s *Server) Serve(grpcListener, httpListener net.Listener) error {
	var doors errgroup.Group
	serve := func(door func() error) {
		doors.Go(func() error {
			err := door()
			if err == nil || errors.Is(err, http.ErrServerClosed) || errors.Is(err, grpc.ErrServerStopped) {
				return nil
			}
			s.Close() // one door alone is no service
			return err
		})
	}
	doors.Go(func() error { s.followLanes(); return nil })
	s.callers.Listener = grpcListener
	serve(func() error { return s.grpc.Serve(&s.callers) })
	serve(func() error { return s.grpc.Serve(s.inProcess) })
	serve(func() error { return s.http.Serve(httpListener) })
	return doors.Wait()
}

// Shutdown tells health checks that the server is NOT_SERVING, lets the calls in flight end, REST's first because
// they are gRPC calls too, and closes the doors. When ctx ends first it cuts the calls off and returns ctx's cause.
func (s *Server) Shutdown(ctx context.Context) error {
	s.health.Shutdown()
	cutOff := context.AfterFunc(ctx, s.Close)
	err := s.http.Shutdown(ctx)
	s.endStreams()
	s.grpc.GracefulStop()
	if !cutOff() {
		return context.Cause(ctx)
	}
	s.Close()
	return err
}

// Close ends everything at once. A second Close does nothing.
func (s *Server) Close() {
	// It ends in any case, whatever the errors.
	_ = s.http.Close()
	s.endStreams()
	s.callers.cutOff()
	s.grpc.Stop()
	_ = s.conn.Close()
}
