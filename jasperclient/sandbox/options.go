package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/zoneusage/zoneusage/internal/controlcenter"
)

// Option changes one thing about a Sandbox.
type Option func(*Sandbox) error

// WithCredentials sets the user name and API key that callers must send.
// The default is "sandbox" for both.
func WithCredentials(username, apiKey string) Option {
	return func(s *Sandbox) error {
		s.username, s.apiKey = username, apiKey
		return checkCredentials(username, apiKey)
	}
}

// WithAccount adds an account to the account of [WithCredentials], with its own
// user name and API key. It has the same devices with the same usage, its own
// page in the ledger, and all that [WithFairUse] allows for itself: no account's
// calls count against another's. All accounts' calls share the faults. [New]
// fails if another account has the same user name.
func WithAccount(username, apiKey string) Option {
	return func(s *Sandbox) error { return s.addAccount(username, apiKey) }
}

func (s *Sandbox) addAccount(username, apiKey string) error {
	if err := checkCredentials(username, apiKey); err != nil {
		return err
	}
	if _, taken := s.apiKeys[username]; taken {
		return fmt.Errorf("credentials: two accounts have the user name %q", username)
	}
	s.apiKeys[username] = apiKey
	return nil
}

func checkCredentials(username, apiKey string) error {
	if username == "" || apiKey == "" {
		return errors.New("credentials: user name and API key must not be empty")
	}
	if strings.Contains(username, ":") {
		return fmt.Errorf("credentials: HTTP Basic has no user name with a colon, such as %q", username)
	}
	return nil
}

// WithClock sets the clock: it dates the answers and says which
// billing cycle is the current one. The default is [time.Now].
func WithClock(now func() time.Time) Option {
	return func(s *Sandbox) error {
		if now == nil {
			return errors.New("clock: nil")
		}
		s.now = now
		return nil
	}
}

// WithBilling sets the accounts' time zone and the day of the month, 1 to 31,
// on which its billing cycles begin at midnight; in a month without that day
// they begin on its last day. The default, day 1 in a zone 13:30 ahead of
// UTC, gives the cycle of the vendor's example.
func WithBilling(zone *time.Location, cycleDay int) Option {
	return func(s *Sandbox) error {
		if zone == nil {
			return errors.New("billing: no time zone")
		}
		if cycleDay < 1 || cycleDay > 31 {
			return fmt.Errorf("billing: cycle day %d is not a day of a month, 1 to 31", cycleDay)
		}
		s.billing = billing{zone: zone, day: cycleDay}
		return nil
	}
}

// WithDevices adds n generated devices, [GeneratedICCID] of 0 to n-1. They cost
// no memory. The default is none.
func WithDevices(n int) Option {
	return func(s *Sandbox) error {
		if n < 0 || int64(n) > maxGenerated {
			return fmt.Errorf("devices: %d is not between 0 and %d", n, int64(maxGenerated))
		}
		s.generated.devices = n
		return nil
	}
}

// WithSeed sets the seed of the generated devices' usage and of the faults'
// shares: the same seed gives the same device the same numbers in the same
// cycle, and the same calls the same faults. The default is 0.
func WithSeed(seed uint64) Option {
	return func(s *Sandbox) error {
		s.generated.seed = seed
		return nil
	}
}

// WithLatency makes every answer wait for d, or until the request's context
// ends; the call is in flight meanwhile. The default is no wait.
func WithLatency(d time.Duration) Option {
	return func(s *Sandbox) error {
		if d < 0 {
			return fmt.Errorf("latency: %v is negative", d)
		}
		s.latency = d
		return nil
	}
}

// EmptyUsage is a form of deviceCycleUsageInZones in an answer without any
// usage. The form Control Center uses is unknown.
type EmptyUsage = controlcenter.NoUsage

// The forms of an answer without usage.
const (
	EmptyObject  = controlcenter.NoUsageObject  // {}
	EmptyNull    = controlcenter.NoUsageNull    // null
	EmptyMissing = controlcenter.NoUsageMissing // the key is left out
)

// WithEmptyUsage sets the form of deviceCycleUsageInZones when a device, or what
// the filters leave of it, has no usage. The default is [EmptyObject].
func WithEmptyUsage(form EmptyUsage) Option {
	return func(s *Sandbox) error {
		if form < EmptyObject || form > EmptyMissing {
			return fmt.Errorf("empty usage: no form %d", form)
		}
		s.emptyUsage = form
		return nil
	}
}

// WithRateLimitStatus sets the HTTP status of error 40000029, "rate limit
// exceeded": 400 or 429. It is unknown which of them Control Center sends. The
// default is 429.
func WithRateLimitStatus(status int) Option {
	return func(s *Sandbox) error {
		if status != http.StatusBadRequest && status != http.StatusTooManyRequests {
			return fmt.Errorf("rate limit status: %d is neither 400 nor 429", status)
		}
		s.rateLimitStatus = status
		return nil
	}
}

// WithFairUse sets what Control Center allows each account: so many calls in
// flight at once, and so many calls per second, fractions too; 0 is no limit.
// The default is no limit of either. A call beyond them is an overrun: it is
// answered with error 40000029, in the status of [WithRateLimitStatus], and
// [Sandbox.Ledger] counts it.
//
// A rate R allows no more than ⌈R⌉ calls in any half-open interval of ⌈R⌉/R
// seconds: 5 is five calls in a second, 0.5 one in two seconds, 2.5 three in
// 1.2 seconds. Arrivals are taken by [time.Now], not by [WithClock], whose clock
// may stand still and would then allow one interval's calls for ever. A
// refused call does not count in the interval, but it is in flight until it is
// answered. How Control Center measures, and whether it counts what it refuses,
// is unknown.
//
// An account's calls are the requests that reach the API: with the path of this
// page, the account's credentials, and GET or HEAD. They count whatever the
// answer is, also an error of the vendor's page or of a trouble ICCID. Requests
// with other paths, credentials or methods are nobody's calls.
func WithFairUse(callsInFlight int, callsPerSecond float64) Option {
	return func(s *Sandbox) (err error) {
		s.fairUse, err = newFairUse(callsInFlight, callsPerSecond)
		return err
	}
}

// WithFaults makes calls go wrong, as [Sandbox.SetFaults] does while the sandbox
// serves. The default is no faults.
func WithFaults(faults ...Fault) Option {
	return func(s *Sandbox) error { return s.SetFaults(faults...) }
}

// WithMidCycleDates says whether any date within a billing cycle selects it, or
// only its first day does and every other date is error 10000012. The vendor's
// page speaks of the first day, yet its example sends another; what Control
// Center does is unknown. The default is true.
func WithMidCycleDates(accepted bool) Option {
	return func(s *Sandbox) error {
		s.dates.midCycle = accepted
		return nil
	}
}

// WithBareDates says whether a date without an offset, 2016-11-10, is read like
// 2016-11-10Z or is error 10000012. What Control Center does is unknown. The
// default is false.
func WithBareDates(accepted bool) Option {
	return func(s *Sandbox) error {
		s.dates.bare = accepted
		return nil
	}
}

// WithOffsetDates says whether a date with an offset other than zero,
// 2016-11-10+08:00, is read as the calendar day it spells, its offset without
// effect, or is error 10000012. What Control Center does is unknown. The default
// is false.
func WithOffsetDates(accepted bool) Option {
	return func(s *Sandbox) error {
		s.dates.offset = accepted
		return nil
	}
}

// WithFutureDates says whether a date after the current billing cycle is
// answered with the current cycle or is error 10000012. What Control Center does
// is unknown; a client must in either case see which cycle was answered. The
// default is false.
func WithFutureDates(accepted bool) Option {
	return func(s *Sandbox) error {
		s.dates.future = accepted
		return nil
	}
}
