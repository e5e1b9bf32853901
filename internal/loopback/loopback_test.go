package loopback_test

import (
	"testing"

	"github.com/zoneusage/zoneusage/internal/loopback"
)

func TestIs(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost": true, "localhost.": true, "127.0.0.1": true, "127.1.2.3": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "0.0.0.0": false, "::": false, "192.0.2.1": false, "example.com": false, "localhost.example.com": false,
		"127.1": false, "::1%lo": false, "[::1]": false,
	} {
		if got := loopback.Is(host); got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
}

func TestIsAuthority(t *testing.T) {
	for authority, want := range map[string]bool{
		"localhost": true, "localhost:8080": true, "127.0.0.1:1": true, "[::1]:8080": true, "[::1]": true, "::1": true,
		"": false, ":8080": false, "example.com:8080": false, "127.0.0.1.example.com": false, "192.0.2.1:80": false,
	} {
		if got := loopback.IsAuthority(authority); got != want {
			t.Errorf("%q: %v, want %v", authority, got, want)
		}
	}
}
