package jasperclient

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A waiter is a holder of the tests.
type waiter struct {
	*turn
	granted chan struct{} // closed when the turn is granted, or when its err is set
}

func newWaiter(caller Caller) *waiter {
	w := &waiter{granted: make(chan struct{})}
	w.turn = newTurn(caller, w)
	return w
}

func (w *waiter) wake() { close(w.granted) }

func (*waiter) resume() {}

// enter waits for a turn, as a call does for its callers.
func enter(ctx context.Context, l *lane, caller Caller, at rank) (*turn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t := newWaiter(caller)
	if err := l.enter(t.turn, at); err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := l.late(t.turn, deadline); err != nil {
			l.withdraw(t.turn)
			return nil, err
		}
	}
	select {
	case <-t.granted:
		l.sent(t.turn)
		return t.turn, t.err
	case <-ctx.Done():
		l.withdraw(t.turn)
		return nil, ctx.Err()
	}
}

// ride enters the lane and leaves it with the outcome.
func ride(ctx context.Context, l *lane, outcome error) error {
	t, err := enter(ctx, l, Caller{}, atEnd)
	if err == nil {
		l.leave(t, outcome)
	}
	return err
}

var errRateLimit = &APIError{Code: CodeRateLimitExceeded, HTTPStatus: 400}

func TestTheLaneSpacesCallsEvenly(t *testing.T) {
	for perSecond, want := range map[float64]time.Duration{1: time.Second, 5: 200 * time.Millisecond, 0.5: 2 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			l := newLane(FairUse{CallsInFlight: 1, CallsPerSecond: perSecond, MaxWaiting: 1000})
			start := time.Now()
			var mu sync.Mutex
			var starts []time.Duration
			var riding sync.WaitGroup
			for range 100 {
				riding.Go(func() {
					turn, err := enter(t.Context(), l, Caller{}, atEnd)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					starts = append(starts, turn.start.Sub(start))
					mu.Unlock()
					time.Sleep(50 * time.Millisecond)
					l.leave(turn, nil)
				})
			}
			riding.Wait()
			for i, at := range starts {
				if at != time.Duration(i)*want {
					t.Fatalf("%v calls a second: call %d after %v, want %v", perSecond, i, at, time.Duration(i)*want)
				}
			}
		})
	}
}

func TestTheLaneLetsOnlySoManyThroughAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(FairUse{CallsInFlight: 3, CallsPerSecond: 100, MaxWaiting: 1000})
		var mu sync.Mutex
		var inFlight, most int
		var riding sync.WaitGroup
		start := time.Now()
		for range 30 {
			riding.Go(func() {
				turn, err := enter(t.Context(), l, Caller{}, atEnd)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				inFlight++
				most = max(most, inFlight)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				inFlight--
				mu.Unlock()
				l.leave(turn, nil)
			})
		}
		riding.Wait()
		if most != 3 {
			t.Errorf("%d at once, want 3", most)
		}
		if took := time.Since(start); took > 10*time.Second+100*time.Millisecond {
			t.Errorf("30 calls of 1 s, 3 at once, took %v", took)
		}
	})
}

// The n-th of callers who come together has its turn after n spacings: who cannot wait so long is told so at once.
// A call that has its turn and is not sent yet, as while its connection is being made, keeps the next one back: they would come
// at Control Center together. Where that is a matter of less than a millisecond, it does not.
func TestTheNextCallWaitsUntilTheOneBeforeIsSent(t *testing.T) {
	for perSecond, together := range map[float64]bool{1: false, 1000: false, 1001: true} {
		synctest.Test(t, func(t *testing.T) {
			l := newLane(FairUse{CallsInFlight: 2, CallsPerSecond: perSecond, MaxWaiting: 10})
			first, second := newWaiter(Caller{}), newWaiter(Caller{})
			for _, w := range []*waiter{first, second} {
				if err := l.enter(w.turn, atEnd); err != nil {
					t.Fatal(err)
				}
			}
			<-first.granted
			time.Sleep(time.Minute)
			select {
			case <-second.granted:
				if !together {
					t.Errorf("%v calls a second: the next call did not wait", perSecond)
				}
			default:
				if together {
					t.Errorf("%v calls a second: the next call waits", perSecond)
				}
			}
			l.sent(first.turn)
			<-second.granted
			l.leave(first.turn, nil)
			l.leave(second.turn, nil)
		})
	}
}

func TestTheLaneRefusesAtOnceWhoCannotBeServedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 10})
		var riding sync.WaitGroup
		wait := func(ctx context.Context) {
			riding.Go(func() {
				if err := ride(ctx, l, nil); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		wait(t.Context()) // goes at once
		for range 4 {
			wait(t.Context())
		}
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 4500*time.Millisecond)
		defer cancel()
		var busy *BusyError
		if err := ride(ctx, l, nil); !errors.As(err, &busy) || busy.Wait != 5*time.Second || time.Since(start) != 0 {
			t.Errorf("got %v after %v, want a BusyError of 5 s at once", err, time.Since(start))
		}
		longer, cancelLonger := context.WithTimeout(t.Context(), 5500*time.Millisecond)
		defer cancelLonger()
		wait(longer)
		for range 5 {
			wait(t.Context())
		}
		if err := ride(t.Context(), l, nil); !errors.As(err, &busy) || busy.Wait != 11*time.Second {
			t.Errorf("with all places taken: got %v, want a BusyError of 11 s", err)
		}
		riding.Wait()
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("the ten who waited took %v", took)
		}
	})
}

func TestWhoLeavesTheLaneCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 10})
		start := time.Now()
		if err := ride(t.Context(), l, nil); err != nil {
			t.Fatal(err)
		}
		impatient, leave := context.WithCancel(t.Context())
		var riding sync.WaitGroup
		riding.Go(func() {
			if err := ride(impatient, l, nil); !errors.Is(err, context.Canceled) {
				t.Errorf("who left got %v", err)
			}
		})
		synctest.Wait()
		riding.Go(func() {
			if err := ride(t.Context(), l, nil); err != nil || time.Since(start) != time.Second {
				t.Errorf("who came after had its turn after %v (%v), want 1 s", time.Since(start), err)
			}
		})
		synctest.Wait()
		leave()
		riding.Wait()

		// The turn that comes in the moment of leaving goes to the next, at the same time.
		time.Sleep(time.Second)
		granted := newWaiter(Caller{})
		if err := l.enter(granted.turn, atEnd); err != nil {
			t.Fatal(err)
		}
		<-granted.granted
		l.withdraw(granted.turn)
		now := time.Now()
		if err := ride(t.Context(), l, nil); err != nil || time.Since(now) != 0 {
			t.Errorf("the turn given back was used after %v (%v)", time.Since(now), err)
		}
		ended, end := context.WithCancel(t.Context())
		end()
		if err := ride(ended, l, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("who had left before got %v", err)
		}
	})
}

// Refused for calling too often, the lane waits twice as long each time, at most a minute or as long as it is told.
func TestTheLaneSlowsDownWhenItIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 10})
		var waits []time.Duration
		for range 9 {
			start := time.Now()
			if err := ride(t.Context(), l, errRateLimit); err != nil {
				t.Fatal(err)
			}
			waits = append(waits, time.Since(start)/time.Second)
		}
		if diff := cmp.Diff([]time.Duration{0, 2, 4, 8, 16, 32, 60, 60, 60}, waits); diff != "" {
			t.Errorf("waits in seconds (-want +got)\n%s", diff)
		}
		if err := ride(t.Context(), l, &APIError{HTTPStatus: 429, RetryAfter: time.Hour}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := ride(t.Context(), l, nil); err != nil || time.Since(start) != time.Hour {
			t.Errorf("Retry-After of an hour was waited for %v (%v)", time.Since(start), err)
		}
	})
}

// Calls that were under way together and are refused together slow the lane down once.
func TestTheLaneSlowsDownOnceForCallsRefusedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(FairUse{CallsInFlight: 3, CallsPerSecond: 1, MaxWaiting: 10})
		var together []*turn
		for range 3 {
			turn, err := enter(t.Context(), l, Caller{}, atEnd)
			if err != nil {
				t.Fatal(err)
			}
			together = append(together, turn)
		}
		for _, turn := range together {
			l.leave(turn, errRateLimit)
		}
		if l.pace.spacing != 2*time.Second {
			t.Errorf("the spacing is %v, want 2 s", l.pace.spacing)
		}
		if err := ride(t.Context(), l, errRateLimit); err != nil || l.pace.spacing != 4*time.Second {
			t.Errorf("after the next refusal the spacing is %v (%v), want 4 s", l.pace.spacing, err)
		}
	})
}

// After a call that nobody answered, Control Center is given the time to notice that it is over.
func TestTheLanePausesAfterACallWithoutAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for outcome, want := range map[error]time.Duration{
			&UnavailableError{Err: context.DeadlineExceeded}: time.Second,
			&UnavailableError{HTTPStatus: 502, Err: errPage}: 0,
			&APIError{HTTPStatus: 500}:                       0,
		} {
			l := newLane(FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 10})
			slow, err := enter(t.Context(), l, Caller{}, atEnd)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Second)
			l.leave(slow, outcome)
			start := time.Now()
			if err := ride(t.Context(), l, nil); err != nil || time.Since(start) != want {
				t.Errorf("after %v the next call came after %v (%v), want %v", outcome, time.Since(start), err, want)
			}
		}
	})
}

// Whose call was refused goes before all who wait.
func TestTheRefusedCallGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 1})
		refused, err := enter(t.Context(), l, Caller{}, atEnd)
		if err != nil {
			t.Fatal(err)
		}
		var riding sync.WaitGroup
		start := time.Now()
		riding.Go(func() {
			if err := ride(t.Context(), l, nil); err != nil || time.Since(start) != 4*time.Second {
				t.Errorf("who waited had its turn after %v (%v), want 4 s", time.Since(start), err)
			}
		})
		synctest.Wait()
		l.leave(refused, errRateLimit)
		again, err := enter(t.Context(), l, Caller{}, beforeAll)
		if err != nil || time.Since(start) != 2*time.Second {
			t.Fatalf("the refused call had its turn after %v (%v), want 2 s", time.Since(start), err)
		}
		l.leave(again, nil)
		riding.Wait()
	})
}

// Answers bring the pace back to what is allowed; an account that allows less is seldom asked too much.
func TestThePaceRecovers(t *testing.T) {
	p := newPace(time.Second)
	for range 10 {
		p.refused()
	}
	if p.spacing != time.Minute {
		t.Errorf("after refusals the spacing is %v", p.spacing)
	}
	last, answers := p.spacing, 0
	for ; p.spacing > p.base && answers < 1000; answers++ {
		p.answered()
		if p.spacing > last {
			t.Fatalf("after an answer the spacing went from %v to %v", last, p.spacing)
		}
		last = p.spacing
	}
	if answers > 100 {
		t.Errorf("%d answers were needed", answers)
	}

	p = newPace(time.Second)
	refusals, calls := 0, 1000
	for range calls {
		if p.spacing < 2*time.Second {
			p.refused()
			refusals++
		} else {
			p.answered()
		}
	}
	if refusals > 12 {
		t.Errorf("an account that allows half refused %d of %d calls", refusals, calls)
	}
}

// Credentials that were refused are not tried again for 30 s, by nobody: an account can be locked.
func TestTheLaneClosesWhenCredentialsAreRefused(t *testing.T) {
	for _, outcome := range []*APIError{{Code: CodeInvalidCredentials, HTTPStatus: 401}, {HTTPStatus: 401}, {HTTPStatus: 403}} {
		synctest.Test(t, func(t *testing.T) {
			l := newLane(FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 10})
			first, err := enter(t.Context(), l, Caller{}, atEnd)
			if err != nil {
				t.Fatal(err)
			}
			var waiting sync.WaitGroup
			for range 5 {
				waiting.Go(func() {
					if err := ride(t.Context(), l, nil); !errors.Is(err, outcome) {
						t.Errorf("who waited got %v", err)
					}
				})
			}
			synctest.Wait()
			start := time.Now()
			l.leave(first, outcome)
			waiting.Wait()
			time.Sleep(closedFor - time.Second)
			if err := ride(t.Context(), l, nil); !errors.Is(err, outcome) || time.Since(start) != closedFor-time.Second {
				t.Errorf("who came after %v got %v", time.Since(start), err)
			}
			time.Sleep(time.Second)
			if err := ride(t.Context(), l, nil); err != nil {
				t.Errorf("who came when the lane was open again got %v", err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		l := newLane(FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 10})
		for range 2 { // a device that this account may not see says nothing of the others
			if err := ride(t.Context(), l, &APIError{Code: CodeNoAccessToAccount, HTTPStatus: 403}); err != nil {
				t.Error(err)
			}
		}
	})
}

// Another rate counts from the last call, whatever the one before it was.
func TestAnotherRateCountsFromTheLastCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for before, after := range map[float64]float64{10: 1, 0.001: 2} {
			fair := FairUse{CallsInFlight: 1, CallsPerSecond: before, MaxWaiting: 10}
			l := newLane(fair)
			if err := ride(t.Context(), l, nil); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			fair.CallsPerSecond = after
			l.update(fair, false)
			if err := ride(t.Context(), l, nil); err != nil || time.Since(start) != fair.spacing() {
				t.Errorf("%v calls a second, then %v: the next call came after %v (%v)", before, after, time.Since(start), err)
			}
		}
	})
}

// A wait that Control Center asked for outlasts a change of the rate.
func TestAnotherRateKeepsTheWaitThatWasAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, outcome := range map[string]error{
			"429": &APIError{HTTPStatus: 429, RetryAfter: time.Minute}, "503": &UnavailableError{HTTPStatus: 503, RetryAfter: time.Minute, Err: errPage},
		} {
			fair := FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 10}
			l := newLane(fair)
			if err := ride(t.Context(), l, outcome); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			fair.CallsPerSecond = 2
			l.update(fair, false)
			if err := ride(t.Context(), l, nil); err != nil || time.Since(start) != time.Minute {
				t.Errorf("%s: the next call came after %v (%v)", name, time.Since(start), err)
			}
		}
	})
}

// A reload keeps the places and what was learnt; new credentials are tried at once.
func TestTheLaneIsUpdated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fair := FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 10}
		l := newLane(fair)
		if err := ride(t.Context(), l, errRateLimit); err != nil {
			t.Fatal(err)
		}
		waits := newWaiter(Caller{})
		if err := l.enter(waits.turn, atEnd); err != nil {
			t.Fatal(err)
		}
		fair.MaxWaiting = 20
		l.update(fair, false)
		l.mu.Lock()
		if l.pace.spacing != 2*time.Second || l.waiting() != 1 {
			t.Errorf("spacing %v, %d wait", l.pace.spacing, l.waiting())
		}
		l.mu.Unlock()
		<-waits.granted
		l.leave(waits.turn, &APIError{Code: CodeInvalidCredentials, HTTPStatus: 401})
		time.Sleep(time.Second)
		old, err := enter(t.Context(), newLane(fair), Caller{}, atEnd) // stands for a call that began before
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		l.update(fair, false)
		if err := ride(t.Context(), l, nil); credentialsRefused(err) == nil {
			t.Errorf("with the credentials that were refused: %v", err)
		}
		fair.CallsPerSecond = 5
		l.update(fair, true)
		l.leave(old, &APIError{Code: CodeInvalidCredentials, HTTPStatus: 401})
		if err := ride(t.Context(), l, nil); err != nil || l.pace.spacing != 200*time.Millisecond {
			t.Errorf("spacing %v, %v", l.pace.spacing, err)
		}
	})
}

func TestFairUseIsChecked(t *testing.T) {
	good := FairUse{CallsInFlight: 1, CallsPerSecond: 0.1, MaxWaiting: 1}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for _, change := range []func(*FairUse){
		func(f *FairUse) { f.CallsInFlight = 0 },
		func(f *FairUse) { f.CallsPerSecond = 0 },
		func(f *FairUse) { f.CallsPerSecond = -1 },
		func(f *FairUse) { f.CallsPerSecond = 1e9 },
		func(f *FairUse) { f.CallsPerSecond = 1e-10 }, // whose spacing no duration holds
		func(f *FairUse) { f.MaxWaiting = 0 },
		func(f *FairUse) { f.BulkShare = -1 },
		func(f *FairUse) { f.BulkShare = 100 },
	} {
		bad := good
		change(&bad)
		if _, err := New("https://restapi.example", Credentials{Username: "u", APIKey: "k"}, WithFairUse(bad)); err == nil {
			t.Error(fmt.Sprintf("%+v", bad), "is taken")
		}
	}
}

// Answers to calls that were sent before a refusal say nothing of the pace since.
func TestAnswersFromBeforeARefusalSpeedNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(FairUse{CallsInFlight: 20, CallsPerSecond: 1, MaxWaiting: 100})
		var turns []*turn
		for range 20 {
			granted, err := enter(t.Context(), l, Caller{}, atEnd)
			if err != nil {
				t.Fatal(err)
			}
			turns = append(turns, granted)
		}
		time.Sleep(time.Second)
		l.leave(turns[0], &APIError{Code: CodeRateLimitExceeded})
		for _, granted := range turns[1:] {
			l.leave(granted, nil)
		}
		if l.pace.spacing != 2*time.Second {
			t.Errorf("the spacing is %v, want 2 s", l.pace.spacing)
		}
	})
}
