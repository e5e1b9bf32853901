package service

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/controlcenter"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// The parts of a request for which the contract has no fields.
const (
	methodPart  = "method"
	versionPart = "apiVersion"
	queryPart   = "query"
)

// readLegacy reads a request for Control Center into a request message, and reports what is wrong with it.
func readLegacy(r *http.Request, version, iccid string) (*usagev1.GetDeviceUsageInZoneRequest, *requestError) {
	bad := new(requestError)
	if !controlcenter.IsReadMethod(r.Method) {
		bad.violate(methodPart, errors.New("the path has no such method; use GET"))
	}
	if version != "1" {
		bad.violate(versionPart, errors.New("every function is of version 1; write /rws/api/v1"))
	}
	query, refused := controlcenter.ReadQuery(r.URL.RawQuery)
	switch {
	case refused != nil:
		bad.violate(queryPart, errors.New("a parameter is unknown, given more than once, or cannot be decoded"))
	case query.Undocumented:
		// It is unknown what they would change in the answer.
		bad.violate(queryPart, errors.New("isActiveRatePlan and fields are not documented, and cannot be passed on; leave them out"))
	}
	if err := checkLegacyDate(query.CycleStartDate); err != nil {
		bad.violate("cycle_start_date", err)
	}
	if digits, err := jasperclient.ParseICCID(iccid); err != nil || string(digits) != iccid {
		bad.violate(string(iccidField), errors.New("to Control Center an ICCID is 18 to 22 digits, without spaces or a trailing F"))
	}
	return &usagev1.GetDeviceUsageInZoneRequest{
		Iccid:          iccid,
		CycleStartDate: query.CycleStartDate,
		RatePlan:       asJava(query.RatePlan),
		Zone:           asJava(query.Zone),
	}, bad
}

// checkLegacyDate refuses a date that Control Center is not known to take. Without an offset it would be passed on with one.
func checkLegacyDate(date string) error {
	if date == "" {
		return nil
	}
	if _, err := jasperclient.ParseDate(date); err != nil {
		return err
	}
	if !strings.HasSuffix(date, "Z") && !strings.HasSuffix(date, "+00:00") {
		return fmt.Errorf("%q has no offset; write YYYY-MM-DDZ", date)
	}
	return nil
}

// asJava is a name as a Java servlet decodes it. No rate plan or zone has U+FFFD in its name, but Control Center says so
// only after it has looked for the device.
func asJava(name string) string { return strings.ToValidUTF8(name, "\uFFFD") }
