// Package controlcenter is Control Center's end of the wire: how its function "Get Device Usage by Zone" reads a request,
// and the bytes with which it answers and refuses. The sandbox and the service's door for existing clients speak it.
package controlcenter
