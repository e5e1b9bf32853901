package sandbox_test

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// A client under test talks to the sandbox as it would to Control Center.
func Example() {
	control, err := sandbox.New(sandbox.WithClock(func() time.Time {
		return time.Date(2016, time.November, 10, 5, 31, 17, 0, time.UTC)
	}))
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(control)
	defer server.Close()

	request, err := http.NewRequest(http.MethodGet, server.URL+"/rws/api/v1/devices/8988217755520000031/usageInZone?ratePlan=Rate%20Plan%20A", nil)
	if err != nil {
		log.Fatal(err)
	}
	request.SetBasicAuth("sandbox", "sandbox")
	response, err := server.Client().Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()

	var answer struct {
		CycleStartDate          time.Time
		DeviceCycleUsageInZones map[string][]struct {
			Zone         string
			DataUsage    *int64
			VoiceMOUsage *int64
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		log.Fatal(err)
	}
	record := answer.DeviceCycleUsageInZones["Rate Plan A, 1"][0]
	fmt.Println(response.Status, answer.CycleStartDate)
	fmt.Println(record.Zone, record.DataUsage == nil, *record.VoiceMOUsage)
	// Output:
	// 200 OK 2016-10-31 10:30:00 +0000 UTC
	// default zone true 600
}

// The built-in fleet comes with what each device shows.
func ExampleFleet() {
	for _, device := range sandbox.Fleet()[:3] {
		fmt.Println(device.ICCID, device.Shows)
	}
	// Output:
	// 8988217755520000031 the vendor's example answer in the current cycle, other numbers before; nothing used in Rate Plan A's Zone B
	// 8988216716970004975 a sample ICCID of the vendor's whose Luhn check fails
	// 9989203000880000201 a sample ICCID of the vendor's that does not begin with 89
}
