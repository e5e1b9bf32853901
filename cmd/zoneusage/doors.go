package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/zoneusage/zoneusage/internal/loopback"
)

// doorFlags say where the service listens, and which connections and requests it accepts there.
type doorFlags struct {
	GRPCAddr string `name:"grpc-addr" default:"127.0.0.1:9090" help:"The address of the gRPC door."`
	HTTPAddr string `name:"http-addr" default:"127.0.0.1:8080" help:"The address of the REST door."`
	Insecure bool   `help:"Serve on addresses other than loopback even without TLS or a callers file."`

	LegacyDoor bool `help:"Answer Control Center's own path on the REST address too, for clients that were written for it; always on with the sandbox."`

	MaxConnections   int           `default:"16384" help:"The most connections at once for each door; 0 is no limit."`
	MaxConnectionAge time.Duration `default:"30m" help:"After this time a gRPC caller is asked to connect anew, so that it finds new instances; 0 never asks."`
	CORSOrigins      []string      `name:"cors-origins" placeholder:"ORIGIN" help:"Whose pages may call REST, such as https://usage.example.com."`
}

// check refuses settings that do not fit together, and settings that would serve strangers by mistake.
func (f *doorFlags) check(secure securityFlags) error {
	if f.GRPCAddr == "" || f.HTTPAddr == "" {
		return errors.New("--grpc-addr and --http-addr must not be empty: that would be a free port on every address; write host:port")
	}
	if f.MaxConnections < 0 || f.MaxConnectionAge < 0 {
		return errors.New("--max-connections and --max-connection-age must not be negative; 0 is no bound")
	}
	for _, origin := range f.CORSOrigins {
		parsed, err := url.Parse(origin)
		if err != nil || parsed.Host == "" || origin != parsed.Scheme+"://"+parsed.Host || strings.Contains(origin, "*") {
			return fmt.Errorf("--cors-origins: %q is not a valid origin; write one such as https://usage.example.com, without a path", origin)
		}
	}
	for _, door := range []struct{ flag, addr string }{{"--grpc-addr", f.GRPCAddr}, {"--http-addr", f.HTTPAddr}} {
		if _, _, err := net.SplitHostPort(door.addr); err != nil {
			return fmt.Errorf("%s %s is not a valid address; write host:port", door.flag, door.addr)
		}
		if f.Insecure || isLoopback(door.addr) || (secure.TLSCert != "" && secure.Callers != "") {
			continue
		}
		return fmt.Errorf("%s %s can be reached from other machines, so it needs TLS, --tls-cert and --tls-key, and --callers, who may call; "+
			"or write --insecure to serve without", door.flag, door.addr)
	}
	return nil
}

// isLoopback reports whether only this machine can reach the address.
func isLoopback(addr string) bool {
	host, _, _ := net.SplitHostPort(addr) // check refuses an address without a port
	return loopback.Is(host)
}

func (f *doorFlags) listen(ctx context.Context) (grpcListener, httpListener net.Listener, err error) {
	var config net.ListenConfig
	if grpcListener, err = config.Listen(ctx, "tcp", f.GRPCAddr); err != nil {
		return nil, nil, fmt.Errorf("--grpc-addr: %w", err)
	}
	if httpListener, err = config.Listen(ctx, "tcp", f.HTTPAddr); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("--http-addr: %w", err), grpcListener.Close())
	}
	return grpcListener, httpListener, nil
}
