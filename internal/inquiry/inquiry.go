// Package inquiry asks the service about one device after the other, some at a time, and waits where it has to.
package inquiry

import (
	"context"
	"iter"
	"sync"
	"time"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/iccids"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// An Inquiry is what is asked of every device, and how.
type Inquiry struct {
	Client   usagev1.UsageServiceClient
	Question *usagev1.GetDeviceUsageInZoneRequest // but for the ICCID
	Bulk     bool                                 // let interactive callers go first
	Parallel int                                  // how many devices are asked about at once
	Timeout  time.Duration                        // for a device, with all the waits
	Retries  int                                  // after failures that may pass
}

// An Answer is what came of an entry of the list.
type Answer struct {
	ICCID    jasperclient.ICCID
	Response *usagev1.GetDeviceUsageInZoneResponse
	Err      error // the entry's, or the call's status
}

// Ask gives an answer for every entry, in the entries' order, until ctx ends. At most Parallel of them are under way, or wait
// for those before them.
func (q Inquiry) Ask(ctx context.Context, entries iter.Seq[iccids.Entry]) iter.Seq[Answer] {
	return func(yield func(Answer) bool) {
		calls, cancel := context.WithCancel(ctx)
		var underway sync.WaitGroup
		defer underway.Wait()
		defer cancel()
		read := send(calls, entries)
		var window []chan Answer
		for read != nil || len(window) > 0 {
			var next <-chan iccids.Entry // while there is room
			if len(window) < q.Parallel {
				next = read
			}
			var first chan Answer
			if len(window) > 0 {
				first = window[0]
			}
			select {
			case entry, more := <-next:
				if !more {
					read = nil
					continue
				}
				answer := make(chan Answer, 1)
				window = append(window, answer)
				underway.Go(func() { answer <- q.answer(calls, entry) })
			case answer := <-first:
				window = window[1:]
				if ctx.Err() != nil || !yield(answer) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// send sends the entries until ctx ends. Nobody waits for it then: it may be in a read of a terminal, which nothing ends.
func send(ctx context.Context, entries iter.Seq[iccids.Entry]) <-chan iccids.Entry {
	to := make(chan iccids.Entry)
	go func() {
		defer close(to)
		for entry := range entries {
			select {
			case to <- entry:
			case <-ctx.Done():
				return
			}
		}
	}()
	return to
}

// answer asks about the entry's device, unless something is wrong with the entry.
func (q Inquiry) answer(ctx context.Context, entry iccids.Entry) Answer {
	if entry.Err != nil {
		return Answer{ICCID: entry.ICCID, Err: entry.Err}
	}
	resp, err := q.ask(ctx, entry.ICCID)
	return Answer{ICCID: entry.ICCID, Response: resp, Err: err}
}
