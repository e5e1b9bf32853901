package jasperclient_test

import (
	"strings"
	"testing"

	"github.com/zoneusage/zoneusage/jasperclient"
)

func TestParseDate(t *testing.T) {
	day := jasperclient.Date{Year: 2016, Month: 11, Day: 10}
	for _, in := range []string{"2016-11-10", "2016-11-10Z", "2016-11-10+00:00"} {
		if got, err := jasperclient.ParseDate(in); err != nil || got != day || got.String() != "2016-11-10" {
			t.Errorf("ParseDate(%q) = %v, %v; want %v", in, got, err, day)
		}
	}
	for in, want := range map[string]string{
		"":                     "YYYY-MM-DD",
		"2016-11-10z":          "YYYY-MM-DD",
		"2016-11-10+00:00Z":    "YYYY-MM-DD",
		"2016-11-10 00:00":     "%2B",
		"2016-11-10+08:00":     "YYYY-MM-DD",
		"2016-11-10T00:00:00Z": "YYYY-MM-DD",
		"10.11.2016":           "YYYY-MM-DD",
		"2016-1-1":             "YYYY-MM-DD",
		"2016-02-30":           "no day 2016-02-30",
		"2016-13-01Z":          "no day 2016-13-01",
	} {
		if got, err := jasperclient.ParseDate(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseDate(%q) = %v, %v; want an error with %q", in, got, err, want)
		}
	}
}

func TestEarliestCycleStartDate(t *testing.T) {
	text := "Cycle Start Date should be greater than or equal to 2016-08-27."
	refused := &jasperclient.APIError{Code: jasperclient.CodeCycleStartDateOutOfRange, HTTPStatus: 400, Message: text}
	if date, ok := refused.EarliestCycleStartDate(); !ok || date.String() != "2016-08-27" {
		t.Errorf("%q has %v, %t", text, date, ok)
	}
	refused.Message = "Cycle Start Date should be greater than or equal to 20xx-xx-xx."
	if date, ok := refused.EarliestCycleStartDate(); ok {
		t.Errorf("%q has %v", refused.Message, date)
	}
	other := &jasperclient.APIError{Code: jasperclient.CodeInvalidDateFormat, Message: text}
	if date, ok := other.EarliestCycleStartDate(); ok {
		t.Errorf("another code has %v", date)
	}
}
