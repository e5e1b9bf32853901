package service

import (
	"bytes"
	"encoding/json"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// answerJSON is grpc-gateway's JSON, but writes an answer as it is already encoded.
type answerJSON struct{ *runtime.JSONPb }

// Marshal implements runtime.Marshaler.
func (answerJSON) Marshal(v any) ([]byte, error) { return v.(*answer).json, nil }

// marshalJSON is deterministic: it removes the spaces that protojson adds at random.
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
