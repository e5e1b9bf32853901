package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

type healthcheckCommand struct {
	GRPCAddr string        `name:"grpc-addr" default:"127.0.0.1:9090" help:"The gRPC address of the zoneusage to ask."`
	TLSCert  string        `name:"tls-cert" placeholder:"FILE" help:"The certificate it serves with, where it does: then it is asked over TLS."`
	Timeout  time.Duration `default:"3s" help:"How long to wait for the answer."`
}

// Run asks grpc.health.v1.
func (c *healthcheckCommand) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	addr := callable(c.GRPCAddr)
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(c.transport()), grpc.WithNoProxy())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	resp, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		return fmt.Errorf("%s does not answer: %w", addr, err)
	}
	if status := resp.GetStatus(); status != healthpb.HealthCheckResponse_SERVING {
		return fmt.Errorf("%s is %s", addr, status)
	}
	return nil
}

// transport is TLS where the service has a certificate. Whose it is, and until when, is not looked at: the question goes
// to the service beside it, says nothing, and starting the service anew renews no certificate.
func (c *healthcheckCommand) transport() credentials.TransportCredentials {
	if c.TLSCert == "" {
		return insecure.NewCredentials()
	}
	return credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})
}
