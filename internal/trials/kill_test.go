package trials_test

import (
	"context"
	"testing"
	"time"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// servesIn is within how long a zoneusage answers after its start.
const servesIn = 2 * time.Second

func TestKilledUnderLoadAndStartedAgain(t *testing.T) {
	r := newRig(t)
	s := r.serve(t)
	c := r.caller(t, s.addresses, billingToken)
	ways := []ask{c.overNewGRPC, c.overNewREST}
	for range 9 { // a tenth of the calls make connections
		ways = append(ways, c.overGRPC, c.overREST)
	}
	l := startLoad(t, 200, 1000, ways...)
	l.goesOn(t, 100)
	for range 3 {
		s.kill()
		begin := time.Now()
		s.process = r.startOn(t, s.addresses)
		var over [2]time.Duration
		for i, way := range []ask{c.overNewGRPC, c.overNewREST} {
			until(t, patience, "the first answer", func() error {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				return way(ctx, sandbox.GeneratedICCID(1))
			})
			over[i] = time.Since(begin)
		}
		t.Logf("from exec to the first answer: over gRPC %s, over REST %s", over[0].Round(time.Millisecond), over[1].Round(time.Millisecond))
		if over[0] > servesIn || over[1] > servesIn {
			t.Errorf("it takes more than %s", servesIn)
		}
		l.goesOn(t, 100)
	}
	t.Log(l.stop())
}
