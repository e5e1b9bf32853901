package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

// authorization is the header of the only caller that may ask.
const authorization = "Bearer " + token

// bearer sends authorization with every call over gRPC.
type bearer struct{}

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": authorization}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (bearer) RequireTransportSecurity() bool { return true }

// dial connects over gRPC, with TLS and the token unless tlsConfig is nil.
func dial(addr string, tlsConfig *tls.Config) (*grpc.ClientConn, error) {
	options := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	if tlsConfig != nil {
		options = []grpc.DialOption{grpc.WithTransportCredentials(credentials.NewTLS(tlsConfig.Clone())), grpc.WithPerRPCCredentials(bearer{})}
	}
	return grpc.NewClient("passthrough:///"+addr, options...)
}

// fetchMessage asks over gRPC, and returns the marshalled answer.
func fetchMessage(ctx context.Context, addr string, tlsConfig *tls.Config, iccid string) ([]byte, error) {
	conn, err := dial(addr, tlsConfig)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	resp, err := usagev1.NewUsageServiceClient(conn).GetDeviceUsageInZone(ctx, &usagev1.GetDeviceUsageInZoneRequest{Iccid: iccid})
	if err != nil {
		return nil, err
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(resp)
}

// fetchBody asks over REST, and returns the body of the answer.
func fetchBody(ctx context.Context, addr string, tlsConfig *tls.Config, iccid string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	scheme, transport := "http", &http.Transport{DisableKeepAlives: true}
	if tlsConfig != nil {
		scheme, transport.TLSClientConfig = "https", tlsConfig.Clone()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+addr+question{iccid: iccid}.path(), nil)
	if err != nil {
		return nil, err
	}
	if tlsConfig != nil {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("HTTP status %d: %s", resp.StatusCode, body)
	}
	return body, err
}

// agree fails unless both sides of a row give the same answer: otherwise their figures could not be compared.
func agree(ctx context.Context, r row, tlsConfig *tls.Config, service, reference *server) error {
	fetch, equal := fetchMessage, equalMessages
	if r.door == overREST {
		fetch, equal = fetchBody, equalJSON
	}
	of, err := fetch(ctx, service.addr(r.door), tlsConfig, r.iccid)
	if err != nil {
		return fmt.Errorf("the service: %w", err)
	}
	other, err := fetch(ctx, reference.addr(r.door), tlsConfig, r.iccid)
	if err != nil {
		return fmt.Errorf("the reference: %w", err)
	}
	same, err := equal(of, other)
	if err != nil {
		return err
	}
	if !same {
		return fmt.Errorf("the service answers %.300q, and the reference %.300q", of, other)
	}
	return nil
}

func equalMessages(a, b []byte) (bool, error) {
	var messages [2]usagev1.GetDeviceUsageInZoneResponse
	for i, answer := range [][]byte{a, b} {
		if err := proto.Unmarshal(answer, &messages[i]); err != nil {
			return false, err
		}
	}
	return proto.Equal(&messages[0], &messages[1]), nil
}

func equalJSON(a, b []byte) (bool, error) {
	var values [2]any
	for i, body := range [][]byte{a, b} {
		if err := json.Unmarshal(body, &values[i]); err != nil {
			return false, err
		}
	}
	return reflect.DeepEqual(values[0], values[1]), nil
}
