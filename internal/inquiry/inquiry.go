// Package inquiry asks the service about a list of devices, some at a time, and waits and retries where the service asks for
// it.
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
	Question *usagev1.GetDeviceUsageInZoneRequest // without the ICCID
	Bulk     bool                                 // let interactive callers go first
	Parallel int                                  // how many devices are asked about at once
	Timeout  time.Duration                        // for one device, including all waits
	Retries  int                                  // after failures that may be temporary
}

// An Answer is the result for one entry of the list.
type Answer struct {
	ICCID    jasperclient.ICCID
	Response *usagev1.GetDeviceUsageInZoneResponse
	Err      error // the entry's own error, or the status of the call
}

// Ask yields an answer for every entry, in the order of the entries, until ctx ends. At most Parallel calls are under way or
// wait for the answers before theirs.
func (q Inquiry) Ask(ctx context.Context, entries iter.Seq[iccids.Entry]) iter.Seq[Answer] {
	return func(yield func(Answer) bool) {
		calls, cancel := context.WithCancel(ctx)
		var underway sync.WaitGroup
		defer underway.Wait()
		defer cancel()
		read := send(calls, entries)
		var window []chan Answer
		for read != nil || len(window) > 0 {
			var next <-chan iccids.Entry // nil while there is no room
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

// send sends the entries until ctx ends. Nobody waits for its end, because it may be reading from a terminal, which cannot be
// interrupted.
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

// answer asks about the entry's device, unless the entry has an error.
func (q Inquiry) answer(ctx context.Context, entry iccids.Entry) Answer {
	if entry.Err != nil {
		return Answer{ICCID: entry.ICCID, Err: entry.Err}
	}
	resp, err := q.ask(ctx, entry.ICCID)
	return Answer{ICCID: entry.ICCID, Response: resp, Err: err}
}
