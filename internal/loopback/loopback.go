// Package loopback tells this machine's own addresses from those that others can reach.
package loopback

import "net"

// Is reports whether the host, a name or an IP address without a port, is this machine, as only it can reach.
func Is(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
