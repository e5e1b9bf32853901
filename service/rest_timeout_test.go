package service

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// The deadline that a call gets: the caller's, or the default, and never above the greatest.
func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &passage{defaultTimeout: time.Hour, maxTimeout: 10 * time.Hour}
		check := func(caller string, ctx context.Context, rec *record, want time.Duration) {
			rec.start = time.Now()
			p.limit(ctx, rec)
			if time.Until(rec.deadline) != want {
				t.Errorf("%s: the deadline is in %v, want %v", caller, time.Until(rec.deadline), want)
			}
		}
		for asked, want := range map[time.Duration]time.Duration{5 * time.Hour: 5 * time.Hour, 20 * time.Hour: 10 * time.Hour} {
			ctx, cancel := context.WithTimeout(t.Context(), asked)
			check("gRPC", ctx, new(record), want)
			cancel()
		}
		check("gRPC without one", t.Context(), new(record), time.Hour)
		for asked, want := range map[string]time.Duration{
			"": time.Hour, "2H": 2 * time.Hour, "90M": 90 * time.Minute, "7200S": 2 * time.Hour, "7200000m": 2 * time.Hour,
			"0S": 0, "99999999H": 10 * time.Hour,
		} {
			rec, header := new(record), http.Header{}
			if asked != "" {
				header.Set(restTimeoutHeader, asked)
			}
			if err := rec.takeTimeout(header); err != nil || header.Get(restTimeoutHeader) != "" {
				t.Errorf("%q: %v, and the header is left as %v", asked, err, header)
			}
			check("REST "+asked, t.Context(), rec, want)
		}
	})
}
