package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"time"
)

// equalGOGC is GOGC for both sides in rows with equal settings.
const equalGOGC = "400"

// streamWorkers is the number of goroutines that the service keeps to handle calls. A bare server has none, but the reference
// that sends prepared bytes has as many, because it stands for the service without its work.
const streamWorkers = 64

// generatorGOGC lets the load generator collect its garbage seldom, because it shares the cores with the servers that it
// measures.
const generatorGOGC = 800

// upstreamLatency is how long a call of Control Center takes in the rows without kept answers.
const upstreamLatency = 20 * time.Millisecond

// A stage holds what all rows need.
type stage struct {
	dir, binary, self string
	identity          *identity
	spans             *sink
	warmup            time.Duration // how long each side is asked before its figures count
}

// openStage makes a stage. It builds zoneusage unless a binary is given.
func openStage(ctx context.Context, binary string) (*stage, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	debug.SetGCPercent(generatorGOGC)
	s := &stage{dir: dir, binary: binary, self: self, warmup: 300 * time.Millisecond}
	if s.identity, err = newIdentity(dir); err == nil && binary == "" {
		s.binary = filepath.Join(dir, "zoneusage")
		err = buildService(ctx, s.binary)
	}
	if err == nil {
		s.spans, err = openSink(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func (s *stage) close() {
	s.spans.close()
	_ = os.RemoveAll(s.dir) // anything left is in a folder for temporary files
}

func buildService(ctx context.Context, binary string) error {
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "github.com/zoneusage/zoneusage/cmd/zoneusage")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building zoneusage: %w\n%s", err, output)
	}
	return nil
}

// A server is a process and the addresses of its doors.
type server struct {
	*process
	grpc, http string
}

func (s *server) addr(d door) string {
	if d == overGRPC {
		return s.grpc
	}
	return s.http
}

// startService starts the service of a row in front of an upstream, with everything on that an operator would have on.
func (s *stage) startService(ctx context.Context, r row, upstreamAddr string) (*server, error) {
	args := []string{"serve", "--control-center-url=http://" + upstreamAddr, "--username=" + upstreamUser,
		"--calls-in-flight=256", "--calls-per-second=1000000", "--call-timeout=10s"}
	if r.tls {
		args = append(args, "--tls-cert="+s.identity.cert, "--tls-key="+s.identity.key, "--callers="+s.identity.callers)
	}
	return s.serve(ctx, append(r.environment(), "ZONEUSAGE_API_KEY="+upstreamKey, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+s.spans.addr(),
		"OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.01"), args...)
}

// serve starts zoneusage on free ports, and reads its log to the end, as an operator's log collector would.
func (s *stage) serve(ctx context.Context, env []string, args ...string) (*server, error) {
	cmd := exec.CommandContext(ctx, s.binary, append(args, "--grpc-addr="+anywhere, "--http-addr="+anywhere, "--admin-addr="+anywhere)...)
	output, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	var said struct {
		Msg  string `json:"msg"`
		GRPC string `json:"grpc_addr"`
		HTTP string `json:"http_addr"`
	}
	p, err := start(ctx, cmd, env, output, func(line string) bool {
		return json.Unmarshal([]byte(line), &said) == nil && said.Msg == "serving"
	})
	return &server{p, said.GRPC, said.HTTP}, err
}

// startReference starts the server that a row compares the service with. answer is a file with the service's answer.
func (s *stage) startReference(ctx context.Context, r row, answer string) (*server, error) {
	args := []string{plainRole, "-answer=" + answer}
	if r.door == overGRPC {
		args = []string{echoRole, "-answer=" + answer, "-raw=" + strconv.FormatBool(r.raw)}
		if r.raw {
			args = append(args, "-workers="+strconv.Itoa(streamWorkers))
		}
	}
	if r.tls {
		args = append(args, "-cert="+s.identity.cert, "-key="+s.identity.key)
	}
	p, addr, err := startRole(ctx, s.self, r.environment(), args...)
	return &server{p, addr, addr}, err
}

// A sink accepts spans and drops them.
type sink struct {
	listener net.Listener
	server   *http.Server
	ended    chan struct{}
}

func openSink(ctx context.Context) (*sink, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", anywhere)
	if err != nil {
		return nil, err
	}
	s := &sink{listener: listener, ended: make(chan struct{})}
	s.server = &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // fails if the service was stopped
	})}
	go func() {
		defer close(s.ended)
		_ = s.server.Serve(listener) // the error only says that the server was closed
	}()
	return s, nil
}

func (s *sink) addr() string { return s.listener.Addr().String() }

func (s *sink) close() {
	_ = s.server.Close() // spans are dropped anyway
	<-s.ended
}
