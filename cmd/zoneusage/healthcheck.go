package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

type healthcheckCommand struct {
	GRPCAddr string        `name:"grpc-addr" default:"127.0.0.1:9090" help:"The gRPC address of the zoneusage to ask."`
	TLSCert  string        `name:"tls-cert" placeholder:"FILE" help:"The certificate it serves with, which is trusted alone; without one it is asked in the clear."`
	Timeout  time.Duration `default:"3s" env:"ZONEUSAGE_HEALTHCHECK_TIMEOUT" help:"How long to wait for the answer."`
}

// Run asks the standard gRPC health service, grpc.health.v1.
func (c *healthcheckCommand) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	addr := callable(c.GRPCAddr)
	transport := insecure.NewCredentials()
	if c.TLSCert != "" {
		var err error
		if transport, err = trustAlone(c.TLSCert); err != nil {
			return fmt.Errorf("--tls-cert: %w", err)
		}
	}
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(transport), grpc.WithNoProxy())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	resp, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		if c.TLSCert == "" {
			return fmt.Errorf("%s does not answer without TLS; if it serves with TLS, give its --tls-cert: %w", addr, err)
		}
		return fmt.Errorf("%s does not answer: %w", addr, err)
	}
	if status := resp.GetStatus(); status != healthpb.HealthCheckResponse_SERVING {
		return fmt.Errorf("%s is %s", addr, status)
	}
	return nil
}

// trustAlone trusts only a server with the first certificate in the file. The name in it does not matter, because the check
// runs on the server's own machine.
func trustAlone(file string) (credentials.TransportCredentials, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var block *pem.Block
	for block == nil || block.Type != "CERTIFICATE" { // the key can come before the certificate
		if block, content = pem.Decode(content); block == nil {
			return nil, fmt.Errorf("there is no certificate in %s", file)
		}
	}
	return credentials.NewTLS(&tls.Config{
		InsecureSkipVerify: true, // VerifyConnection compares the certificate itself, so its name and issuer do not matter
		VerifyConnection: func(state tls.ConnectionState) error {
			if !bytes.Equal(state.PeerCertificates[0].Raw, block.Bytes) {
				return fmt.Errorf("the server has another certificate than %s", file)
			}
			return nil
		},
	}), nil
}
