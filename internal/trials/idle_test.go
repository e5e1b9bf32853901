//go:build unix

package trials_test

import (
	"fmt"
	"sync"
	"syscall"
	"testing"
)

// idleConnections is how many callers hold a connection and ask nothing.
const idleConnections = 10_000

func TestIdleConnections(t *testing.T) {
	long(t)
	const others = 500 // of the test and of the server
	var descriptors syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &descriptors); err != nil {
		t.Fatal(err)
	}
	if descriptors.Max < idleConnections+others {
		t.Skipf("a process may have %d descriptors here, and %d are needed: raise the hard limit (ulimit -Hn)", descriptors.Max, idleConnections+others)
	}
	for _, door := range []string{"gRPC", "REST"} {
		t.Run(door, func(t *testing.T) {
			endureAt(t, newRig(t), door, bounds{resident: 1024, goroutines: 60_000}, func(t *testing.T, a *attacker) string {
				t.Helper()
				wires := a.openMany(idleConnections)
				for _, w := range wires {
					a.listen(w)
				}
				defer func() {
					for _, w := range wires {
						_ = w.conn.Close()
					}
				}()
				if len(wires) < idleConnections {
					t.Errorf("there are %d connections, want %d", len(wires), idleConnections)
				}
				until(t, patience, "the server's word on all of them", func() error {
					if got := a.said.of("SETTINGS ACK"); got < len(wires) {
						return fmt.Errorf("it has spoken on %d", got)
					}
					return nil
				})
				if closed := a.said.of("closed the connection"); closed > 0 {
					t.Errorf("%d were closed", closed)
				}
				return fmt.Sprintf("%d idle connections", len(wires))
			})
		})
	}
}

// openMany makes connections, many at once; those that fail are missing.
func (a *attacker) openMany(n int) []*wire {
	const atOnce = 64
	var mu sync.Mutex
	var wires []*wire
	var opening sync.WaitGroup
	for range atOnce {
		opening.Go(func() {
			for {
				mu.Lock()
				left := n
				n--
				mu.Unlock()
				if left <= 0 {
					return
				}
				if w, err := a.newWire(); err == nil {
					mu.Lock()
					wires = append(wires, w)
					mu.Unlock()
				}
			}
		})
	}
	opening.Wait()
	return wires
}
