// Package examples has the gRPC service config that clients of zoneusage can use as it is; in its folders are small
// clients in several languages, which its tests run.
package examples

import _ "embed"

// ServiceConfig is service_config.json, for grpc.WithDefaultServiceConfig: it tries a call again that was UNAVAILABLE, when
// the service says so, and no other.
//
//go:embed service_config.json
var ServiceConfig string
