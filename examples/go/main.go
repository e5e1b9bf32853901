// Command go asks zoneusage what devices used: what a first gRPC client in Go needs, and no more.
//
//	go run ./examples/go ICCID...
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/zoneusage/zoneusage/examples"
	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

func main() {
	timeout, err := time.ParseDuration(cmp.Or(os.Getenv("USAGE_TIMEOUT"), "30") + "s")
	if err != nil {
		log.Fatalf("USAGE_TIMEOUT: %v; give a number of seconds", err)
	}
	security, err := securityOptions()
	if err != nil {
		log.Fatal(err)
	}
	conn, err := grpc.NewClient(cmp.Or(os.Getenv("USAGE_ADDR"), "127.0.0.1:9090"),
		append(security, grpc.WithDefaultServiceConfig(examples.ServiceConfig))...)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	status := 0
	for _, iccid := range os.Args[1:] {
		if err := show(usagev1.NewUsageServiceClient(conn), iccid, timeout); err != nil {
			fmt.Printf("%s: %s\n", iccid, explain(err))
			status = 1
		}
	}
	os.Exit(status)
}

// show asks for a device and prints the answer. When the account's calls are used up it waits as long as the service says,
// and asks once more.
func show(client usagev1.UsageServiceClient, iccid string, timeout time.Duration) error {
	response, header, err := ask(client, iccid, timeout)
	if wait, limited := rateLimited(err); limited {
		fmt.Printf("%s: RATE_LIMITED, asking again in %.1f s\n", iccid, wait.Seconds())
		time.Sleep(wait)
		response, header, err = ask(client, iccid, timeout)
	}
	if err != nil {
		return err
	}
	source := first(header, "x-usage-source")
	if age := first(header, "age"); age != "" {
		source += ", " + age + " s old"
	}
	cycle := response.GetBillingCycle()
	fmt.Printf("%s: %s, account %s, made at %s, cycle %s to %s\n", response.GetIccid(), source, first(header, "x-usage-account"),
		text(response.GetTimestamp()), text(cycle.GetStartTime()), text(cycle.GetEndTime()))
	for _, plan := range response.GetRatePlanUsages() {
		for _, zone := range plan.GetZoneUsages() {
			usage := zone.GetUsage()
			fmt.Printf("  %s, version %d, %s: data %s, voice MT %s, voice MO %s, SMS MT %s, SMS MO %s\n",
				plan.GetRatePlan(), plan.GetRatePlanVersion(), zone.GetZone(), count(usage.DataBytes),
				count(usage.VoiceMtSeconds), count(usage.VoiceMoSeconds), count(usage.SmsMtMessages), count(usage.SmsMoMessages))
		}
	}
	return nil
}

// ask is one call, with its deadline; the header tells where the answer comes from.
func ask(client usagev1.UsageServiceClient, iccid string, timeout time.Duration) (*usagev1.GetDeviceUsageInZoneResponse, metadata.MD, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	var header metadata.MD
	response, err := client.GetDeviceUsageInZone(ctx, &usagev1.GetDeviceUsageInZoneRequest{Iccid: iccid}, grpc.Header(&header))
	return response, header, err
}

// first is the value of a header, or empty.
func first(header metadata.MD, name string) string {
	if values := header.Get(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// text is a time in RFC 3339, with milliseconds unless there are none, as in protobuf's JSON.
func text(at *timestamppb.Timestamp) string {
	return strings.Replace(at.AsTime().Format("2006-01-02T15:04:05.000Z"), ".000", "", 1)
}

// count keeps null, which says that nothing of the kind was reported, apart from 0.
func count(n *int64) string {
	if n == nil {
		return "null"
	}
	return strconv.FormatInt(*n, 10)
}
