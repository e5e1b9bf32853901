package main

import "net"

// callable returns the address at which a server listening on addr can be called from its own machine. A server on an address
// without a host, or with an unspecified one, listens on all addresses of the machine, but such an address cannot be called.
func callable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr // dialing it fails with the reason
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
