package service

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/test/bufconn"
)

// The deadline that a call gets: the caller's, or the default, and never above the greatest.
func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		intercept := withDeadline(time.Hour, 10*time.Hour)
		check := func(caller string, ctx context.Context, want time.Duration) {
			_, err := intercept(ctx, nil, nil, func(ctx context.Context, _ any) (any, error) {
				if deadline, _ := ctx.Deadline(); time.Until(deadline) != want {
					t.Errorf("%s: the deadline is in %v, want %v", caller, time.Until(deadline), want)
				}
				return nil, nil
			})
			if err != nil {
				t.Error(err)
			}
		}
		for asked, want := range map[time.Duration]time.Duration{5 * time.Hour: 5 * time.Hour, 20 * time.Hour: 10 * time.Hour} {
			ctx, cancel := context.WithTimeout(t.Context(), asked)
			check("gRPC", ctx, want)
			cancel()
		}
		check("gRPC without one", t.Context(), time.Hour)
		forged := metadata.NewIncomingContext(t.Context(), metadata.Pairs(timeoutHeader, "1"))
		check("gRPC with the gateway's own header", forged, time.Hour)

		inProcess := peer.NewContext(t.Context(), &peer.Peer{Addr: bufconn.Listen(1).Addr()})
		for asked, want := range map[string]time.Duration{
			"": time.Hour, "2H": 2 * time.Hour, "90M": 90 * time.Minute, "7200S": 2 * time.Hour, "7200000m": 2 * time.Hour,
			"99999999H": 10 * time.Hour,
		} {
			header := http.Header{}
			header.Set(timeoutHeader, "1") // is the gateway's own
			if asked != "" {
				header.Set(restTimeoutHeader, asked)
			}
			if err := passTimeout(header); err != nil {
				t.Error(err)
			}
			passed := metadata.MD{}
			if value := header.Get(timeoutHeader); value != "" {
				passed.Set(timeoutHeader, value)
			}
			check("REST "+asked, metadata.NewIncomingContext(inProcess, passed), want)
		}
	})
}
