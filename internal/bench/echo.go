package main

import (
	"context"
	"flag"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

const echoRole = "echo"

// An echo does the least that a gRPC server can do: it always gives the same answer, which was made before the first call.
type echo struct {
	usagev1.UnimplementedUsageServiceServer
	answer *usagev1.GetDeviceUsageInZoneResponse
}

// GetDeviceUsageInZone implements usagev1.UsageServiceServer.
func (e *echo) GetDeviceUsageInZone(context.Context, *usagev1.GetDeviceUsageInZoneRequest) (*usagev1.GetDeviceUsageInZoneResponse, error) {
	return e.answer, nil
}

func runEcho(ctx context.Context, args []string) error {
	var secure tlsFlags
	flags := flag.NewFlagSet(echoRole, flag.ContinueOnError)
	file := flags.String("answer", "", "the file of the answer, a marshalled message")
	workers := flags.Uint("workers", 0, "how many goroutines live on to serve streams")
	raw := flags.Bool("raw", false, "send the file's bytes, and marshal nothing")
	secure.register(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	answer, message, err := readAnswer(*file)
	if err != nil {
		return err
	}
	var serverOptions []grpc.ServerOption
	if *workers > 0 {
		serverOptions = append(serverOptions, grpc.NumStreamWorkers(uint32(*workers)))
	}
	if *raw {
		serverOptions = append(serverOptions, grpc.ForceServerCodecV2(rawCodec{encoding.GetCodecV2(protocodec.Name), answer}))
	}
	if secure.cert != "" {
		creds, err := credentials.NewServerTLSFromFile(secure.cert, secure.key)
		if err != nil {
			return err
		}
		serverOptions = append(serverOptions, grpc.Creds(creds))
	}
	listener, err := announce(ctx)
	if err != nil {
		return err
	}
	server := grpc.NewServer(serverOptions...)
	usagev1.RegisterUsageServiceServer(server, &echo{answer: message})
	defer context.AfterFunc(ctx, server.Stop)()
	return server.Serve(listener)
}

// readAnswer reads an answer of the service from a file, and returns its bytes and its message.
func readAnswer(file string) ([]byte, *usagev1.GetDeviceUsageInZoneResponse, error) {
	answer, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	message := &usagev1.GetDeviceUsageInZoneResponse{}
	return answer, message, proto.Unmarshal(answer, message)
}

// A rawCodec reads requests as gRPC does by default, and answers all of them with the same bytes.
type rawCodec struct {
	encoding.CodecV2
	answer []byte
}

// Marshal implements encoding.CodecV2.
func (c rawCodec) Marshal(any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(c.answer)}, nil
}
