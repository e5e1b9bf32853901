package trials_test

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// bareGRPC serves gRPC as grpc-go does without options of ours, and returns its address.
func (r *rig) bareGRPC(t *testing.T, options ...grpc.ServerOption) string {
	t.Helper()
	listener := listen(t)
	server := grpc.NewServer(append(options, grpc.Creds(credentials.NewTLS(r.bareTLS(t))))...)
	healthpb.RegisterHealthServer(server, health.NewServer())
	serveBare(t, func() error { return server.Serve(listener) }, server.Stop)
	return listener.Addr().String()
}

// bareHTTP serves HTTP as net/http does without any option, and returns its address.
func (r *rig) bareHTTP(t *testing.T) string {
	t.Helper()
	listener := listen(t)
	server := &http.Server{
		TLSConfig: r.bareTLS(t),
		ErrorLog:  log.New(io.Discard, "", 0), // it is about what is sent on purpose
		Handler:   http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) }),
	}
	serveBare(t, func() error { return server.ServeTLS(listener, "", "") }, func() { _ = server.Close() })
	return listener.Addr().String()
}

func (r *rig) bareTLS(t *testing.T) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(r.cert, r.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", anywhere)
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

func serveBare(t *testing.T, serve func() error, stop func()) {
	t.Helper()
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = serve() // it ends in any case
	}()
	t.Cleanup(func() {
		stop()
		<-served
	})
}
