package trials_test

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

const gibibyte = 1 << 30

// tooMuch is how much of a body may be on its way when it is refused: HTTP/1.1 has no windows, but the kernels' buffers.
const tooMuch = 8 * mebibyte

// A body is a GiB, and counts how much of it was taken.
type body struct {
	taken atomic.Int64
	head  []byte // what it begins with; the rest is zeros
}

func (b *body) Read(p []byte) (int, error) {
	done := b.taken.Load()
	left := gibibyte - done
	if left == 0 {
		return 0, io.EOF
	}
	n := int(min(left, int64(len(p))))
	clear(p[:n])
	if done < int64(len(b.head)) {
		copy(p[:n], b.head[done:])
	}
	b.taken.Add(int64(n))
	return n, nil
}

// A GiB for a question is refused before it has come.
func TestABodyOfAGibibyte(t *testing.T) {
	long(t)
	for _, test := range []struct {
		name, door, method string
		http1              bool
	}{
		{"gRPC", "gRPC", http.MethodPost, false},
		{"POST over HTTP 2", "REST", http.MethodPost, false},
		{"GET over HTTP 2", "REST", http.MethodGet, false},
		{"POST over HTTP 1.1", "REST", http.MethodPost, true},
		{"GET over HTTP 1.1", "REST", http.MethodGet, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			endureAt(t, newRig(t), test.door, bounds{resident: 128, goroutines: 500}, func(t *testing.T, a *attacker) string {
				t.Helper()
				const bodies = 16
				var most atomic.Int64
				var all sync.WaitGroup
				for range bodies {
					all.Go(func() {
						taken, answer := a.upload(test.method, test.http1)
						a.said.add(answer)
						for now := most.Load(); taken > now && !most.CompareAndSwap(now, taken); now = most.Load() {
						}
					})
				}
				all.Wait()
				if most.Load() > tooMuch {
					t.Errorf("%d KiB of a body were taken", most.Load()/1024)
				}
				return fmt.Sprintf("%d bodies of 1 GiB; at most %d KiB of one were taken", bodies, most.Load()/1024)
			})
		})
	}
}

// upload sends a GiB, and returns how much of it was taken until the answer came.
func (a *attacker) upload(method string, http1 bool) (taken int64, answer string) {
	transport := &http.Transport{TLSClientConfig: a.config.Clone(), ForceAttemptHTTP2: !http1}
	defer transport.CloseIdleConnections()
	content := &body{}
	req, err := http.NewRequest(method, "https://"+a.addr+usagePath("8988217755520000031"), content)
	if err != nil {
		return 0, err.Error()
	}
	req.ContentLength = gibibyte
	req.Header.Set("Authorization", "Bearer "+a.token)
	if a.door == "gRPC" {
		req.URL.Path = "/jasper.usage.v1.UsageService/GetDeviceUsageInZone"
		req.Header.Set("Content-Type", "application/grpc")
		req.Header.Set("Te", "trailers")
		content.head = []byte{0, 0x3f, 0xff, 0xff, 0xfb} // one message, of all the rest
	}
	resp, err := (&http.Client{Transport: transport, Timeout: patience}).Do(req)
	if err != nil {
		return content.taken.Load(), "an error" // with addresses in it
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, resp.Body) // with it come the trailers, where there are any
	answer = resp.Status
	if code := resp.Trailer.Get("Grpc-Status") + resp.Header.Get("Grpc-Status"); code != "" {
		answer = "gRPC status " + code
	}
	return content.taken.Load(), answer
}

// Who keeps no law sends on, whatever the windows are and the server says: it must not be kept.
func TestABodyThatMindsNoWindow(t *testing.T) {
	long(t)
	part := make([]byte, 16<<10)
	endure(t, bounds{resident: 128, goroutines: 500}, func(t *testing.T, a *attacker) string {
		t.Helper()
		sent, connections := a.flood(false, func(w *wire, n uint32) error {
			if n == 0 {
				return w.open(1, w.encode(a.fields()...), false)
			}
			return w.WriteData(1, false, part)
		})
		return fmt.Sprintf("%d MiB over %d connections in %s", sent*len(part)/mebibyte, connections, floodTime)
	})
}
