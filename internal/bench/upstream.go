package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/zoneusage/zoneusage/internal/controlcenter"
)

const upstreamRole = "upstream"

// The credentials that the upstream accepts.
const upstreamUser, upstreamKey = "bench", "key-of-bench"

// The devices of the rows with kept answers: the vendor's example, and a device with much usage.
const (
	smallICCID  = "8988217755520000031"
	largePrefix = "898839"
	largeICCID  = largePrefix + "7755520000047"
)

// The size of the large answer.
const largePlans, largeZones = 10, 20

// smallPlans are the rate plans of the vendor's example.
func smallPlans() []controlcenter.RatePlan {
	return []controlcenter.RatePlan{
		{Name: "Rate Plan A", Version: 1, Zones: []controlcenter.Zone{{Name: "default zone", VoiceMO: new(int64(600))}}},
		{Name: "Rate Plan B", Version: 2, Zones: []controlcenter.Zone{
			{Name: "default zone", Data: new(int64(943718)), VoiceMO: new(int64(943718))},
		}},
	}
}

// largePlansOf makes rate plans with every count in every zone.
func largePlansOf(plans, zones int) []controlcenter.RatePlan {
	all := make([]controlcenter.RatePlan, plans)
	for p := range all {
		all[p] = controlcenter.RatePlan{Name: fmt.Sprintf("Rate Plan %02d", p), Version: int32(p + 1)}
		for z := range zones {
			n := int64(1_000_003*(p+1) + 1009*(z+1))
			all[p].Zones = append(all[p].Zones, controlcenter.Zone{
				Name: fmt.Sprintf("Zone %02d", z), Data: new(1000 * n),
				VoiceMT: new(n), VoiceMO: new(2 * n), SMSMT: new(n % 997), SMSMO: new(n % 499),
			})
		}
	}
	return all
}

// A prepared answer lacks only the ICCID, which belongs between its two parts.
type prepared struct{ before, after string }

// prepare makes an answer as of now.
func prepare(plans []controlcenter.RatePlan, now time.Time) prepared {
	const hole = "ICCID"
	const halfCycle = 15 * 24 * time.Hour
	answer := controlcenter.Answer{
		ICCID: hole, TimeStamp: now, RatePlans: plans,
		CycleStart: now.UTC().Add(-halfCycle).Truncate(time.Hour),
		CycleEnd:   now.UTC().Add(halfCycle).Truncate(time.Hour).Add(-time.Second),
	}
	before, after, _ := strings.Cut(string(answer.Body()), hole)
	return prepared{before, after}
}

// An upstream stands in for Control Center.
type upstream struct {
	small, large prepared
	latency      time.Duration
}

func runUpstream(ctx context.Context, args []string) error {
	var u upstream
	flags := flag.NewFlagSet(upstreamRole, flag.ContinueOnError)
	flags.DurationVar(&u.latency, "latency", 0, "how long every answer takes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	now := time.Now()
	u.small, u.large = prepare(smallPlans(), now), prepare(largePlansOf(largePlans, largeZones), now)
	mux := http.NewServeMux()
	mux.Handle("GET "+upstreamPath("{iccid}"), &u)
	return serveHTTP(ctx, mux, tlsFlags{})
}

func upstreamPath(iccid string) string { return "/rws/api/v1/devices/" + iccid + "/usageInZone" }

// ServeHTTP implements http.Handler.
func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if user, key, _ := r.BasicAuth(); user != upstreamUser || key != upstreamKey {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if u.latency > 0 {
		timer := time.NewTimer(u.latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
	}
	iccid, body := r.PathValue("iccid"), u.small
	if strings.HasPrefix(iccid, largePrefix) {
		body = u.large
	}
	text := []byte(body.before + iccid + body.after)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = w.Write(text) // fails if the caller has left
}
