package examples_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/zoneusage/zoneusage/examples"
	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

// A real client with the config makes a call again that was UNAVAILABLE, and no other, and waits as it is told.
func TestServiceConfig(t *testing.T) {
	const jitter = 200 * time.Millisecond // grpc takes up to a fifth off a pause or adds it
	for _, test := range []struct {
		name   string
		stage  *stage
		want   codes.Code
		pauses []time.Duration
		within time.Duration
	}{
		{"answered", &stage{}, codes.OK, nil, 0},
		{"unavailable once", &stage{refusals: 1, code: codes.Unavailable}, codes.OK, []time.Duration{time.Second}, jitter},
		{"unavailable twice", &stage{refusals: 2, code: codes.Unavailable}, codes.OK, []time.Duration{time.Second, 2 * time.Second}, 2 * jitter},
		{"unavailable", &stage{refusals: 9, code: codes.Unavailable}, codes.Unavailable, []time.Duration{time.Second, 2 * time.Second}, 2 * jitter},
		{"pushback", &stage{refusals: 2, code: codes.Unavailable, pushback: 7 * time.Second}, codes.OK,
			[]time.Duration{7 * time.Second, 7 * time.Second}, 0},
		{"rate limited", &stage{refusals: 1, code: codes.ResourceExhausted}, codes.ResourceExhausted, nil, 0},
		{"rate limited with pushback", &stage{refusals: 1, code: codes.ResourceExhausted, pushback: 7 * time.Second},
			codes.ResourceExhausted, nil, 0},
		{"internal", &stage{refusals: 1, code: codes.Internal}, codes.Internal, nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, err := bubbleClient(t, test.stage).GetDeviceUsageInZone(t.Context(), &usagev1.GetDeviceUsageInZoneRequest{Iccid: "8988217755520000031"})
				if status.Code(err) != test.want {
					t.Errorf("the call ended with %v, want %s", err, test.want)
				}
				got := test.stage.pauses()
				if len(got) != len(test.pauses) {
					t.Fatalf("the client paused %s, want %s", got, test.pauses)
				}
				for i, pause := range got {
					if (pause - test.pauses[i]).Abs() > test.within {
						t.Errorf("the client paused %s, want %s within %s", got, test.pauses, test.within)
					}
				}
			})
		})
	}
}

// When most calls fail the client stops making them again, until some succeed.
func TestServiceConfigStopsRetrying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := &stage{refusals: 1000, code: codes.Unavailable, pushback: time.Second}
		client := bubbleClient(t, down)
		for range 20 {
			if _, err := client.GetDeviceUsageInZone(t.Context(), &usagev1.GetDeviceUsageInZoneRequest{}); status.Code(err) != codes.Unavailable {
				t.Fatal(err)
			}
		}
		// Each failure takes one of ten tokens, and a call is made again while more than five are left: the fifth failure is
		// the second call's second.
		if got := len(down.pauses()) + 1; got != 3+2+18 {
			t.Errorf("20 calls were made %d times", got)
		}
	})
}

// A client that gives no deadline has one in the end.
func TestServiceConfigsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		_, err := bubbleClient(t, &stage{refusals: 1, code: codes.Unavailable, pushback: time.Hour}).
			GetDeviceUsageInZone(t.Context(), &usagev1.GetDeviceUsageInZoneRequest{})
		if took := time.Since(begin); status.Code(err) != codes.DeadlineExceeded || took != 10*time.Minute {
			t.Errorf("%v after %s", err, took)
		}
	})
}

// bubbleClient asks the stage over a connection in the bubble of the test.
func bubbleClient(t *testing.T, s *stage) usagev1.UsageServiceClient {
	t.Helper()
	listener := bufconn.Listen(1 << 16)
	s.serve(t, listener)
	conn, err := grpc.NewClient("passthrough:///stage",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(examples.ServiceConfig))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return usagev1.NewUsageServiceClient(conn)
}
