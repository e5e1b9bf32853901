package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/compiler/protogen"
)

// A contract is what the proto files and the REST binding say.
type contract struct {
	service  *protogen.Service
	method   *protogen.Method
	path     string              // the path of the method over REST, which is a GET
	messages []*protogen.Message // the answer's message, and after it the messages it contains
	reasons  *protogen.Enum
}

// readContract finds the only method and the only enum.
func readContract(plugin *protogen.Plugin, binding string) (contract, error) {
	var c contract
	for _, file := range plugin.Files {
		if !file.Generate {
			continue
		}
		for _, service := range file.Services {
			if c.service != nil || len(service.Methods) != 1 {
				return c, fmt.Errorf("%s: the document is of one method; teach the plugin more", file.Desc.Path())
			}
			c.service, c.method = service, service.Methods[0]
		}
		for _, enum := range file.Enums {
			if c.reasons != nil {
				return c, fmt.Errorf("%s: the document has one enum; teach the plugin more", file.Desc.Path())
			}
			c.reasons = enum
		}
	}
	if c.method == nil || c.reasons == nil {
		return c, errors.New("there is no method, or no enum of reasons")
	}
	c.collect(c.method.Output)
	var err error
	c.path, err = readBinding(binding, string(c.method.Desc.FullName()))
	return c, err
}

// collect adds a message and the messages of its fields, except the well-known ones, which have JSON of their own.
func (c *contract) collect(message *protogen.Message) {
	for _, known := range c.messages {
		if known == message {
			return
		}
	}
	c.messages = append(c.messages, message)
	for _, field := range message.Fields {
		if field.Message != nil && wellKnown(field.Message) == nil {
			c.collect(field.Message)
		}
	}
}

// readBinding finds the path of a method in the gateway's configuration.
func readBinding(file, method string) (path string, err error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("grpc_api_configuration: %w", err)
	}
	var service struct {
		HTTP struct {
			Rules []struct{ Selector, Get string }
		}
	}
	if err := yaml.Unmarshal(content, &service); err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	for _, rule := range service.HTTP.Rules {
		if rule.Selector == method && rule.Get != "" {
			return rule.Get, nil
		}
	}
	return "", fmt.Errorf("%s: it has no path to get %s", file, method)
}

// sentences is the text of a comment, with each paragraph on one line.
func sentences(comment protogen.CommentSet) string {
	var paragraphs []string
	for paragraph := range strings.SplitSeq(string(comment.Leading), "\n\n") {
		if words := strings.Fields(paragraph); len(words) > 0 {
			paragraphs = append(paragraphs, strings.Join(words, " "))
		}
	}
	return strings.Join(paragraphs, "\n\n")
}
