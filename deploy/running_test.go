package deploy

import (
	"net/http"
	"testing"
	"time"
)

// The sandbox's devices: one that is well, and one an error that always meets it.
const (
	goodDevice        = "8988217755520000031"
	refusedKeyDevice  = "890000000010000001"
	failingDevice     = "890000000030000001"
	rateLimitedDevice = "890000000040000029"
)

// scrapes are enough for the longest window and `for` of the alerts.
const scrapes = 75

// TestNoAlertFiresOnAHealthyServer evaluates the alerts on the metrics of a server that is well and has a little to do.
func TestNoAlertFiresOnAHealthyServer(t *testing.T) {
	s := serve(t, "--calls-per-second=100")
	stored, times := observe(t, s, scrapes, func(int) { s.lightLoad(t) })
	for alert, since := range firings(t, stored, times) {
		t.Errorf("%s fires %s after the start", alert, since)
	}
}

// lightLoad makes a few calls that are answered, one of them anew.
func (s *server) lightLoad(t *testing.T) {
	t.Helper()
	for range 3 {
		if status := s.ask(t, goodDevice, "", "10S"); status != http.StatusOK {
			t.Fatalf("HTTP status %d", status)
		}
	}
	if status := s.ask(t, goodDevice, "?maxAge=0s", "10S"); status != http.StatusOK {
		t.Fatalf("HTTP status %d", status)
	}
}

// TestAlertsFireOnTrouble evaluates them on the metrics of servers that have the trouble they are for.
func TestAlertsFireOnTrouble(t *testing.T) {
	for alert, trouble := range map[string]struct {
		flags []string
		work  func(scrape int, ask func(device, query, timeout string))
	}{
		"ZoneusageCredentialsRefused critical": {nil, func(scrape int, ask func(device, query, timeout string)) {
			if scrape == 0 {
				ask(refusedKeyDevice, "", "10S")
			}
		}},
		"ZoneusageControlCenterFailing critical": {[]string{"--calls-per-second=100"}, func(_ int, ask func(device, query, timeout string)) {
			for range 2 {
				ask(failingDevice, "", "10S")
			}
		}},
		"ZoneusageErrors warning": {[]string{"--calls-per-second=100"}, func(_ int, ask func(device, query, timeout string)) {
			ask(failingDevice, "", "10S")
		}},
		"ZoneusageBudgetExhausted warning": {[]string{"--calls-per-second=0.01"}, func(_ int, ask func(device, query, timeout string)) {
			ask(goodDevice, "?maxAge=0s", "2S")
		}},
		"ZoneusageLaneSlowed warning": {[]string{"--calls-per-second=10"}, func(scrape int, ask func(device, query, timeout string)) {
			if scrape == 0 {
				ask(rateLimitedDevice, "", "2S")
			}
		}},
	} {
		t.Run(alert, func(t *testing.T) {
			s := serve(t, trouble.flags...)
			stored, times := observe(t, s, scrapes, func(scrape int) {
				trouble.work(scrape, func(device, query, timeout string) { s.ask(t, device, query, timeout) })
			})
			if fires := firings(t, stored, times); fires[alert] == 0 {
				t.Errorf("it does not fire; these do: %v", fires)
			}
		})
	}
}

// firings evaluates all alerts after each scrape but the first, and tells how long after it each first fires.
func firings(t *testing.T, stored *history, times []time.Time) map[string]time.Duration {
	t.Helper()
	engine, alerts, fires := newEngine(), readAlerts(t), map[string]time.Duration{}
	for _, at := range times[1:] {
		for _, a := range alerts {
			found, err := a.eval(t.Context(), engine, stored, at)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				if name := a.rule.Alert + " " + f.Labels["severity"]; fires[name] == 0 {
					fires[name] = at.Sub(times[0])
				}
			}
		}
	}
	return fires
}
