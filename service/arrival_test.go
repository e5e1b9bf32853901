package service

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A caller may begin and cancel a hundred thousand calls a second: a timer of each for 10 seconds would be a million.
func TestACancelledCallKeepsNoTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		call, err := new(arrivals).await(ctx, nil)
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

// As many calls as there are places wait for their message, however each of them ends.
func TestCallsWithoutAMessageAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waiting := new(arrivals)
		fill := func() (calls []context.Context, cancels []context.CancelFunc) {
			t.Helper()
			for range maxAwaited {
				ctx, cancel := context.WithCancel(t.Context())
				call, err := waiting.await(ctx, nil)
				if err != nil {
					t.Fatal(err)
				}
				calls, cancels = append(calls, call), append(cancels, cancel)
			}
			if _, err := waiting.await(t.Context(), nil); status.Code(err) != codes.ResourceExhausted {
				t.Fatalf("one too many: %v", err)
			}
			return calls, cancels
		}
		calls, cancels := fill()
		for i, call := range calls { // their messages come, and they end
			arrived(call)
			arrived(call)
			cancels[i]()
		}
		_, cancels = fill()
		for _, cancel := range cancels { // their callers leave
			cancel()
		}
		synctest.Wait()
		calls, _ = fill()
		time.Sleep(readTimeout) // they are ended
		synctest.Wait()
		if calls[0].Err() == nil {
			t.Error("a call goes on without a message")
		}
		fill()
		time.Sleep(readTimeout)
	})
}
