package jasperclient_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/zoneusage/zoneusage/jasperclient"
)

const (
	crowd    = 100_000
	patience = 100 * 365 * 24 * time.Hour // for a turn that comes after as many calls
)

// crowdedClient is a client whose calls wait: the first one hangs.
func crowdedClient(tb testing.TB) *jasperclient.Client {
	tb.Helper()
	client, err := jasperclient.New("https://restapi.example", jasperclient.Credentials{Username: "user", APIKey: apiKey},
		jasperclient.WithFairUse(jasperclient.FairUse{CallsInFlight: 1, CallsPerSecond: 1e-3, MaxWaiting: 2 * crowd}),
		jasperclient.WithTransport(roundTripper(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})))
	if err != nil {
		tb.Fatal(err)
	}
	return client
}

// memory is what is in use after a collection: the heap, and the goroutines' stacks.
func memory() (heap, stack float64) {
	runtime.GC()
	runtime.GC() // also what the first one has found to be finalized
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapInuse), float64(stats.StackInuse)
}

// waitingCost is what each of a crowd costs that waits: all of Start and Wait. The goroutines that call Wait, and their
// contexts with a deadline, are the program's: they are there before; stack is what theirs grow by.
func waitingCost(tb testing.TB, callers int) (heap, stack float64) {
	tb.Helper()
	client := crowdedClient(tb)
	names := make([]string, callers)
	for i := range names {
		names[i] = fmt.Sprint("caller ", i)
	}
	begin := make(chan struct{})
	var started, ended sync.WaitGroup
	for i := range crowd {
		started.Add(1)
		ended.Go(func() {
			ctx, cancel := context.WithTimeout(tb.Context(), patience)
			defer cancel()
			_ = ctx.Done() // the channel is the caller's, not the lane's
			started.Done()
			<-begin
			call, err := client.Start(ctx, question, jasperclient.Caller{Name: names[i%callers]}, nil)
			started.Done()
			if err != nil {
				tb.Error(err)
				return
			}
			_, _ = call.Wait(ctx)
		})
	}
	started.Wait()
	heapBefore, stackBefore := memory()
	started.Add(crowd)
	close(begin)
	started.Wait()
	heapAfter, stackAfter := memory()
	if waiting := client.Lane().Waiting; waiting != crowd-1 {
		tb.Errorf("%d wait, want all but one of %d", waiting, crowd)
	}
	client.Close()
	ended.Wait()
	return (heapAfter - heapBefore) / crowd, (stackAfter - stackBefore) / crowd
}

// Each number of callers has a process of its own, so that each also pays for what the runtime keeps.
func TestLongWhatAWaitingCallerCosts(t *testing.T) {
	const ofCallers = "COST_OF_CALLERS"
	if raced {
		t.Skip("the race detector makes each goroutine and what it allocates larger")
	}
	if callers, err := strconv.Atoi(os.Getenv(ofCallers)); err == nil {
		heap, stack := waitingCost(t, callers)
		t.Logf("%d waiting of %d callers: %.0f bytes of heap each, %.0f of stack", crowd, callers, heap, stack)
		if heap > 1024 {
			t.Errorf("a waiting caller costs %.0f bytes", heap)
		}
		return
	}
	for _, callers := range []int{100, crowd} {
		process := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLongWhatAWaitingCallerCosts$", "-test.v")
		process.Env = append(os.Environ(), fmt.Sprint(ofCallers, "=", callers))
		out, err := process.CombinedOutput()
		t.Logf("%s", out)
		if err != nil {
			t.Error(err)
		}
	}
}
