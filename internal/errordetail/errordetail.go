// Package errordetail finds the details of a gRPC status by their type.
package errordetail

import (
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
)

// Of is the status's first detail of a type.
func Of[T protoadapt.MessageV1](st *status.Status) (detail T, ok bool) {
	for _, found := range st.Details() {
		if detail, ok = found.(T); ok {
			return detail, true
		}
	}
	return detail, false
}
