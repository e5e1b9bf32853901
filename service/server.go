package service

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/callers"
)

// A Server serves a UsageService through its doors, gRPC and REST, whose questions take the same passage. It also serves
// grpc.health.v1 and reflection, /livez and /readyz.
type Server struct {
	grpc      *grpc.Server
	http      *http.Server
	health    *health.Server
	arrivals  *arrivals
	grpcConns boundedListener
	httpConns boundedListener
	// requests is read-locked by each request of the REST address that is being answered.
	requests sync.RWMutex
	// followLanes reports the accounts' lanes to health checks and the log, until endStreams.
	followLanes func()
	// stop is called when calls are cut off.
	stop context.CancelFunc
	// stopped is the context that stop ends.
	stopped context.Context
	// endStreams ends the streams that a drain would wait for in vain.
	endStreams context.CancelFunc
}

// NewServer makes a server that does not listen yet.
func NewServer(usage *UsageService, cfg Config) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Callers == nil {
		everybody, err := callers.New(callers.Settings{})
		if err != nil {
			return nil, err
		}
		cfg.Callers = everybody
	}
	draining, endStreams := context.WithCancel(context.Background())
	s := &Server{health: health.NewServer(), arrivals: new(arrivals), endStreams: endStreams}
	s.stopped, s.stop = context.WithCancel(context.Background())
	s.grpcConns.limit, s.grpcConns.onFull = cfg.MaxConnections, fullDoor(cfg, doorGRPC)
	s.httpConns.limit, s.httpConns.onFull = cfg.MaxConnections, fullDoor(cfg, doorREST)
	keeper := doorkeeper{guard: cfg.Callers, certificates: cfg.Certificates, usage: usage, strangers: new(atomic.Int64)}
	log := newAccessLog(cfg)
	p := cfg.passage(s.stopped, usage, keeper, log)
	door := grpcDoor{p, s.arrivals}
	s.grpc = grpc.NewServer(append(cfg.bounds(),
		grpc.UnaryInterceptor(door.interceptHealth),
		grpc.ChainStreamInterceptor(log.stream, withStreamRecovery, untilDrained(draining), s.arrivals.stream, keeper.stream),
		grpc.ForceServerCodecV2(answerCodec{encoding.GetCodecV2(proto.Name)}),
		grpc.MaxRecvMsgSize(maxRequestBytes))...)
	door.register(s.grpc)
	healthpb.RegisterHealthServer(boundedServer{s.grpc, s.arrivals}, s.health)
	reflection.Register(s.grpc)
	s.health.SetServingStatus(usagev1.UsageService_ServiceDesc.ServiceName, healthpb.HealthCheckResponse_SERVING)
	following := &lanes{log: cfg.Logger, health: s.health, states: usage.States}
	following.look(draining)
	s.followLanes = func() { following.follow(draining, usage.changed, cfg.LanesChanged) }

	o := origins{loopbackOnly: cfg.LoopbackOnly, listed: cfg.CORSOrigins}
	rest, err := newRESTDoor(p, o)
	if err != nil {
		return nil, err
	}
	s.http = cfg.restServer(s.stopped, s.counted(s.WithHealth(withPages(cfg.Pages, cfg.withLegacyDoor(p, o, withCORS(cfg.CORSOrigins, rest))))))
	return s, nil
}

// counted lets [Server.Close] wait until a handler's requests have ended, for which net/http has nothing.
func (s *Server) counted(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.RLock()
		defer s.requests.RUnlock()
		handler.ServeHTTP(w, r)
	})
}

// WithHealth answers /livez while the process runs and /readyz while it takes calls, in front of the handler of all other
// paths.
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

// withPages serves the pages in front of the handler of all other paths.
func withPages(pages Pages, others http.Handler) http.Handler {
	if pages == nil {
		return others
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if pages.Serves(r.URL.Path) {
			pages.ServeHTTP(w, r)
			return
		}
		others.ServeHTTP(w, r)
	})
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // fails if the caller has left
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
			s.Close() // one door alone is not the service
			return err
		})
	}
	doors.Go(func() error { s.followLanes(); return nil })
	doors.Go(func() error { s.arrivals.sweep(s.stopped); return nil })
	s.grpcConns.Listener, s.httpConns.Listener = grpcListener, httpListener
	serve(func() error { return s.grpc.Serve(&s.grpcConns) })
	serve(func() error {
		if s.http.TLSConfig != nil {
			return s.http.ServeTLS(&s.httpConns, "", "")
		}
		return s.http.Serve(&s.httpConns)
	})
	return doors.Wait()
}

// Drain tells health checks that the server is NOT_SERVING, and goes on serving until [Server.Shutdown].
func (s *Server) Drain() { s.health.Shutdown() }

// Shutdown tells health checks that the server is NOT_SERVING, lets the calls in progress end, and closes both doors at the
// same time, because no call of one needs the other. If ctx ends first, it cuts the calls off and returns ctx's cause.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Drain()
	cutOff := context.AfterFunc(ctx, s.Close)
	s.endStreams()
	var closing sync.WaitGroup
	closing.Go(s.grpc.GracefulStop)
	err := s.http.Shutdown(ctx)
	closing.Wait()
	if !cutOff() {
		err = context.Cause(ctx)
	}
	s.Close()
	return err
}

// Close cuts everything off and returns when it has ended. A second Close does nothing more.
func (s *Server) Close() {
	s.stop()
	s.endStreams()
	ctx, cancel := context.WithTimeout(context.Background(), lastWord)
	defer cancel()
	// The server ends in any case, whatever the errors.
	_ = s.http.Shutdown(ctx) // the requests are cancelled, and have this time to say so
	_ = s.http.Close()
	s.requests.Lock()
	s.requests.Unlock() //nolint:staticcheck // to wait for the requests is all that it is for
	s.grpcConns.cutOff()
	s.grpc.Stop()
}
