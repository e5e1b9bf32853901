package trials_test

import (
	"fmt"
	"testing"

	"golang.org/x/net/http2"
)

func TestRapidReset(t *testing.T) {
	long(t)
	endure(t, bounds{resident: 256, goroutines: 10_000}, func(t *testing.T, a *attacker) string {
		t.Helper()
		// The shortest question: a message with one field.
		message := append([]byte{0, 0, 0, 0, 21, 0x0a, 19}, "8988217755520000031"...)
		sent, connections := a.flood(false, func(w *wire, n uint32) error {
			stream := 2*n + 1
			if err := w.open(stream, w.encode(a.fields()...), a.door == "REST"); err != nil {
				return err
			}
			if a.door == "gRPC" {
				if err := w.WriteData(stream, true, message); err != nil {
					return err
				}
			}
			return w.WriteRSTStream(stream, http2.ErrCodeCancel)
		})
		return fmt.Sprintf("%d calls begun and cancelled over %d connections in %s", sent, connections, floodTime)
	})
}

func TestPingFlood(t *testing.T) {
	long(t)
	for name, deaf := range map[string]bool{"heard": false, "deaf": true} {
		t.Run(name, func(t *testing.T) {
			endure(t, bounds{resident: 128, goroutines: 500}, func(t *testing.T, a *attacker) string {
				t.Helper()
				sent, connections := a.flood(deaf, func(w *wire, n uint32) error { return w.WritePing(false, [8]byte{byte(n)}) })
				return fmt.Sprintf("%d pings over %d connections in %s", sent, connections, floodTime)
			})
		})
	}
}

func TestSettingsFlood(t *testing.T) {
	long(t)
	for name, deaf := range map[string]bool{"heard": false, "deaf": true} {
		t.Run(name, func(t *testing.T) {
			endure(t, bounds{resident: 128, goroutines: 500}, func(t *testing.T, a *attacker) string {
				t.Helper()
				sent, connections := a.flood(deaf, func(w *wire, n uint32) error {
					return w.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: n}, http2.Setting{ID: http2.SettingHeaderTableSize, Val: n})
				})
				return fmt.Sprintf("%d SETTINGS over %d connections in %s", sent, connections, floodTime)
			})
		})
	}
}
