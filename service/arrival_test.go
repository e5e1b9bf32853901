package service

import (
	"context"
	"testing"
	"testing/synctest"
)

// A caller may begin and cancel a hundred thousand calls a second: a timer of each for 10 seconds would be a million.
func TestACancelledCallKeepsNoTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		call, err := untilArrived(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		synctest.Wait()
		if call.Value(messageAwaitedKey{}).(messageAwaited).timer.Stop() {
			t.Error("its timer runs on")
		}
	})
}
