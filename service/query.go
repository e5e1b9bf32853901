package service

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/reflect/protoreflect"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

// iccidField is the field that the path sets, so the query may not.
const iccidField protoreflect.Name = "iccid"

// readQuery reads a request's query into a request message, and adds to bad what grpc-gateway would silently ignore: what
// cannot be decoded, a parameter that does not exist, and one given twice. A misspelt filter would otherwise answer a
// different question. A field at fault has the contract's name, as over gRPC.
func readQuery(rawQuery string, bad *requestError) *usagev1.GetDeviceUsageInZoneRequest {
	req := &usagev1.GetDeviceUsageInZoneRequest{}
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		bad.violate("query", errors.New("it cannot be decoded; percent-encode every value, and ; as %3B"))
	}
	given := map[protoreflect.Name]bool{}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		field, err := parameter(req.ProtoReflect().Descriptor().Fields(), name)
		switch {
		case err != nil:
		case len(query[name]) > 1 || given[field]:
			err = errors.New("the parameter is given more than once; give one value")
		case !utf8.ValidString(query.Get(name)):
			err = errors.New("the value is not UTF-8; percent-encode UTF-8")
		case runtime.PopulateQueryParameters(req, url.Values{name: query[name]}, utilities.NewDoubleArray(nil)) != nil:
			// Every parameter but the duration is a string.
			err = fmt.Errorf("%q is not a valid duration; write one such as 60s", query.Get(name))
		}
		given[field] = true
		if err != nil {
			const shown = 100
			name = name[:min(len(name), shown)]
			bad.violate(cmp.Or(string(field), strings.ToValidUTF8(name, "\uFFFD")), err)
		}
	}
	return req
}

// parameter returns the field that a query parameter sets. It has its JSON name or, as grpc-gateway allows, the contract's.
func parameter(fields protoreflect.FieldDescriptors, name string) (protoreflect.Name, error) {
	field := fields.ByJSONName(name)
	if field == nil {
		field = fields.ByName(protoreflect.Name(name))
	}
	if field == nil {
		return "", fmt.Errorf("there is no such parameter; there are %s", strings.Join(parameters(fields), ", "))
	}
	if field.Name() == iccidField {
		return "", errors.New("the ICCID stands in the path; leave it out of the query")
	}
	return field.Name(), nil
}

func parameters(fields protoreflect.FieldDescriptors) []string {
	var names []string
	for i := range fields.Len() {
		if field := fields.Get(i); field.Name() != iccidField {
			names = append(names, field.JSONName())
		}
	}
	return names
}
