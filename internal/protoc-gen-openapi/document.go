package main

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/compiler/protogen"
)

// build makes the document: the frame, filled with the contract and an example for each reason.
func build(c contract, frame, examples []byte) (*yaml.Node, error) {
	var file yaml.Node
	if err := yaml.Unmarshal(frame, &file); err != nil {
		return nil, fmt.Errorf("frame.yaml: %w", err)
	}
	document := plain(file.Content[0])
	paths := get(document, "paths")
	operation := get(paths, c.path, "get")
	if operation == nil || len(paths.Content) != 2 {
		return nil, fmt.Errorf("frame.yaml: its one path has to be %s, with get", c.path)
	}
	reasons, err := readReasons(c.reasons)
	if err != nil {
		return nil, err
	}
	about := get(document, "info", "description")
	about.Value = sentences(c.service.Comments) + "\n\n" + about.Value
	if err := fillParameters(get(operation, "parameters"), c.method.Input, c.path); err != nil {
		return nil, err
	}
	if err := fillResponses(get(operation, "responses"), c, reasons, examples); err != nil {
		return nil, err
	}
	operation, err = merge(mapping(
		"tags", []string{string(c.service.Desc.Name())},
		// With the service's name, because generators name types after the operation: the method's name alone begins the
		// names of its messages.
		"operationId", string(c.service.Desc.Name()+"_"+c.method.Desc.Name()),
		"summary", firstSentence(sentences(c.method.Comments)),
		"description", sentences(c.method.Comments),
	), operation)
	if err != nil {
		return nil, err
	}
	set(get(paths, c.path), "get", operation)
	return document, fillSchemas(get(document, "components"), c, reasons)
}

func firstSentence(text string) string {
	first, _, _ := strings.Cut(text, ". ")
	first, _, _ = strings.Cut(first, "\n")
	return strings.TrimSuffix(first, ".")
}

// fillParameters completes the frame's parameters with what the contract says of the request's fields.
func fillParameters(parameters *yaml.Node, request *protogen.Message, path string) error {
	for _, field := range request.Fields {
		name := field.Desc.JSONName()
		at := slices.IndexFunc(parameters.Content, func(p *yaml.Node) bool { return get(p, "name").Value == name })
		if at < 0 {
			return fmt.Errorf("frame.yaml: it lacks the parameter %s, with examples", name)
		}
		of, err := fieldSchema(field)
		if err != nil {
			return err
		}
		place := "query"
		if strings.Contains(path, "{"+name+"}") {
			place = "path"
		}
		filled := mapping("name", name, "in", place, "description", sentences(field.Comments), "required", place == "path", "schema", of)
		rest := parameters.Content[at]
		rest.Content = rest.Content[2:] // without the name, which comes first
		if parameters.Content[at], err = merge(filled, rest); err != nil {
			return err
		}
	}
	for _, parameter := range parameters.Content {
		if get(parameter, "in") == nil {
			return fmt.Errorf("frame.yaml: %s is not a field of %s", get(parameter, "name").Value, request.Desc.Name())
		}
	}
	return nil
}

// fillResponses adds the schema to each response, and to each failure its reasons and their examples.
func fillResponses(responses *yaml.Node, c contract, reasons []reason, file []byte) error {
	var examples map[string]example
	if err := yaml.Unmarshal(file, &examples); err != nil {
		return fmt.Errorf("reasons.yaml: %w", err)
	}
	if len(examples) != len(reasons) {
		return fmt.Errorf("reasons.yaml has %d reasons, the contract %d", len(examples), len(reasons))
	}
	statuses, of := byStatus(reasons)
	for _, status := range statuses {
		response := get(responses, status)
		if response == nil {
			return fmt.Errorf("frame.yaml: it lacks the response %s", status)
		}
		if err := fillFailure(response, of[status], examples); err != nil {
			return err
		}
	}
	for i := 0; i < len(responses.Content); i += 2 {
		schema := "#/components/schemas/Status"
		if responses.Content[i].Value == "200" {
			schema = reference(c.method.Output)
		}
		if content := get(responses.Content[i+1], "content", "application/json"); content != nil {
			content.Content = append(mapping("schema", mapping("$ref", schema)).Content, content.Content...)
		}
	}
	return nil
}

func fillFailure(response *yaml.Node, reasons []reason, examples map[string]example) error {
	named := get(response, "x-reasons")
	if named == nil {
		named = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		set(response, "x-reasons", named)
	}
	bodies := mapping()
	description := get(response, "description")
	description.Value += "\n"
	for _, r := range reasons {
		body, err := r.body(examples[r.name])
		if err != nil {
			return err
		}
		set(bodies, r.name, mapping("summary", firstSentence(r.text), "value", plain(body)))
		named.Content = append(named.Content, encode(r.name))
		description.Value += "\n" + r.item()
	}
	_, err := merge(response, mapping("content", mapping("application/json", mapping("examples", bodies))))
	return err
}

// fillSchemas adds the schemas of the contract, before the schemas that only the frame has.
func fillSchemas(components *yaml.Node, c contract, reasons []reason) error {
	schemas := mapping()
	for _, message := range c.messages {
		s, err := messageSchema(message)
		if err != nil {
			return err
		}
		set(schemas, string(message.Desc.Name()), encode(s))
	}
	set(schemas, string(c.reasons.Desc.Name()), encode(reasonSchema(c.reasons, reasons)))
	if err := checkExamples(get(components, "schemas"), c.messages); err != nil {
		return err
	}
	all, err := merge(schemas, get(components, "schemas"))
	set(components, "schemas", all)
	return err
}

// checkExamples fails unless the frame has examples for exactly those fields that are not messages of the contract.
func checkExamples(frame *yaml.Node, messages []*protogen.Message) error {
	for _, message := range messages {
		properties := get(frame, string(message.Desc.Name()), "properties")
		examples := 0
		for _, field := range message.Fields {
			if field.Message != nil && wellKnown(field.Message) == nil {
				continue
			}
			if get(properties, field.Desc.JSONName(), "examples") == nil {
				return fmt.Errorf("frame.yaml: %s lacks examples", field.Desc.FullName())
			}
			examples++
		}
		if properties != nil && len(properties.Content) != 2*examples {
			return fmt.Errorf("frame.yaml: %s has properties that are none of its fields", message.Desc.Name())
		}
	}
	return nil
}
