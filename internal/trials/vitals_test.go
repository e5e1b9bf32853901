package trials_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// vitals are what a server holds.
type vitals struct {
	resident, used, heap    int // MiB; used is what is resident without the memory that Go keeps in reserve
	goroutines, descriptors int
	metrics                 int // KiB of their page
}

func (v vitals) String() string {
	return fmt.Sprintf("%d MiB resident, %d used, %d heap, %d goroutines, %d descriptors", v.resident, v.used, v.heap, v.goroutines, v.descriptors)
}

const mebibyte = 1 << 20

// vitals asks the operator's door.
func (s *server) vitals(ctx context.Context) (vitals, error) {
	page, err := s.ask(ctx, "/metrics")
	if err != nil {
		return vitals{}, err
	}
	resident := int(metric(page, "process_resident_memory_bytes"))
	reserve := int(metric(page, "go_memstats_heap_idle_bytes") - metric(page, "go_memstats_heap_released_bytes"))
	return vitals{
		resident:    resident / mebibyte,
		used:        (resident - reserve) / mebibyte,
		heap:        int(metric(page, "go_memstats_heap_alloc_bytes")) / mebibyte,
		goroutines:  int(metric(page, "go_goroutines")),
		descriptors: int(metric(page, "process_open_fds")),
		metrics:     len(page) / 1024,
	}, nil
}

// liveVitals asks after a garbage collection: the heap is what is really held.
func (s *server) liveVitals(t *testing.T) vitals {
	t.Helper()
	for range 2 { // what pools hold lives through one
		if _, err := s.ask(t.Context(), "/debug/pprof/heap?gc=1"); err != nil {
			t.Fatal(err)
		}
	}
	v, err := s.vitals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// ask reads a page of the operator's door.
func (s *server) ask(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.admin+path, nil)
	if err != nil {
		return "", err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	page, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: HTTP status %d", path, resp.StatusCode)
	}
	return string(page), err
}

// metric is the value of a metric without labels; 0 for none.
func metric(page, name string) float64 {
	for line := range strings.Lines(page) {
		if text, ok := strings.CutPrefix(line, name+" "); ok {
			value, _ := strconv.ParseFloat(strings.TrimSpace(text), 64)
			return value
		}
	}
	return 0
}

// mostResident is the most memory that the process has had so far, in MiB.
func (p *process) mostResident(t *testing.T) int {
	t.Helper()
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); fields[0] == "VmHWM:" {
			kibibytes, err := strconv.Atoi(fields[1])
			if err != nil {
				t.Fatal(err)
			}
			return kibibytes / 1024
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

// logSize is how much the process has said so far, in MiB.
func (p *process) logSize(t *testing.T) int {
	t.Helper()
	file, err := os.Stat(p.output)
	if err != nil {
		t.Fatal(err)
	}
	return int(file.Size()) / mebibyte
}

// A watch looks at a server again and again.
type watch struct {
	stopped context.CancelFunc
	done    sync.WaitGroup
	seen    []vitals
}

func (s *server) watch(t *testing.T, every time.Duration) *watch {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &watch{stopped: cancel}
	w.done.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			if v, err := s.vitals(ctx); err == nil { // else the next time
				w.seen = append(w.seen, v)
			}
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	})
	t.Cleanup(func() { w.stop() })
	return w
}

// stop returns all that was seen.
func (w *watch) stop() []vitals {
	w.stopped()
	w.done.Wait()
	return w.seen
}
