package jasperclient

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// After five failures in a row nobody calls for ten seconds, and who asks is told how long; then one call probes, whose
// answer opens the lane and whose failure closes it again.
func TestTheLaneLeavesAFailingControlCenterAlone(t *testing.T) {
	for name, failed := range map[string]error{
		"a page in its place": &UnavailableError{HTTPStatus: 502, Err: errPage},
		"its own error":       &APIError{Code: CodeUnknownServerError, HTTPStatus: 502},
		"an error not known":  &APIError{Code: "99999999", HTTPStatus: 502},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { leavesAlone(t, failed) })
		})
	}
}

func leavesAlone(t *testing.T, failed error) {
	t.Helper()
	l := newLane(FairUse{CallsInFlight: 4, CallsPerSecond: 10, MaxWaiting: 100})
	fail := func(times int) {
		for range times {
			if err := ride(t.Context(), l, failed); err != nil {
				t.Fatal(err)
			}
		}
	}
	wait := func(n int) (waiting []*waiter) {
		for range n {
			waits := newWaiter(Caller{})
			if err := l.enter(waits.turn, atEnd); err != nil {
				t.Fatal(err)
			}
			waiting = append(waiting, waits)
		}
		return waiting
	}
	checkTold := func(who string, err error, after time.Duration) {
		var unavailable *UnavailableError
		if !errors.As(err, &unavailable) || unavailable.RetryAfter != after || unavailable.HTTPStatus != 502 {
			t.Errorf("%s got %#v, want an UnavailableError of status 502 and %v", who, err, after)
		}
	}
	fail(failuresToClose - 1)
	if err := ride(t.Context(), l, nil); err != nil { // an answer between: the count begins anew
		t.Fatal(err)
	}
	fail(failuresToClose - 1)
	last, err := enter(t.Context(), l, Caller{}, atEnd)
	if err != nil {
		t.Fatal(err)
	}
	waiting := wait(5)
	l.leave(last, failed)
	for _, waits := range waiting {
		<-waits.granted
		checkTold("who waited", waits.err, recoveryTime)
	}
	time.Sleep(4 * time.Second)
	checkTold("who came after 4 s", ride(t.Context(), l, nil), recoveryTime-4*time.Second)
	time.Sleep(recoveryTime - 4*time.Second)

	probe, err := enter(t.Context(), l, Caller{}, atEnd)
	if err != nil {
		t.Fatal(err)
	}
	waiting = wait(3)
	time.Sleep(time.Second)
	if len(l.inFlight) != 1 {
		t.Errorf("%d calls probe", len(l.inFlight))
	}
	// Who has no time to wait for the probe is told that Control Center fails, not that it is busy.
	checkTold("who is in a hurry", l.late(waiting[0].turn, time.Now().Add(time.Millisecond)), 100*time.Millisecond)
	l.leave(probe, failed)
	for _, waits := range waiting {
		<-waits.granted
		checkTold("who waited for the probe", waits.err, recoveryTime)
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
}

// What a failure says of the time to wait holds for everybody.
func TestAFailuresRetryAfterHoldsTheLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(FairUse{CallsInFlight: 1, CallsPerSecond: 10, MaxWaiting: 10})
		busy := &UnavailableError{HTTPStatus: 503, RetryAfter: 2 * time.Minute, Err: errPage}
		for i := range failuresToClose {
			start := time.Now()
			if err := ride(t.Context(), l, busy); err != nil || (time.Since(start) != 2*time.Minute) != (i == 0) {
				t.Errorf("call %d came after %v: %v", i, time.Since(start), err)
			}
		}
		var unavailable *UnavailableError
		if err := ride(t.Context(), l, nil); !errors.As(err, &unavailable) || unavailable.RetryAfter != 2*time.Minute {
			t.Errorf("after %d failures: %v", failuresToClose, err)
		}
	})
}
