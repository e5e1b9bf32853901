package service_test

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
)

// Handshakes that fail are in the log, but not as many lines as strangers make of them.
func TestFailedHandshakesAreToldSeldom(t *testing.T) {
	g := newGuardedRig(t)
	for _, addr := range []string{g.grpcAddr, strings.TrimPrefix(g.url, "http://")} {
		for range 20 { // it takes much less than a second each
			conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: nil})
			if err == nil {
				conn.Close()
				t.Fatal("an unknown CA is trusted")
			}
		}
	}
	// The server learns of each at its own time: it has, when the connections are gone.
	for _, addr := range []string{g.grpcAddr, strings.TrimPrefix(g.url, "http://")} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte("no TLS at all"))
		_, _ = conn.Read(make([]byte, 100)) // it is closed, or refused in clear text
		conn.Close()
	}
	grpcLines, restLines := 0, 0
	for _, line := range g.lines(t) {
		message := line["msg"].(string)
		switch {
		case message == "a TLS handshake failed" && line["door"] == "grpc":
			grpcLines++
		case strings.Contains(message, "TLS handshake error"):
			restLines++
		}
	}
	if grpcLines == 0 || grpcLines > 10 || restLines == 0 || restLines > 10 {
		t.Errorf("%d lines of gRPC and %d of REST, want a few each", grpcLines, restLines)
	}
}
