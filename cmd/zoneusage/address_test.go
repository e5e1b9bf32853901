package main

import "testing"

func TestCallable(t *testing.T) {
	for addr, want := range map[string]string{
		":9090":           "127.0.0.1:9090",
		"0.0.0.0:9090":    "127.0.0.1:9090",
		"[::]:9090":       "127.0.0.1:9090",
		"127.0.0.2:9090":  "127.0.0.2:9090",
		"[::1]:9090":      "[::1]:9090",
		"usage.example:1": "usage.example:1",
		"nowhere":         "nowhere",
	} {
		if got := callable(addr); got != want {
			t.Errorf("callable(%q) = %q, want %q", addr, got, want)
		}
	}
}
