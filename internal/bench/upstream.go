package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const upstreamRole = "upstream"

// The credentials that the upstream takes.
const upstreamUser, upstreamKey = "bench", "key-of-bench"

// The devices of the rows with kept answers: the vendor's example, and one that used much.
const (
	smallICCID  = "8988217755520000031"
	largePrefix = "898839"
	largeICCID  = largePrefix + "7755520000047"
)

// How much the large answer has.
const largePlans, largeZones = 10, 20

// A wireUsage is an answer as Control Center writes it, with the vendor's names.
type wireUsage struct {
	ICCID      string                `json:"iccid"`
	TimeStamp  string                `json:"timeStamp"`
	CycleStart string                `json:"cycleStartDate"`
	CycleEnd   string                `json:"cycleEndDate"`
	RatePlans  map[string][]wireZone `json:"deviceCycleUsageInZones"`
}

type wireZone struct {
	RatePlan    string  `json:"ratePlan"`
	Version     string  `json:"ratePlanVersion"`
	Zone        string  `json:"zone"`
	Data        *int64  `json:"dataUsage"`
	DataUnit    *string `json:"dataUsageUnit"`
	VoiceMT     *int64  `json:"voiceMTUsage"`
	VoiceMTUnit *string `json:"voiceMTUsageUnit"`
	VoiceMO     *int64  `json:"voiceMOUsage"`
	VoiceMOUnit *string `json:"voiceMOUsageUnit"`
	SMSMT       *int64  `json:"smsmtusage"`
	SMSMO       *int64  `json:"smsmousage"`
}

var unitBytes, unitSeconds = new("bytes"), new("seconds")

// smallPlans are those of the vendor's example.
func smallPlans() map[string][]wireZone {
	return map[string][]wireZone{
		"Rate Plan A, 1": {{RatePlan: "Rate Plan A", Version: "1", Zone: "default zone",
			VoiceMO: new(int64(600)), VoiceMOUnit: unitSeconds}},
		"Rate Plan B, 2": {{RatePlan: "Rate Plan B", Version: "2", Zone: "default zone",
			Data: new(int64(943718)), DataUnit: unitBytes, VoiceMO: new(int64(943718)), VoiceMOUnit: unitSeconds}},
	}
}

// largePlansOf have every count in every zone.
func largePlansOf(plans, zones int) map[string][]wireZone {
	all := map[string][]wireZone{}
	for p := range plans {
		name, version := fmt.Sprintf("Rate Plan %02d", p), strconv.Itoa(p+1)
		for z := range zones {
			n := int64(1_000_003*(p+1) + 1009*(z+1))
			all[name+", "+version] = append(all[name+", "+version], wireZone{
				RatePlan: name, Version: version, Zone: fmt.Sprintf("Zone %02d", z), Data: new(1000 * n), DataUnit: unitBytes,
				VoiceMT: new(n), VoiceMTUnit: unitSeconds, VoiceMO: new(2 * n), VoiceMOUnit: unitSeconds,
				SMSMT: new(n % 997), SMSMO: new(n % 499),
			})
		}
	}
	return all
}

// A prepared body is one in which the ICCID alone is missing.
type prepared struct{ before, after string }

// prepare writes an answer of now.
func prepare(plans map[string][]wireZone, now time.Time) (prepared, error) {
	const layout, hole = "2006-01-02T15:04:05.000Z", "ICCID"
	const halfCycle = 15 * 24 * time.Hour
	body, err := json.Marshal(wireUsage{
		ICCID: hole, TimeStamp: now.UTC().Format(layout), RatePlans: plans,
		CycleStart: now.UTC().Add(-halfCycle).Truncate(time.Hour).Format(layout),
		CycleEnd:   now.UTC().Add(halfCycle).Truncate(time.Hour).Add(-time.Second).Format(layout),
	})
	before, after, _ := strings.Cut(string(body), hole)
	return prepared{before, after}, err
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
	err := flags.Parse(args)
	if err != nil {
		return err
	}
	now := time.Now()
	if u.small, err = prepare(smallPlans(), now); err != nil {
		return err
	}
	if u.large, err = prepare(largePlansOf(largePlans, largeZones), now); err != nil {
		return err
	}
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
	_, _ = w.Write(text) // fails when the caller left
}
