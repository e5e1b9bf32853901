// Openapi-go asks zoneusage over REST, with a client that oapi-codegen makes of the OpenAPI document that the service serves:
//
//	curl -O http://127.0.0.1:8080/openapi.yaml && go generate && go run . http://127.0.0.1:8080
package main

//go:generate go tool oapi-codegen -generate types,client -package main -o usage.gen.go openapi.yaml

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"
)

func main() {
	server := "http://127.0.0.1:8080"
	if len(os.Args) > 1 {
		server = os.Args[1]
	}
	if err := run(server); err != nil {
		log.Fatal(err)
	}
}

func run(server string) error {
	client, err := NewClientWithResponses(server)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	deadline := "30S"
	params := &UsageServiceGetDeviceUsageInZoneParams{GrpcTimeout: &deadline}
	resp, err := client.UsageServiceGetDeviceUsageInZoneWithResponse(ctx, "8988217755520000031", params)
	if err != nil {
		return err
	}
	if resp.JSON200 == nil {
		return fmt.Errorf("%s: %s", resp.Status(), resp.Body)
	}
	for _, plan := range resp.JSON200.RatePlanUsages {
		for _, zone := range plan.ZoneUsages {
			fmt.Printf("%s, version %d, %s: ", plan.RatePlan, plan.RatePlanVersion, zone.Zone)
			if data := zone.Usage.DataBytes; data != nil {
				fmt.Println(*data, "bytes") // a string of digits; strconv.ParseInt makes an int64 of it
			} else {
				fmt.Println("no data reported")
			}
		}
	}

	resp, err = client.UsageServiceGetDeviceUsageInZoneWithResponse(ctx, "8988217755520000099", params)
	if err != nil {
		return err
	}
	if resp.StatusCode() != http.StatusNotFound || resp.JSON404.Details == nil {
		return fmt.Errorf("%s: %s", resp.Status(), resp.Body)
	}
	for _, detail := range *resp.JSON404.Details {
		value, err := detail.ValueByDiscriminator()
		if err != nil {
			return err
		}
		if info, ok := value.(ErrorInfo); ok {
			fmt.Println(info.Reason)
		}
	}
	return nil
}
