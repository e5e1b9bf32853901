package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"go.yaml.in/yaml/v3"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/compiler/protogen"
)

// A reason says why a call failed. Everything but its name is read from its comment in the contract.
type reason struct {
	name   string // as in the ErrorInfo
	text   string
	code   codes.Code
	detail string // the google.rpc message that comes with the ErrorInfo; empty for none
}

var (
	codeInText   = regexp.MustCompile(`\b[A-Z]+(_[A-Z]+)*\b`)
	detailInText = regexp.MustCompile(`google\.rpc\.([A-Za-z]+)`)
)

// readReasons reads the values of the enum, except the first, which is never sent.
func readReasons(enum *protogen.Enum) ([]reason, error) {
	var all []reason
	for _, value := range enum.Values[1:] {
		r := reason{name: shortName(value), text: sentences(value.Comments)}
		for _, word := range codeInText.FindAllString(r.text, -1) {
			if number, ok := code.Code_value[word]; ok {
				r.code = codes.Code(number)
			}
		}
		if r.code == codes.OK {
			return nil, fmt.Errorf("%s: its comment names no code", value.Desc.FullName())
		}
		if match := detailInText.FindStringSubmatch(r.text); match != nil {
			r.detail = match[1]
		}
		all = append(all, r)
	}
	return all, nil
}

// shortName is the name of the value without the prefix of the enum.
func shortName(value *protogen.EnumValue) string {
	return strings.TrimPrefix(string(value.Desc.Name()), "ERROR_REASON_")
}

// status is the HTTP status of the failure.
func (r reason) status() string { return strconv.Itoa(runtime.HTTPStatusFromCode(r.code)) }

// item is the reason as an item of a Markdown list.
func (r reason) item() string { return "- `" + r.name + "`: " + r.text }

// reasonSchema is the schema of the enum.
func reasonSchema(enum *protogen.Enum, reasons []reason) *schema {
	s := &schema{Type: "string", Description: sentences(enum.Comments) + "\n"}
	for _, r := range reasons {
		s.Enum = append(s.Enum, r.name)
		s.Description += "\n" + r.item()
	}
	return s
}

// An example is what reasons.yaml has for a reason.
type example struct {
	Message  string
	Metadata yaml.Node
	Detail   yaml.Node
}

// body is the body of a failed call with this reason.
func (r reason) body(e example) (*yaml.Node, error) {
	if e.Detail.IsZero() != (r.detail == "") || e.Message == "" {
		return nil, fmt.Errorf("reasons.yaml: %s needs a message, and a detail where the contract names one", r.name)
	}
	info := mapping("@type", "type.googleapis.com/google.rpc.ErrorInfo", "reason", r.name, "domain", "usage.jasper")
	if !e.Metadata.IsZero() {
		set(info, "metadata", &e.Metadata)
	}
	details := []*yaml.Node{info}
	if !e.Detail.IsZero() {
		detail, err := merge(mapping("@type", "type.googleapis.com/google.rpc."+r.detail), &e.Detail)
		if err != nil {
			return nil, err
		}
		details = append(details, detail)
	}
	return mapping("code", int(r.code), "message", e.Message, "details", details), nil
}

// byStatus groups the reasons by HTTP status. The statuses are sorted.
func byStatus(reasons []reason) (statuses []string, of map[string][]reason) {
	of = map[string][]reason{}
	for _, r := range reasons {
		if of[r.status()] == nil {
			statuses = append(statuses, r.status())
		}
		of[r.status()] = append(of[r.status()], r)
	}
	slices.SortFunc(statuses, cmp.Compare[string])
	return statuses, of
}
