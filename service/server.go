package service

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/test/bufconn"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/callers"
)

const (
	// maxRequestBytes is far above any request: an ICCID, a date and two names.
	maxRequestBytes = 64 << 10
	// maxHeaderBytes bounds the headers of a call, and with them a REST request's URL.
	maxHeaderBytes = 64 << 10
	// maxStreams is how many calls a connection may have under way. gRPC clients let those wait that are more.
	maxStreams = 1000
	// inProcessBuffer is the window of the connection between the doors.
	inProcessBuffer = 256 << 10
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
	// TLS is that of both doors; nil serves in the clear.
	TLS *tls.Config
	// MaxConnections bounds those of each door; 0 is no bound.
	MaxConnections int
	// MaxConnectionAge is how old a gRPC connection becomes before its caller is asked to make a new one, so that callers find
	// new instances; 0 is no bound.
	MaxConnectionAge time.Duration
	// CORSOrigins are whose pages may call REST, such as https://usage.example.com.
	CORSOrigins []string
	// Logger gets one line per call. Give its handler MaskICCIDs, unless the log may have ICCIDs whole.
	Logger *slog.Logger
}

// A Server is a UsageService behind its two doors: gRPC, and REST in front of gRPC in memory, so that both pass the same
// interceptors. It also serves grpc.health.v1 and reflection, /livez and /readyz.
type Server struct {
	grpc      *grpc.Server // for callers
	inner     *grpc.Server // for REST: no bound of a connection is for the one between the doors
	http      *http.Server
	tls       bool
	health    *health.Server
	grpcConns boundedListener
	httpConns boundedListener
	inProcess *bufconn.Listener
	conn      *grpc.ClientConn
	// endStreams ends the streams that a drain would wait for in vain.
	endStreams context.CancelFunc
}

// NewServer makes a server that listens nowhere yet.
func NewServer(usage *UsageService, cfg Config) (*Server, error) {
	if cfg.Logger == nil || cfg.DefaultTimeout <= 0 || cfg.MaxTimeout < cfg.DefaultTimeout {
		return nil, errors.New("service: a server needs a logger, and a default timeout above 0 and not above the greatest")
	}
	if cfg.Callers == nil {
		everybody, err := callers.New(callers.Settings{})
		if err != nil {
			return nil, err
		}
		cfg.Callers = everybody
	}
	draining, endStreams := context.WithCancel(context.Background())
	s := &Server{
		tls:        cfg.TLS != nil,
		health:     health.NewServer(),
		inProcess:  bufconn.Listen(inProcessBuffer),
		endStreams: endStreams,
	}
	s.grpcConns.most, s.httpConns.most = cfg.MaxConnections, cfg.MaxConnections
	keeper := doorkeeper{cfg.Callers, usage}
	every := []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(
			whenArrived,
			withRequestID,
			accessLog{cfg.Logger}.unary,
			withDeadline(cfg.DefaultTimeout, cfg.MaxTimeout),
			withRecovery,
			keeper.unary,
		),
		grpc.ChainStreamInterceptor(untilDrained(draining), keeper.stream),
		grpc.MaxRecvMsgSize(maxRequestBytes),
	}
	s.grpc = grpc.NewServer(append(every, boundsOf(cfg)...)...)
	s.inner = grpc.NewServer(every...)
	for _, server := range []*grpc.Server{s.grpc, s.inner} {
		usagev1.RegisterUsageServiceServer(server, usage)
	}
	healthpb.RegisterHealthServer(s.grpc, s.health)
	reflection.Register(s.grpc)
	s.health.SetServingStatus(usagev1.UsageService_ServiceDesc.ServiceName, healthpb.HealthCheckResponse_SERVING)

	var err error
	s.conn, err = grpc.NewClient("passthrough:///in-process",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return s.inProcess.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDisableRetry())
	if err != nil {
		return nil, err
	}
	gateway, err := newGateway(s.conn, accessLog{cfg.Logger}, keeper)
	if err != nil {
		return nil, errors.Join(err, s.conn.Close())
	}
	s.http = &http.Server{
		Handler:           s.withHealth(withCORS(cfg.CORSOrigins, gateway)),
		TLSConfig:         cfg.TLS,
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      cfg.MaxTimeout + writeMargin,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelWarn),
	}
	return s, nil
}

// boundsOf are those of callers' own gRPC connections.
func boundsOf(cfg Config) []grpc.ServerOption {
	options := []grpc.ServerOption{
		grpc.ConnectionTimeout(connectTimeout),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.InTapHandle(untilArrived),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPing, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: cfg.MaxTimeout, // no call takes longer, and callers keep a connection between them
			MaxConnectionAge:  cfg.MaxConnectionAge,
			// Who is asked to connect anew may end what is under way.
			MaxConnectionAgeGrace: cfg.MaxTimeout + writeMargin,
			Time:                  probeAfter,
			Timeout:               probeTimeout,
		}),
	}
	if cfg.TLS != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(cfg.TLS)))
	}
	return options
}

// withHealth answers /livez while the process runs and /readyz while it takes calls.
func (s *Server) withHealth(rest http.Handler) http.Handler {
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
			rest.ServeHTTP(w, r)
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
	s.grpcConns.Listener, s.httpConns.Listener = grpcListener, httpListener
	serve(func() error { return s.grpc.Serve(&s.grpcConns) })
	serve(func() error { return s.inner.Serve(s.inProcess) })
	serve(func() error {
		if s.tls {
			return s.http.ServeTLS(&s.httpConns, "", "")
		}
		return s.http.Serve(&s.httpConns)
	})
	return doors.Wait()
}

// Drain tells health checks that the server is NOT_SERVING, and goes on serving until [Server.Shutdown].
func (s *Server) Drain() { s.health.Shutdown() }

// Shutdown tells health checks that the server is NOT_SERVING, lets the calls in flight end, REST's first because
// they are gRPC calls too, and closes the doors. When ctx ends first it cuts the calls off and returns ctx's cause.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Drain()
	cutOff := context.AfterFunc(ctx, s.Close)
	err := s.http.Shutdown(ctx)
	s.endStreams()
	s.inner.GracefulStop()
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
	s.grpcConns.cutOff()
	s.grpc.Stop()
	s.inner.Stop()
	_ = s.conn.Close()
}
