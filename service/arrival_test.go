package service

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// A silentStream is a call whose message comes when its caller leaves or the server ends it, and then is none.
type silentStream struct {
	grpc.ServerTransportStream
	ended chan struct{}
}

func (s *silentStream) WriteStatus(*status.Status) error {
	close(s.ended)
	return nil
}

func (*silentStream) SetTrailer(metadata.MD) error { return nil }

func (s *silentStream) receive(any) error {
	<-s.ended
	return errors.New("the call has ended")
}

// begin makes so many calls that wait for their message, and returns them with what each got.
func (a *arrivals) begin(ctx context.Context, n int) (calls []*silentStream, got chan error) {
	got = make(chan error, n)
	for range n {
		call := &silentStream{ended: make(chan struct{})}
		calls = append(calls, call)
		of := grpc.NewContextWithServerTransportStream(ctx, call)
		go func() { got <- a.receive(of, newRecord(of, "", nil), call.receive, nil) }()
	}
	synctest.Wait()
	return calls, got
}

// As many calls as there are places wait for their message, however each of them ends, and none waits longer than it may.
func TestCallsWithoutAMessageAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		waiting, swept := new(arrivals), make(chan struct{})
		go func() { defer close(swept); waiting.sweep(ctx) }()
		for range 2 { // the second time the places are free again
			calls, got := waiting.begin(ctx, maxAwaited)
			_, refused := waiting.begin(ctx, 1)
			if err := <-refused; status.Code(err) != codes.ResourceExhausted {
				t.Fatalf("one too many: %v", err)
			}
			for _, call := range calls[1:] { // their callers leave
				close(call.ended)
			}
			for range calls[1:] {
				if err := <-got; err == nil {
					t.Error("a call without a message is handled")
				}
			}
			time.Sleep(readTimeout - sweepEvery)
			select {
			case <-calls[0].ended:
				t.Error("a call is ended before its time")
			default:
			}
			begun := time.Now()
			if err := <-got; err == nil { // it is ended
				t.Error("a call without a message is handled")
			}
			if took := time.Since(begun); took > 2*sweepEvery {
				t.Errorf("a call without a message is ended %v late", took)
			}
		}
		if waiting.awaited != 0 || waiting.first != nil || waiting.last != nil {
			t.Errorf("%d calls are still known", waiting.awaited)
		}
		stop()
		<-swept
	})
}
