package main

import (
	"context"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// securityOptions are plain, for a service on loopback, or where USAGE_CA names a file of roots TLS, with the token in
// USAGE_TOKEN.
func securityOptions() ([]grpc.DialOption, error) {
	roots := os.Getenv("USAGE_CA")
	if roots == "" {
		return []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, nil
	}
	creds, err := credentials.NewClientTLSFromFile(roots, "")
	return []grpc.DialOption{
		grpc.WithTransportCredentials(creds),
		grpc.WithPerRPCCredentials(bearer(os.Getenv("USAGE_TOKEN"))),
	}, err
}

// A bearer token says who calls.
type bearer string

// GetRequestMetadata and RequireTransportSecurity implement credentials.PerRPCCredentials.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

// RequireTransportSecurity keeps the token off plain connections.
func (bearer) RequireTransportSecurity() bool { return true }
