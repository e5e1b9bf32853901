package trials_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// callTimeout is after how long a call of a load has failed.
const callTimeout = 10 * time.Second

// A load is questions at a steady rate, whether those before are answered or not: so a server that stands still is seen.
type load struct {
	stopped context.CancelFunc
	done    sync.WaitGroup
	begun   time.Time

	mu       sync.Mutex
	took     []time.Duration // of the calls that succeeded
	failures map[string]int
	failed   int
	ended    time.Time
}

// startLoad asks in the given ways in turn, about so many devices, until the load is stopped or the test ends.
func startLoad(t *testing.T, perSecond, devices int, ways ...ask) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{stopped: cancel, failures: map[string]int{}, begun: time.Now()}
	l.done.Go(func() { l.run(ctx, perSecond, devices, ways) })
	t.Cleanup(func() { l.stop() })
	return l
}

func (l *load) run(ctx context.Context, perSecond, devices int, ways []ask) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := 0; ; i++ {
		timer.Reset(time.Until(l.begun.Add(time.Duration(i) * time.Second / time.Duration(perSecond))))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		l.done.Go(func() { l.call(ways[i%len(ways)], sandbox.GeneratedICCID(i/len(ways)%devices)) })
	}
}

func (l *load) call(way ask, iccid string) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	begin := time.Now()
	err := way(ctx, iccid)
	took := time.Since(begin)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failed++
		l.failures[strings.ReplaceAll(err.Error(), iccid, "…")]++
		return
	}
	l.took = append(l.took, took)
}

// calls is how many have been answered.
func (l *load) calls() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.took)
}

// goesOn waits for so many more answers.
func (l *load) goesOn(t *testing.T, more int) {
	t.Helper()
	want := l.calls() + more
	until(t, patience, fmt.Sprintf("%d more answers", more), func() error {
		if got := l.calls(); got < want {
			return fmt.Errorf("%d of %d", got, want)
		}
		return nil
	})
}

// stop waits for the calls under way. A second stop does nothing.
func (l *load) stop() *load {
	l.stopped()
	l.done.Wait()
	if l.ended.IsZero() {
		l.ended = time.Now()
		slices.Sort(l.took)
	}
	return l
}

// quantile is that of the answers' times.
func (l *load) quantile(share float64) time.Duration {
	if len(l.took) == 0 {
		return 0
	}
	return l.took[min(int(share*float64(len(l.took))), len(l.took)-1)].Round(10 * time.Microsecond)
}

// String tells the figures of a load that is stopped.
func (l *load) String() string {
	seconds := l.ended.Sub(l.begun).Seconds()
	return fmt.Sprintf("%d calls in %.1f s (%.0f/s), %d failed; median %s, 99%% %s, slowest %s", len(l.took)+l.failed, seconds,
		float64(len(l.took)+l.failed)/seconds, l.failed, l.quantile(.5), l.quantile(.99), l.quantile(1))
}

// wantNoFailure fails where one call did.
func (l *load) wantNoFailure(t *testing.T) {
	t.Helper()
	for _, text := range slices.Sorted(maps.Keys(l.failures)) {
		t.Errorf("%d calls failed: %s", l.failures[text], text)
	}
	if len(l.took) == 0 {
		t.Error("no call was answered")
	}
}
