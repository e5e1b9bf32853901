package trials_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// A slowness is what a slow caller does on a connection. It returns after how long the server had enough.
type slowness struct {
	name   string
	within time.Duration // the server has to have had enough; it has a second's margin
	be     func(a *attacker, within time.Duration) (time.Duration, error)
}

// Who sends slowly, or nothing any more, is sent away in a time that depends on nobody. (A bare grpc-go waits two minutes for a
// handshake and for ever for a message, and a bare net/http for ever.)
func TestSlowCallers(t *testing.T) {
	long(t)
	const handshake, request = 5 * time.Second, 10 * time.Second // of gRPC, and of all the rest
	for door, slow := range map[string][]slowness{
		"gRPC": {
			{"no TLS", handshake, overTCP(nil)},
			{"slow TLS", handshake, overTCP(slowHello())},
			{"no preface", handshake, overTLS("h2", nil)},
			{"slow preface", handshake, overTLS("h2", []byte(http2.ClientPreface))},
			{"no SETTINGS", handshake, overTLS("h2", []byte(http2.ClientPreface), len(http2.ClientPreface))},
			{"no message", request, slowMessage(nil)},
			{"slow message", request, slowMessage([]byte{0, 0, 0, 1, 0})},
			{"slow headers", 80 * time.Second, slowHeaders}, // when it is asked whether it is still there, and when it does not say so
		},
		"REST": {
			{"no TLS", request, overTCP(nil)},
			{"slow TLS", request, overTCP(slowHello())},
			{"no request", request, overTLS("http/1.1", nil)},
			{"slow request", request, overTLS("http/1.1", append([]byte("GET /"), bytes.Repeat([]byte("a"), 500)...))},
			{"slow headers", request, overTLS("http/1.1", append([]byte("GET /livez HTTP/1.1\r\n"), bytes.Repeat([]byte("X: y\r\n"), 100)...), 21)},
			{"no preface", request, overTLS("h2", nil)},
			{"slow preface", request, overTLS("h2", []byte(http2.ClientPreface))},
			{"slow headers in HTTP 2", 2 * time.Minute, slowHeaders}, // as long as a connection without a request may be open
		},
	} {
		t.Run(door, func(t *testing.T) {
			t.Parallel()
			endureAt(t, newRig(t), door, bounds{resident: 128, goroutines: 2000}, func(t *testing.T, a *attacker) string {
				t.Helper()
				return a.beSlow(t, slow)
			})
		})
	}
}

// beSlow is slow in all the ways on some connections each.
func (a *attacker) beSlow(t *testing.T, ways []slowness) string {
	t.Helper()
	const each, margin = 30, 3 * time.Second
	var all sync.WaitGroup
	for _, way := range ways {
		all.Go(func() {
			var mu sync.Mutex
			var longest time.Duration
			var connections sync.WaitGroup
			for range each {
				connections.Go(func() {
					took, err := way.be(a, way.within+margin)
					if err != nil {
						t.Errorf("%s, %s: not sent away in %s: %v", a.door, way.name, way.within+margin, err)
					}
					mu.Lock()
					defer mu.Unlock()
					longest = max(longest, took)
				})
			}
			connections.Wait()
			t.Logf("%s, %s: sent away after %s at most", a.door, way.name, longest.Round(100*time.Millisecond))
		})
	}
	all.Wait()
	return fmt.Sprintf("%d connections each were slow in %d ways", each, len(ways))
}

// slowHello is the begin of a TLS handshake that says it is long.
func slowHello() []byte {
	return append([]byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}, make([]byte, 500)...)
}

// overTCP drips bytes.
func overTCP(content []byte) func(*attacker, time.Duration) (time.Duration, error) {
	return func(a *attacker, within time.Duration) (time.Duration, error) {
		conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", a.addr)
		if err != nil {
			return 0, err
		}
		defer func() { _ = conn.Close() }()
		return drip(conn, content, within)
	}
}

// overTLS drips bytes after the handshake, of which the first come at once.
func overTLS(protocol string, content []byte, atOnce ...int) func(*attacker, time.Duration) (time.Duration, error) {
	return func(a *attacker, within time.Duration) (time.Duration, error) {
		conn, err := a.dialTLS(protocol)
		if err != nil {
			return 0, err
		}
		defer func() { _ = conn.Close() }()
		rest := content
		for _, n := range atOnce {
			if _, err := conn.Write(rest[:n]); err != nil {
				return 0, err
			}
			rest = rest[n:]
		}
		return drip(conn, rest, within)
	}
}

// slowHeaders begins a frame of headers, and drips what should be in it.
func slowHeaders(a *attacker, within time.Duration) (time.Duration, error) {
	w, err := a.newWire()
	if err != nil {
		return 0, err
	}
	defer func() { _ = w.conn.Close() }()
	if _, err := w.conn.Write([]byte{0, 0x3f, 0xff, byte(http2.FrameHeaders), byte(http2.FlagHeadersEndHeaders), 0, 0, 0, 1}); err != nil {
		return 0, err
	}
	return drip(w.conn, make([]byte, 0x3fff), within)
}

// slowMessage begins a call, and drips its message in frames of a byte. The server has enough when it ends the call.
func slowMessage(message []byte) func(*attacker, time.Duration) (time.Duration, error) {
	return func(a *attacker, within time.Duration) (time.Duration, error) {
		begin := time.Now()
		w, err := a.newWire()
		if err != nil {
			return 0, err
		}
		defer func() { _ = w.conn.Close() }()
		err = w.open(1, w.encode(a.fields()...), false)
		for _, b := range message {
			if err == nil {
				err = w.WriteData(1, false, []byte{b})
			}
		}
		if err == nil {
			err = w.out.Flush()
		}
		if err != nil {
			return 0, err
		}
		if err := w.conn.SetReadDeadline(begin.Add(within)); err != nil {
			return 0, err
		}
		for {
			frame, err := w.ReadFrame()
			if err != nil {
				return 0, err
			}
			if ended := frame.Header().StreamID == 1 && (frame.Header().Type == http2.FrameRSTStream || frame.Header().Flags.Has(http2.FlagHeadersEndStream)); ended {
				return time.Since(begin), nil
			}
		}
	}
}
