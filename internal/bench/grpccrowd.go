package main

import (
	"context"
	"crypto/tls"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

// maxConnections is how many connections the callers of gRPC share.
const maxConnections = 4

// bytesCodec sends prepared bytes and counts those that come, so that the generator's own work is small.
type bytesCodec struct{}

// Marshal implements encoding.CodecV2.
func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

// Unmarshal implements encoding.CodecV2.
func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*int) = data.Len()
	return nil
}

// Name implements encoding.CodecV2: on the wire it is protobuf.
func (bytesCodec) Name() string { return protocodec.Name }

// bearer is the caller's token, which goes with every call.
type bearer map[string]string

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return b, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (bearer) RequireTransportSecurity() bool { return true }

// authorization is the header of the one caller.
const authorization = "Bearer " + token

// dial connects over gRPC, with TLS and the token where there is a secure.
func dial(addr string, secure *tls.Config, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	if secure == nil {
		options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))
	} else {
		options = append(options, grpc.WithTransportCredentials(credentials.NewTLS(secure.Clone())),
			grpc.WithPerRPCCredentials(bearer{"authorization": authorization}))
	}
	return grpc.NewClient("passthrough:///"+addr, options...)
}

// newGRPCCrowd is callers who share a few connections.
func newGRPCCrowd(addr string, secure *tls.Config, callers int, q question) (*crowd, error) {
	c := &crowd{}
	var conns []*grpc.ClientConn
	for range min(callers, maxConnections) {
		conn, err := dial(addr, secure, grpc.WithDefaultCallOptions(grpc.ForceCodecV2(bytesCodec{}), grpc.StaticMethod()))
		if err != nil {
			c.close()
			return nil, err
		}
		conns = append(conns, conn)
		c.closes = append(c.closes, func() { _ = conn.Close() })
	}
	for i := range callers {
		once, err := newGRPCAsk(conns[i%len(conns)], q)
		if err != nil {
			c.close()
			return nil, err
		}
		c.asks = append(c.asks, once)
	}
	return c, nil
}

func newGRPCAsk(conn *grpc.ClientConn, q question) (ask, error) {
	message, err := q.message()
	return func(ctx context.Context) error {
		request, size := message, 0
		if q.fresh != nil {
			if request, err = q.message(); err != nil {
				return err
			}
		}
		if err := conn.Invoke(ctx, usagev1.UsageService_GetDeviceUsageInZone_FullMethodName, &request, &size); err != nil {
			return err
		}
		if size == 0 {
			return errors.New("an answer is empty")
		}
		return nil
	}, err
}
