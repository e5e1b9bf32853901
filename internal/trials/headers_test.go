package trials_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"
)

// forHeaders is what headers may cost, whatever their number: a connection keeps 64 KiB of them.
func forHeaders() bounds { return bounds{resident: 160, goroutines: 500} }

func TestHeaderBombs(t *testing.T) {
	long(t)
	huge := hpack.HeaderField{Name: "x-huge", Value: strings.Repeat("a", mebibyte), Sensitive: true}
	const many = 50_000
	for name, bomb := range map[string]func(a *attacker, w *wire) []byte{
		"a header of 1 MiB": func(a *attacker, w *wire) []byte { return w.encode(append(a.fields(), huge)...) },
		"50000 headers": func(a *attacker, w *wire) []byte {
			fields := a.fields()
			for i := range many {
				fields = append(fields, hpack.HeaderField{Name: fmt.Sprint("x-", i), Value: "1", Sensitive: true})
			}
			return w.encode(fields...)
		},
		// A header of the table's size, and then a byte for each time it is meant again: 240 MB in 64 kB.
		"HPACK": func(a *attacker, w *wire) []byte {
			first := w.encode(append(a.fields(), hpack.HeaderField{Name: "x-bomb", Value: strings.Repeat("a", 4000)})...)
			const lastAdded = 0x80 | 62 // RFC 7541, sections 2.3.3 and 6.1
			return append(first, bytes.Repeat([]byte{lastAdded}, 60_000)...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			endure(t, forHeaders(), func(t *testing.T, a *attacker) string {
				t.Helper()
				var size int
				sent, connections := a.flood(false, func(w *wire, n uint32) error {
					block := bomb(a, w)
					size = len(block)
					return w.open(2*n+1, block, true)
				})
				return fmt.Sprintf("%d header blocks over %d connections, the last of %d bytes", sent, connections, size)
			})
		})
	}
}

func TestEndlessContinuation(t *testing.T) {
	long(t)
	encoder := new(wire)
	encoder.headers = hpack.NewEncoder(&encoder.block)
	part := encoder.encode(hpack.HeaderField{Name: "x-part", Value: strings.Repeat("a", 16<<10), Sensitive: true})
	endure(t, forHeaders(), func(t *testing.T, a *attacker) string {
		t.Helper()
		sent, connections := a.flood(false, func(w *wire, n uint32) error {
			if n == 0 {
				return w.WriteRawFrame(1 /* HEADERS */, 0, 1, w.encode(a.fields()...))
			}
			return w.WriteContinuation(1, false, part)
		})
		return fmt.Sprintf("%d frames of %d KiB over %d connections", sent, len(part)/1024, connections)
	})
}

// HTTP/1.1 has bombs of its own: endless URLs and headers.
func TestEndlessLinesOfHTTP1(t *testing.T) {
	long(t)
	for name, begin := range map[string]string{
		"a URL":    "GET /",
		"a header": "GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Huge: ",
	} {
		t.Run(name, func(t *testing.T) {
			endureAt(t, newRig(t), "REST", forHeaders(), func(t *testing.T, a *attacker) string {
				t.Helper()
				conn, err := a.dialTLS("http/1.1")
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = conn.Close() }()
				sent, chunk := 0, bytes.Repeat([]byte("a"), 16<<10)
				ended := make(chan string, 1)
				go func() {
					reply, _ := io.ReadAll(io.LimitReader(conn, 1<<10)) // it is cut off, perhaps with a reset
					status, _, _ := strings.Cut(string(reply), "\r\n")
					ended <- status
				}()
				for _, err = conn.Write([]byte(begin)); err == nil && sent < 1<<30; sent += len(chunk) {
					_, err = conn.Write(chunk)
				}
				_ = conn.Close()
				if sent >= 1<<30 {
					t.Error("it took 1 GiB")
				}
				return fmt.Sprintf("%d KiB sent until it was cut off (%v), with the answer %q", sent/1024, err, <-ended)
			})
		})
	}
}

// What a caller puts into a URL must become neither memory nor a metric's label, and not much of the log.
func TestURLs(t *testing.T) {
	long(t)
	for name, path := range map[string]func(n uint32) string{
		"long ones": func(n uint32) string { return fmt.Sprint("/", n, strings.Repeat("a", 60_000)) },
		"many":      func(n uint32) string { return fmt.Sprint("/v1/", n) },
	} {
		t.Run(name, func(t *testing.T) {
			endure(t, bounds{resident: 256, goroutines: 10_000}, func(t *testing.T, a *attacker) string {
				t.Helper()
				sent, connections := a.flood(false, func(w *wire, n uint32) error {
					fields := a.fields()
					fields[3].Value, fields[3].Sensitive = path(n), true
					return w.open(2*n+1, w.encode(fields...), true)
				})
				return fmt.Sprintf("%d URLs over %d connections in %s", sent, connections, floodTime)
			})
		})
	}
}
