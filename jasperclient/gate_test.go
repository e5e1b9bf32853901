package jasperclient

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// After five failures in a row nobody calls for ten seconds, and who asks is told how long; then one call probes, whose
// answer opens the lane and whose failure closes it again.
func TestTheLaneLeavesAFailingControlCenterAlone(t *testing.T) {
	failed := &UnavailableError{HTTPStatus: 502, Err: errors.New("an HTML page")}
	synctest.Test(t, func(t *testing.T) {
		l := newLane(FairUse{CallsInFlight: 4, CallsPerSecond: 10, MaxWaiting: 100})
		var unavailable *UnavailableError
		for range failuresToClose - 1 {
			if err := ride(t.Context(), l, failed); err != nil {
				t.Fatal(err)
			}
		}
		if err := ride(t.Context(), l, nil); err != nil { // an answer between: the count begins anew
			t.Fatal(err)
		}
		for range failuresToClose - 1 {
			if err := ride(t.Context(), l, failed); err != nil {
				t.Fatal(err)
			}
		}
		last, err := enter(t.Context(), l, Caller{}, atEnd)
		if err != nil {
			t.Fatal(err)
		}
		var waiting sync.WaitGroup
		for range 5 {
			waiting.Go(func() { // three of them get the places beside the last one
				if err := ride(t.Context(), l, nil); err != nil && !upstreamFailed(err) {
					t.Error(err)
				}
			})
		}
		l.leave(last, failed)
		waiting.Wait()
		time.Sleep(4 * time.Second)
		err = ride(t.Context(), l, nil)
		if !errors.As(err, &unavailable) || unavailable.RetryAfter != recoveryTime-4*time.Second || unavailable.HTTPStatus != 502 || !errors.Is(err, failed) {
			t.Errorf("who came after 4 s got %#v", err)
		}
		time.Sleep(recoveryTime - 4*time.Second)

		probe, err := enter(t.Context(), l, Caller{}, atEnd)
		if err != nil {
			t.Fatal(err)
		}
		var others []*turn
		for range 3 {
			waits := newTurn(Caller{})
			if err := l.enter(waits, atEnd); err != nil {
				t.Fatal(err)
			}
			others = append(others, waits)
		}
		time.Sleep(time.Second)
		if len(l.riding) != 1 {
			t.Errorf("%d calls probe", len(l.riding))
		}
		l.leave(probe, failed)
		for _, other := range others {
			<-other.granted
			if !errors.As(other.err, &unavailable) || unavailable.RetryAfter != recoveryTime {
				t.Errorf("who waited for the probe got %v", other.err)
			}
		}
		time.Sleep(recoveryTime)
		for range 2 { // the next probe is answered, and who waits goes at once
			if err := ride(t.Context(), l, nil); err != nil {
				t.Error(err)
			}
		}
		if l.gate.probing() {
			t.Error("the lane still probes")
		}
	})
}
