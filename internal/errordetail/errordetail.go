// Package errordetail finds the details of a gRPC status by their type.
package errordetail

import (
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
)

// Of returns the first detail of type T in the status.
func Of[T protoadapt.MessageV1](st *status.Status) (detail T, ok bool) {
	for _, found := range st.Details() {
		if detail, ok = found.(T); ok {
			return detail, true
		}
	}
	return detail, false
}
