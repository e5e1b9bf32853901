// Package loopback recognises addresses that only this machine can reach.
package loopback

import (
	"net"
	"strings"
)

// Is reports whether only this machine can reach the host, which is a name or an IP address without a port.
func Is(host string) bool {
	ip := net.ParseIP(host)
	name := strings.TrimSuffix(host, ".") // an absolute name
	return strings.EqualFold(name, "localhost") || (ip != nil && ip.IsLoopback())
}

// IsAuthority is like Is, for a host with or without a port, as in requests and connections.
func IsAuthority(authority string) bool {
	if host, _, err := net.SplitHostPort(authority); err == nil {
		return Is(host)
	}
	if address, bracketed := strings.CutPrefix(authority, "["); bracketed { // IPv6
		authority = strings.TrimSuffix(address, "]")
	}
	return Is(authority)
}
