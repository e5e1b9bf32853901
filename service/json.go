package service

import (
	"bytes"
	"encoding/json"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// stableJSON is the gateway's JSON, but the same message always gives the same bytes.
type stableJSON struct{ runtime.JSONPb }

// Marshal implements runtime.Marshaler.
func (*stableJSON) Marshal(v any) ([]byte, error) {
	// An empty list is written as one; an unset optional field, which is no 0, stays absent.
	return marshalJSON(protojson.MarshalOptions{EmitDefaultValues: true}, v.(proto.Message))
}

// marshalJSON takes out the spaces that protojson puts in at random, so that nobody relies on its bytes.
func marshalJSON(options protojson.MarshalOptions, m proto.Message) ([]byte, error) {
	spaced, err := options.Marshal(m)
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, spaced); err != nil {
		return nil, err
	}
	compact.WriteByte('\n')
	return compact.Bytes(), nil
}
