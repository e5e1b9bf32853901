package jasperclient_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"time"

	"github.com/zoneusage/zoneusage/jasperclient"
	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// The sandbox stands in for Control Center; with an account of your own, give its URL and credentials to New.
func Example() {
	now := time.Date(2016, 11, 10, 5, 31, 17, 557e6, time.UTC)
	handler, err := sandbox.New(sandbox.WithClock(func() time.Time { return now }))
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()

	client, err := jasperclient.New(server.URL, jasperclient.Credentials{Username: "sandbox", APIKey: "sandbox"})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	iccid, err := jasperclient.ParseICCID("8988217755520000031")
	if err != nil {
		log.Fatal(err)
	}
	usage, err := client.UsageInZone(context.Background(), jasperclient.UsageQuery{ICCID: iccid})
	if err != nil {
		log.Fatal(err)
	}
	for _, plan := range usage.RatePlans {
		for _, zone := range plan.Zones {
			fmt.Printf("%s, version %d, %s:", plan.RatePlan, plan.Version, zone.Zone)
			if zone.DataBytes != nil { // nil is none reported, which is not 0
				fmt.Printf(" %d bytes", *zone.DataBytes)
			}
			if zone.VoiceMOSeconds != nil {
				fmt.Printf(" %d seconds out", *zone.VoiceMOSeconds)
			}
			fmt.Println()
		}
	}

	_, err = client.UsageInZone(context.Background(), jasperclient.UsageQuery{ICCID: "8988217755520000099"})
	if refused, ok := errors.AsType[*jasperclient.APIError](err); ok && refused.Code == jasperclient.CodeResourceNotFound {
		fmt.Println("no such device")
	}
	// Output:
	// Rate Plan A, version 1, default zone: 600 seconds out
	// Rate Plan B, version 2, default zone: 943718 bytes 943718 seconds out
	// no such device
}
