package service

import (
	"bytes"
	"encoding/json"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// answerJSON is the gateway's JSON, which writes the bytes of an answer as they are.
type answerJSON struct{ *runtime.JSONPb }

// Marshal implements runtime.Marshaler.
func (answerJSON) Marshal(v any) ([]byte, error) { return v.(*answer).json, nil }

// marshalJSON gives the same message the same bytes: it takes out the spaces that protojson puts in at random, so that nobody relies on its bytes.
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
