package openapi

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

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
