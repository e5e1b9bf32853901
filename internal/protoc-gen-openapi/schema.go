package main

import (
	"fmt"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A schema describes the JSON of a message or a field, as the REST door writes it.
type schema struct {
	Ref         string     `yaml:"$ref,omitempty"`
	Type        string     `yaml:"type,omitempty"`
	Format      string     `yaml:"format,omitempty"`
	Description string     `yaml:"description,omitempty"`
	Pattern     string     `yaml:"pattern,omitempty"`
	Enum        []string   `yaml:"enum,omitempty"`
	Items       *schema    `yaml:"items,omitempty"`
	Required    []string   `yaml:"required,omitempty"`
	Properties  *yaml.Node `yaml:"properties,omitempty"`
}

// durations is the pattern of a duration that is not negative.
const durations = `^[0-9]+(\.[0-9]{1,9})?s$`

// wellKnown is the schema of one of Google's messages with JSON of its own; nil for any other message.
func wellKnown(message *protogen.Message) *schema {
	switch message.Desc.FullName() {
	case "google.protobuf.Timestamp":
		return &schema{Type: "string", Format: "date-time"}
	case "google.protobuf.Duration":
		return &schema{Type: "string", Pattern: durations}
	}
	return nil
}

// messageSchema is the schema of a message. The door leaves out optional fields that are unset, writes all others, and never
// writes null.
func messageSchema(message *protogen.Message) (*schema, error) {
	s := &schema{Type: "object", Description: sentences(message.Comments), Properties: mapping()}
	for _, field := range message.Fields {
		property, err := fieldSchema(field)
		if err != nil {
			return nil, err
		}
		property.Description = sentences(field.Comments)
		set(s.Properties, field.Desc.JSONName(), encode(property))
		if !field.Desc.HasOptionalKeyword() {
			s.Required = append(s.Required, field.Desc.JSONName())
		}
	}
	return s, nil
}

func fieldSchema(field *protogen.Field) (*schema, error) {
	var one *schema
	switch {
	case field.Desc.Kind() == protoreflect.StringKind:
		one = &schema{Type: "string"}
	case field.Desc.Kind() == protoreflect.Int32Kind:
		one = &schema{Type: "integer", Format: "int32"}
	case field.Desc.Kind() == protoreflect.Int64Kind:
		// A string, because many read numbers in JSON as doubles. Counts are not negative.
		one = &schema{Type: "string", Format: "int64", Pattern: `^(0|[1-9][0-9]{0,18})$`}
	case field.Message == nil:
		return nil, fmt.Errorf("%s: the plugin does not know the JSON of %s", field.Desc.FullName(), field.Desc.Kind())
	default:
		if one = wellKnown(field.Message); one == nil {
			one = &schema{Ref: reference(field.Message)}
		}
	}
	if field.Desc.IsList() {
		return &schema{Type: "array", Items: one}, nil
	}
	return one, nil
}

func reference(message *protogen.Message) string {
	return "#/components/schemas/" + string(message.Desc.Name())
}
