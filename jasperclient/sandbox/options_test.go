package sandbox_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

func TestImpossibleOptions(t *testing.T) {
	for name, option := range map[string]sandbox.Option{
		"no user name":       sandbox.WithCredentials("", "key"),
		"no API key":         sandbox.WithCredentials("user", ""),
		"colon in user name": sandbox.WithCredentials("us:er", "key"),
		"account, no name":   sandbox.WithAccount("", "key"),
		"account, no key":    sandbox.WithAccount("user", ""),
		"account, a colon":   sandbox.WithAccount("us:er", "key"),
		"account's name":     sandbox.WithAccount("sandbox", "key"),
		"no clock":           sandbox.WithClock(nil),
		"no zone":            sandbox.WithBilling(nil, 1),
		"cycle day 0":        sandbox.WithBilling(time.UTC, 0),
		"cycle day 32":       sandbox.WithBilling(time.UTC, 32),
		"negative devices":   sandbox.WithDevices(-1),
		"too many devices":   sandbox.WithDevices(1_000_000_000_001),
		"negative latency":   sandbox.WithLatency(-time.Second),
		"empty usage":        sandbox.WithEmptyUsage(3),
		"rate limit status":  sandbox.WithRateLimitStatus(503),
	} {
		if s, err := sandbox.New(option); s != nil || err == nil || !strings.HasPrefix(err.Error(), "sandbox: ") {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}

func TestDefaults(t *testing.T) {
	s, err := sandbox.New()
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now().Truncate(time.Millisecond)
	stamp := instant(t, ask(s, exampleDevice).answer(t).TimeStamp)
	if stamp.Before(before) || stamp.After(time.Now()) {
		t.Errorf("answered at %v, not now", stamp)
	}
}

func TestEmptyUsage(t *testing.T) {
	const withoutUsage = "8999901000000000050"
	for form, end := range map[sandbox.EmptyUsage]string{
		sandbox.EmptyObject:  `.000Z","deviceCycleUsageInZones":{}}`,
		sandbox.EmptyNull:    `.000Z","deviceCycleUsageInZones":null}`,
		sandbox.EmptyMissing: `:59.000Z"}`,
	} {
		s := newSandbox(t, sandbox.WithEmptyUsage(form))
		for _, target := range []string{usage(withoutUsage), usage(exampleICCID, "ratePlan", "Rate Plan A", "zone", "Zone B")} {
			if got := ask(s, target); got.status != http.StatusOK || !strings.HasSuffix(got.body, end) {
				t.Errorf("form %d: status %d, %s", form, got.status, got.body)
			}
		}
		if got := ask(s, exampleDevice).answer(t); len(got.Usage) != 2 {
			t.Errorf("form %d changes an answer with usage: %v", form, got)
		}
	}
}

func TestRateLimitStatus(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusTooManyRequests} {
		s := newSandbox(t, sandbox.WithRateLimitStatus(status))
		got := ask(s, usage(sandbox.TroublePrefix+"40000029"))
		if got.status != status || got.code(t) != "40000029" {
			t.Errorf("status %d, want %d: %s", got.status, status, got.body)
		}
	}
}

func TestLatency(t *testing.T) {
	for _, target := range []string{exampleDevice, usage(sandbox.TroublePrefix + "30000001"), "/"} {
		synctest.Test(t, func(t *testing.T) {
			s := newSandbox(t, sandbox.WithLatency(90*time.Second))
			began := time.Now()
			got := ask(s, target)
			if waited := time.Since(began); waited != 90*time.Second {
				t.Errorf("%s: status %d after %v", target, got.status, waited)
			}
		})
	}
}

func TestLatencyEndsWithTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSandbox(t, sandbox.WithLatency(time.Hour))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w := httptest.NewRecorder()
		began := time.Now()
		s.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, exampleDevice, nil))
		if waited := time.Since(began); waited != time.Second || w.Code != http.StatusServiceUnavailable {
			t.Errorf("status %d after %v", w.Code, waited)
		}
	})
}
