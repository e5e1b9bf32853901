package openapi

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// checkRequest looks whether the document has each parameter of a question, and allows its value. Requests of other paths and
// methods have none.
func (d document) checkRequest(request string, headers ...string) error {
	request, query, _ := strings.Cut(request, "?")
	begin, end, _ := strings.Cut("GET "+usagePath, "{iccid}")
	iccid, begins := strings.CutPrefix(request, begin)
	iccid, ends := strings.CutSuffix(iccid, end)
	if !begins || !ends {
		return nil
	}
	iccid, err := url.PathUnescape(iccid)
	if err != nil {
		return err
	}
	given, err := url.ParseQuery(query)
	if err != nil {
		return err
	}
	given.Set("iccid", iccid)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		given.Set(name, value)
	}
	for name, values := range given {
		parameter := d.parameter(name)
		switch {
		case parameter == nil && slices.Contains(otherHeaders, name):
		case parameter == nil:
			return fmt.Errorf("there is no parameter %s", name)
		case len(values) > 1:
			return fmt.Errorf("%s is given more than once", name)
		default:
			if err := parameter.Schema.Value.VisitJSON(values[0], openapi3.EnableJSONSchema2020()); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

// otherHeaders are no parameters of OpenAPI: one is of a security scheme, and one of no meaning.
var otherHeaders = []string{"Authorization", "X-Large"}

func (d document) parameter(name string) *openapi3.Parameter {
	for _, parameter := range d.Paths.Find(usagePath).Get.Parameters {
		if parameter.Value.Name == name {
			return parameter.Value
		}
	}
	return nil
}

// lenient is what the service answers beside what the document allows: other spellings of durations, which the gateway reads
// as Go does, and headers that are empty. Nobody needs them.
var lenient = []string{"Grpc-Timeout: ", "maxAge: +1s", "maxAge: -0s", "maxAge: .5s", "maxAge: 1.1234567891s", "maxAge: 1.s", "maxAge: 1m", "x-usage-class: "}

// Who goes by the document loses nothing else: what it finds malformed the service refuses.
func TestTheDocumentRefusesWhatIsRefused(t *testing.T) {
	server := serve(t, "--calls-per-second=1000")
	doc := read(t, server)
	long := strings.Repeat("a", 1024)
	var got []string
	for parameter, values := range map[string][]string{
		"iccid": {"", "1", vendors[:17], vendors[:18], vendors + "000", vendors + "0000", vendors + "F", vendors + "f", vendors + "FF",
			" " + vendors, vendors + " F", "\t" + vendors + " ", "x" + vendors, "\u0668" + vendors[1:]},
		"cycleStartDate": {"", "2026-11-10", "2026-11-10Z", "2026-11-10+00:00", "2026-11-10 00:00", "2026-11-10+01:00", "2026-1-1", "26-01-01", "today", " "},
		"ratePlan":       {"", "a", long, long + "a", strings.Repeat("é", 1024)},
		"zone":           {"", long + "a"},
		"account":        {"", "sandbox", long + "a"},
		"maxAge": {"", "0s", "1s", "1.5s", ".5s", "1.s", "+1s", "-1s", "-0s", "01s", "1.123456789s", "1.1234567891s", "1", "1m", "1S", "1e3s", " 1s",
			"999999999999s", "null"},
		"x-usage-class": {"", "bulk", "interactive", "Bulk", "both"},
		"Grpc-Timeout":  {"", "30S", "99999999S", "100000000S", "1H", "30s", "30", "-1S", "1.5S", "30 S"},
	} {
		for _, value := range values {
			request, headers := with(parameter, value)
			answered := ask(t, server, request, headers...).status == http.StatusOK
			if err := doc.checkRequest(request, headers...); err != nil && answered {
				got = append(got, parameter+": "+value)
			}
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, lenient) {
		t.Errorf("beside the document are answered\n%q, want\n%q", got, lenient)
	}
}

// with is a question with a parameter.
func with(parameter, value string) (request string, headers []string) {
	switch parameter {
	case "iccid":
		return device(url.PathEscape(value), ""), nil
	case "x-usage-class", "Grpc-Timeout":
		return device(vendors, ""), []string{parameter + ": " + value}
	}
	return device(vendors, "?"+url.Values{parameter: {value}}.Encode()), nil
}
