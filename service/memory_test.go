package service

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/zoneusage/zoneusage/jasperclient"
)

// A million devices are kept, in all forms, in little memory, of which the cache knows. How long the garbage collector stops the
// world meanwhile is told and not asserted: on a busy machine that is the machine's affair.
func TestLongAMillionDevices(t *testing.T) {
	if RaceDetector {
		t.Skip("it measures memory, which is another with the race detector")
	}
	const devices, mostBytes = 1_000_000, 1229 // 1.2 KiB
	service, err := New(AnswerConfig{CacheBytes: 4 << 30}, Account{Name: "bench", Client: new(jasperclient.Client)})
	if err != nil {
		t.Fatal(err)
	}
	usage, account := usageOf(2, 1), service.account("")
	before, pauses := heap(), gcPauses()
	for i := range devices {
		iccid := fmt.Sprintf("8988217755%09d", i)
		device := *usage
		device.ICCID = jasperclient.ICCID(iccid)
		query := jasperclient.UsageQuery{ICCID: device.ICCID}
		account.keep(query, newAnswer(query, &device, time.Now(), nil))
	}
	account.answers.CleanUp()
	kept, counted := account.answers.EstimatedSize(), account.answers.WeightedSize()
	each := float64(heap()-before) / float64(kept)
	pause := quantile(gcPauses(), pauses, 0.99)
	t.Logf("%d answers, %.0f bytes each, counted as %.0f; of the garbage collector's pauses 99 %% take %v at most",
		kept, each, float64(counted)/float64(kept), pause)
	if kept != devices || each > mostBytes {
		t.Errorf("want %d answers, of %d bytes each at most", devices, mostBytes)
	}
	if ratio := float64(counted) / float64(kept) / each; ratio < 0.95 || ratio > 1.1 {
		t.Errorf("the cache counts %.2f of what they take", ratio)
	}
	runtime.KeepAlive(service)
}

// heap is what is in use.
func heap() uint64 {
	debug.FreeOSMemory() // twice: what pools hold lives through one
	debug.FreeOSMemory()
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	return now.HeapAlloc
}

// gcPauses are how long the world was stopped for the garbage collector so far.
func gcPauses() *metrics.Float64Histogram {
	sample := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(sample)
	return sample[0].Value.Float64Histogram()
}

// quantile is that of what came after before.
func quantile(after, before *metrics.Float64Histogram, share float64) time.Duration {
	total := uint64(0)
	for i := range after.Counts {
		total += after.Counts[i] - before.Counts[i]
	}
	left := uint64(math.Ceil(float64(total) * share))
	for i := range after.Counts {
		if n := after.Counts[i] - before.Counts[i]; n < left {
			left -= n
			continue
		}
		return time.Duration(after.Buckets[i+1] * float64(time.Second))
	}
	return 0
}
