package jasperclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zoneusage/zoneusage/jasperclient"
)

// told is what a client's events have told, in their order.
type told struct {
	mu    sync.Mutex
	start time.Time
	lines []string
}

func (t *told) add(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, fmt.Sprintf(format, args...))
}

// events notes every event, but Changed where it is not wanted.
func (t *told) events(changes bool) jasperclient.Option {
	t.start = time.Now()
	events := jasperclient.Events{
		Turn: func(caller jasperclient.Caller, waited time.Duration) {
			t.add("turn of %s after %v", name(caller), waited)
		},
		Answered: func(outcome jasperclient.Outcome, took time.Duration) {
			t.add("%s in %v", outcome, took)
		},
		Retried: func() { t.add("retried") },
		TurnedAway: func(caller jasperclient.Caller, cause jasperclient.Cause) {
			t.add("%s: no turn, %s", name(caller), cause)
		},
	}
	if changes {
		events.Changed = func(s jasperclient.LaneState) { t.add("%s", t.show(s)) }
	}
	return jasperclient.WithEvents(events)
}

func name(caller jasperclient.Caller) string {
	if caller.Bulk {
		return caller.Name + " (bulk)"
	}
	return caller.Name
}

// show is a lane's state in short.
func (t *told) show(s jasperclient.LaneState) string {
	line := fmt.Sprintf("%d+%d wait, %d in flight, every %v of %v", s.Waiting, s.WaitingBulk, s.InFlight, s.Spacing, s.AllowedSpacing)
	if s.Closed != "" {
		line += fmt.Sprintf(", %s until %v", s.Closed, s.Reopens.Sub(t.start))
	} else if !s.Reopens.IsZero() {
		line += ", open and yet to open"
	}
	return line
}

// keep keeps a part of what was told.
func (t *told) keep(part func(lines []string) []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = part(t.lines)
}

// check compares what was told since the last check.
func (t *told) check(tb testing.TB, want ...string) {
	tb.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	if diff := cmp.Diff(want, t.lines); diff != "" {
		tb.Errorf("told (-want +got)\n%s", diff)
	}
	t.lines = nil
}

// telling is a client whose Control Center answers by the steps, and what it tells.
func telling(t *testing.T, changes bool, fair jasperclient.FairUse, steps []http.HandlerFunc) (*jasperclient.Client, *told) {
	t.Helper()
	told := &told{}
	return clientOf(t, &script{steps: steps}, fair, told.events(changes), jasperclient.WithTimeout(5*time.Second)), told
}

func steps(handlers ...http.HandlerFunc) []http.HandlerFunc { return handlers }

// after answers after a time.
func after(d time.Duration, handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(d)
		handler(w, r)
	}
}

func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// exactly is a call a second, to the nanosecond: what is told has round numbers.
func exactly(fair jasperclient.FairUse) jasperclient.FairUse {
	fair.CallsPerSecond *= 1.009
	return fair
}

func start(t *testing.T, client *jasperclient.Client, caller jasperclient.Caller) *jasperclient.Call {
	t.Helper()
	call, err := client.Start(t.Context(), question, caller, nil)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return call
}

// wait waits for a call in the background.
func wait(ctx context.Context, call *jasperclient.Call) <-chan error {
	ended := make(chan error, 1)
	go func() {
		_, err := call.Wait(ctx)
		ended <- err
	}()
	return ended
}

func TestEachOutcomeIsTold(t *testing.T) {
	for name, test := range map[string]struct {
		step http.HandlerFunc
		want string
	}{
		"a usage":             {goodAnswer, "ok in 1s"},
		"a device not known":  {respond(404, `{"errorCode":"20000001"}`), "refused in 1s"},
		"a code not known":    {respond(400, `{"errorCode":"99999999"}`), "refused in 1s"},
		"a role":              {respond(403, `{"errorCode":"10000030"}`), "refused in 1s"},
		"a limit":             {respond(400, `{"errorCode":"40000029"}`), "rate_limited in 1s"},
		"HTTP's own limit":    {respond(429, ""), "rate_limited in 1s"},
		"credentials":         {respond(400, `{"errorCode":"10000001"}`), "credentials_refused in 1s"},
		"a bare 401":          {respond(401, ""), "credentials_refused in 1s"},
		"30000001":            {respond(400, `{"errorCode":"30000001"}`), "failed in 1s"},
		"a code in a 500":     {respond(500, `{"errorCode":"99999999"}`), "failed in 1s"},
		"HTML":                {respond(404, "<html></html>"), "failed in 1s"},
		"a timeout":           {hang, "failed in 5s"},
		"a broken connection": {breakOff, "failed in 1s"},
		"no usage":            {respond(200, "OK"), "invalid in 1s"},
		"a redirect":          {respond(302, ""), "invalid in 1s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, told := telling(t, false, exactly(perSecond), steps(after(time.Second, test.step), hang))
				ended := wait(t.Context(), start(t, client, jasperclient.Caller{Name: "A"}))
				time.Sleep(5 * time.Second)
				synctest.Wait()
				client.Close() // before another attempt ends, if there is one
				if err := <-ended; err != nil && test.want == "ok in 1s" {
					t.Error(err)
				}
				told.keep(func(lines []string) []string { return lines[:min(2, len(lines))] })
				told.check(t, "turn of A after 0s", test.want)
			})
		})
	}
}

// What happens to a call is told in its order; the pace it sets is told once for each change.
func TestACallAndThePaceAreTold(t *testing.T) {
	limit := respond(400, `{"errorCode":"40000029"}`)
	synctest.Test(t, func(t *testing.T) {
		client, told := telling(t, true, exactly(perSecond), steps(limit, goodAnswer))
		for range 5 {
			if _, err := client.UsageInZone(t.Context(), question); err != nil {
				t.Fatal(err)
			}
		}
		told.check(t, "turn of  after 0s", "rate_limited in 0s", "0+0 wait, 0 in flight, every 2s of 1s", "retried", "turn of  after 2s", "ok in 0s",
			"turn of  after 2s", "ok in 0s", "turn of  after 2s", "ok in 0s", "turn of  after 2s", "ok in 0s",
			"0+0 wait, 0 in flight, every 1.5s of 1s", "turn of  after 2s", "ok in 0s")
		if err := client.Update(jasperclient.Credentials{Username: "sandbox", APIKey: "sandbox"}, exactly(jasperclient.FairUse{CallsInFlight: 1, CallsPerSecond: 0.25, MaxWaiting: 1})); err != nil {
			t.Fatal(err)
		}
		told.check(t, "0+0 wait, 0 in flight, every 4s of 4s")
	})
}

// The lane is failing from its closing until a probe is answered.
func TestTheGateIsTold(t *testing.T) {
	failure := respond(404, "<html></html>") // which is not tried again
	answers := slices.Concat(slices.Repeat(steps(failure), 5), steps(after(time.Second, failure), after(time.Second, goodAnswer)))
	synctest.Test(t, func(t *testing.T) {
		client, told := telling(t, true, exactly(jasperclient.FairUse{CallsInFlight: 2, CallsPerSecond: 1, MaxWaiting: 10}), answers)
		ask := func() { _, _ = client.UsageInZone(t.Context(), question) }
		check := func(want string) {
			t.Helper()
			if got := told.show(client.Lane()); got != want {
				t.Errorf("the lane: %s\nwant: %s", got, want)
			}
		}
		for range 4 {
			ask()
		}
		check("0+0 wait, 0 in flight, every 1s of 1s")
		told.keep(func([]string) []string { return nil })
		ask()
		told.check(t, "turn of  after 1s", "failed in 0s", "0+0 wait, 0 in flight, every 1s of 1s, failing until 14s")
		ask()
		told.check(t, ": no turn, closed")
		time.Sleep(10 * time.Second)
		check("0+0 wait, 0 in flight, every 1s of 1s, failing until 14s") // as no probe was answered
		ask()
		told.check(t, "0+0 wait, 1 in flight, every 1s of 1s, failing until 14s", "turn of  after 0s", "failed in 1s",
			"0+0 wait, 0 in flight, every 1s of 1s, failing until 25s")
		time.Sleep(10 * time.Second)
		ask()
		told.check(t, "0+0 wait, 1 in flight, every 1s of 1s, failing until 25s", "turn of  after 0s", "ok in 1s",
			"0+0 wait, 0 in flight, every 1s of 1s")
		check("0+0 wait, 0 in flight, every 1s of 1s")
	})
}

func TestRefusedCredentialsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, told := telling(t, true, exactly(perSecond), steps(after(time.Second, respond(401, ""))))
		first := wait(t.Context(), start(t, client, jasperclient.Caller{Name: "A"}))
		shared := start(t, client, jasperclient.Caller{Name: "B", Bulk: true})
		if !shared.Join(t.Context(), jasperclient.Caller{Name: "C", Bulk: true}, 0) {
			t.Fatal("C cannot join")
		}
		both := []<-chan error{wait(t.Context(), shared), wait(t.Context(), shared)}
		for _, ended := range append(both, first) {
			if err := <-ended; err == nil {
				t.Error("an answer")
			}
		}
		told.check(t, "turn of A after 0s", "credentials_refused in 1s", "0+0 wait, 0 in flight, every 1s of 1s, credentials until 31s",
			"B (bulk): no turn, closed", "B (bulk): no turn, closed") // each who waited for B's call
		if _, err := client.Start(t.Context(), question, jasperclient.Caller{Name: "D"}, nil); err == nil {
			t.Error("a closed lane takes a call")
		}
		told.check(t, "D: no turn, closed")
		if err := client.Update(jasperclient.Credentials{Username: "sandbox", APIKey: "another"}, exactly(perSecond)); err != nil {
			t.Fatal(err)
		}
		told.check(t, "0+0 wait, 0 in flight, every 1s of 1s")
	})
}

// What closes the lane is told before anybody is turned away for it.
func TestAClosingLaneIsToldFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told told
		client := clientOf(t, &script{steps: steps(after(time.Second, respond(401, "")))}, exactly(perSecond), jasperclient.WithEvents(jasperclient.Events{
			TurnedAway: func(caller jasperclient.Caller, _ jasperclient.Cause) { told.add("%s is turned away", caller.Name) },
			Changed: func(s jasperclient.LaneState) {
				synctest.Wait() // all goes on that does not wait for this
				told.add("%d wait, %s", s.Waiting, s.Closed)
			},
		}))
		first := wait(t.Context(), start(t, client, jasperclient.Caller{Name: "A"}))
		shared := start(t, client, jasperclient.Caller{Name: "B"})
		if !shared.Join(t.Context(), jasperclient.Caller{Name: "C"}, 0) {
			t.Fatal("C cannot join")
		}
		second := wait(t.Context(), shared) // not the last to leave, who would wait for the lane's lock
		for _, ended := range []<-chan error{first, second} {
			if err := <-ended; !errors.As(err, new(*jasperclient.APIError)) {
				t.Error(err)
			}
		}
		if _, err := shared.Wait(t.Context()); !errors.As(err, new(*jasperclient.APIError)) {
			t.Error(err)
		}
		told.check(t, "0 wait, credentials", "B is turned away", "B is turned away")
	})
}

func TestWhoFindsNoPlaceIsTold(t *testing.T) {
	fair := exactly(jasperclient.FairUse{CallsInFlight: 1, CallsPerSecond: 1, MaxWaiting: 2})
	synctest.Test(t, func(t *testing.T) {
		client, told := telling(t, false, fair, steps(hang))
		var waiting []<-chan error
		for range 3 {
			waiting = append(waiting, wait(t.Context(), start(t, client, jasperclient.Caller{Name: "A"})))
		}
		told.check(t, "turn of A after 0s")
		if _, err := client.Start(t.Context(), question, jasperclient.Caller{Name: "A"}, nil); !errors.As(err, new(*jasperclient.BusyError)) {
			t.Errorf("one more: %v", err)
		}
		told.check(t, "A: no turn, full")
		waiting = append(waiting, wait(t.Context(), start(t, client, jasperclient.Caller{Name: "B"})))
		if err := <-waiting[2]; !errors.As(err, new(*jasperclient.BusyError)) {
			t.Errorf("A's last call: %v", err)
		}
		told.check(t, "A: no turn, full") // which gave way to B's
		client.Close()
		for _, i := range []int{0, 1, 3} {
			if err := <-waiting[i]; !errors.Is(err, jasperclient.ErrClosed) {
				t.Error(err)
			}
		}
		if _, err := client.Start(t.Context(), question, jasperclient.Caller{Name: "A"}, nil); !errors.Is(err, jasperclient.ErrClosed) {
			t.Error(err)
		}
		told.check(t) // a close is nobody's outcome
	})
}

func TestWhoHasNoTurnBeforeItsDeadlineIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, told := telling(t, false, exactly(perSecond), steps(after(10*time.Millisecond, respond(503, "")), goodAnswer))
		within := func(d time.Duration, caller jasperclient.Caller) <-chan error {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			t.Cleanup(cancel)
			return wait(ctx, start(t, client, caller))
		}
		// Its second attempt would come too late.
		if err := <-within(900*time.Millisecond, jasperclient.Caller{Name: "A"}); !errors.As(err, new(*jasperclient.APIError)) {
			t.Error(err)
		}
		told.check(t, "turn of A after 0s", "failed in 10ms", "A: no turn, deadline")
		time.Sleep(time.Minute)
		first := wait(t.Context(), start(t, client, jasperclient.Caller{Name: "B"}))
		if err := <-within(900*time.Millisecond, jasperclient.Caller{Name: "C"}); !errors.As(err, new(*jasperclient.BusyError)) {
			t.Error(err)
		}
		overtaken := within(3*time.Second, jasperclient.Caller{Name: "D", Bulk: true})
		var rest []<-chan error
		for range 4 {
			rest = append(rest, wait(t.Context(), start(t, client, jasperclient.Caller{Name: "E"})))
		}
		left, leave := context.WithCancel(t.Context())
		leaver := wait(left, start(t, client, jasperclient.Caller{Name: "F"}))
		synctest.Wait()
		leave()
		if err := <-leaver; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if err := <-overtaken; !errors.As(err, new(*jasperclient.BusyError)) {
			t.Error(err)
		}
		for _, ended := range append(rest, first) {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		told.keep(func(lines []string) []string {
			return slices.DeleteFunc(lines, func(line string) bool { return !strings.Contains(line, "no turn") })
		})
		told.check(t, "C: no turn, deadline", "D (bulk): no turn, deadline")
	})
}

// A deadline that passes while Control Center is asked, or its probe, is not the lane's doing.
func TestWhoHasATurnIsNotTurnedAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, told := telling(t, true, exactly(perSecond), slices.Concat(slices.Repeat(steps(respond(404, "<html></html>")), 5), steps(hang)))
		for range 5 {
			_, _ = client.UsageInZone(t.Context(), question)
		}
		time.Sleep(10 * time.Second)
		told.keep(func([]string) []string { return nil })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := client.UsageInZone(ctx, question)
		if !errors.As(err, new(*jasperclient.UnavailableError)) {
			t.Error(err)
		}
		told.check(t, "0+0 wait, 1 in flight, every 1s of 1s, failing until 14s", "turn of  after 0s")
		client.Close() // the probe goes on without its caller until then, and opens nothing
		told.check(t)
	})
}

// A call that the closing lane turned away, and that came again when it was open, is not told as turned away.
func TestACallThatOutlivesAClosedLane(t *testing.T) {
	failures := slices.Repeat(steps(respond(404, "<html></html>")), 4)
	synctest.Test(t, func(t *testing.T) {
		client, told := telling(t, false, exactly(perSecond), slices.Concat(failures, steps(respond(502, ""), goodAnswer)))
		for range 4 {
			_, _ = client.UsageInZone(t.Context(), question)
		}
		last := wait(t.Context(), start(t, client, jasperclient.Caller{Name: "A"}))
		patient := wait(t.Context(), start(t, client, jasperclient.Caller{Name: "B"}))
		if err := <-last; err == nil {
			t.Error("a failure is an answer")
		}
		if err := <-patient; err != nil {
			t.Error(err)
		}
		told.keep(func(lines []string) []string { return lines[8:] })
		told.check(t, "turn of A after 1s", "failed in 0s", "A: no turn, closed", "retried", "turn of B after 0s", "ok in 0s")
	})
}

func TestTheProgressOfACall(t *testing.T) {
	limit := respond(400, `{"errorCode":"40000029"}`)
	synctest.Test(t, func(t *testing.T) {
		client, _ := telling(t, false, exactly(perSecond), steps(goodAnswer, after(time.Second, limit), goodAnswer))
		if _, err := client.UsageInZone(t.Context(), question); err != nil {
			t.Fatal(err)
		}
		call := start(t, client, jasperclient.Caller{Name: "A", Bulk: true})
		ended := wait(t.Context(), call)
		check := func(waited time.Duration, attempts int, lane string) {
			t.Helper()
			synctest.Wait()
			if w, a := call.Progress(); w != waited || a != attempts {
				t.Errorf("%d attempts after waiting %v, want %d and %v", a, w, attempts, waited)
			}
			if got := (&told{}).show(client.Lane()); !strings.HasPrefix(got, lane) {
				t.Errorf("the lane: %s", got)
			}
		}
		check(0, 0, "0+1 wait, 0 in flight")
		time.Sleep(500 * time.Millisecond)
		check(500*time.Millisecond, 0, "0+1 wait, 0 in flight")
		time.Sleep(time.Second)
		check(time.Second, 1, "0+0 wait, 1 in flight")
		time.Sleep(1500 * time.Millisecond) // among the refused, whose class is still its own
		check(2*time.Second, 1, "0+1 wait, 0 in flight")
		if err := <-ended; err != nil {
			t.Error(err)
		}
		check(3*time.Second, 2, "0+0 wait, 0 in flight")
		time.Sleep(time.Hour)
		check(3*time.Second, 2, "0+0 wait, 0 in flight")
	})
}

// An event that panics is a defect of the program's, which its callers have, and nobody else.
func TestAnEventThatPanics(t *testing.T) {
	for name, event := range map[string]func(*jasperclient.Events, func()){
		"Turn":     func(e *jasperclient.Events, f func()) { e.Turn = func(jasperclient.Caller, time.Duration) { f() } },
		"Answered": func(e *jasperclient.Events, f func()) { e.Answered = func(jasperclient.Outcome, time.Duration) { f() } },
		"Retried":  func(e *jasperclient.Events, f func()) { e.Retried = f },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var events jasperclient.Events
				panicked := false
				event(&events, func() {
					if !panicked {
						panicked = true
						panic("a defect")
					}
				})
				client := clientOf(t, &script{steps: steps(respond(429, ""), goodAnswer)}, perSecond, jasperclient.WithEvents(events))
				func() {
					defer func() {
						if value := fmt.Sprint(recover()); !strings.HasPrefix(value, "a defect") {
							t.Errorf("recovered %v", value)
						}
					}()
					_, err := client.UsageInZone(t.Context(), question)
					t.Errorf("no panic, %v", err)
				}()
				if _, err := client.UsageInZone(t.Context(), question); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
