// Package loopback tells this machine's own addresses from those that others can reach.
package loopback

import (
	"net"
	"strings"
)

// Is reports whether the host, a name or an IP address without a port, is this machine, as only it can reach.
func Is(host string) bool {
	ip := net.ParseIP(host)
	name := strings.TrimSuffix(host, ".") // an absolute name
	return strings.EqualFold(name, "localhost") || (ip != nil && ip.IsLoopback())
}

// IsAuthority reports the same of a host as requests and connections have it, with a port or without.
func IsAuthority(authority string) bool {
	if host, _, err := net.SplitHostPort(authority); err == nil {
		return Is(host)
	}
	if address, bracketed := strings.CutPrefix(authority, "["); bracketed { // IPv6
		authority = strings.TrimSuffix(address, "]")
	}
	return Is(authority)
}
