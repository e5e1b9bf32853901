package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// callerFlags say which zoneusage to ask, and as whom. Their names differ from those of serve's own certificate.
type callerFlags struct {
	Addr      string `default:"127.0.0.1:9090" help:"The gRPC address of the zoneusage to ask."`
	TLS       bool   `name:"tls" help:"Ask with TLS, and trust the system's roots."`
	CACert    string `name:"ca-cert" placeholder:"FILE" help:"Ask with TLS, and trust these roots alone, in PEM."`
	Cert      string `placeholder:"FILE" help:"The caller's certificate, in PEM; with TLS alone."`
	Key       string `placeholder:"FILE" help:"Its private key."`
	TokenFile string `placeholder:"FILE" help:"A file with the caller's token, read again for each call; ZONEUSAGE_TOKEN can hold the token instead."`
}

// dial prepares a connection, which is opened with the first call.
func (f callerFlags) dial() (*grpc.ClientConn, error) {
	transport, err := f.transport()
	if err != nil {
		return nil, err
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithUserAgent("zoneusage/" + versionName()),
		grpc.WithDisableServiceConfig(), // internal/inquiry decides which calls are made again, and when
	}
	bearer, err := f.bearer()
	if err != nil {
		return nil, err
	}
	if bearer != nil {
		options = append(options, grpc.WithPerRPCCredentials(bearer))
	}
	return grpc.NewClient(callable(f.Addr), options...)
}

func (f callerFlags) usesTLS() bool { return f.TLS || f.CACert != "" || f.Cert != "" }

func (f callerFlags) transport() (credentials.TransportCredentials, error) {
	if (f.Cert == "") != (f.Key == "") {
		return nil, errors.New("--cert and --key belong together; give both or neither")
	}
	if !f.usesTLS() {
		return insecure.NewCredentials(), nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CACert != "" {
		roots, err := os.ReadFile(f.CACert)
		if err != nil {
			return nil, fmt.Errorf("--ca-cert: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(roots) {
			return nil, fmt.Errorf("--ca-cert: there is no certificate in %s", f.CACert)
		}
	}
	if f.Cert != "" {
		pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			return nil, fmt.Errorf("--cert and --key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return credentials.NewTLS(config), nil
}
