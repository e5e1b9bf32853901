// Package controlcenter is Control Center's side of the wire: how its function "Get Device Usage by Zone" reads a request,
// and the bytes of its answers and errors. The sandbox and the service's door for existing clients use it.
package controlcenter
