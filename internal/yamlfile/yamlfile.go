// Package yamlfile reads an operator's files of settings.
package yamlfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// Read reads the only document of a file into a struct, and refuses fields that the struct does not have. The errors name the
// file, but do not repeat its values: operators put secrets into wrong places, and errors go to logs.
func Read(file string, settings any) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(settings); err != nil && !errors.Is(err, io.EOF) { // an empty file is an empty document
		return fmt.Errorf("%s: %w", file, plainly(err))
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: there is more in it than one document", file)
	}
	return nil
}

// The parts of yaml's errors that are replaced.
var (
	value      = regexp.MustCompile("(?s) `.*` into ")
	unknownKey = regexp.MustCompile(`field (\S+) not found in type .*`)
)

// plainly removes the values from yaml's errors, such as "line 1: cannot unmarshal !!str `hunter2...` into int", and Go's types
// from those about unknown keys.
func plainly(err error) error {
	mistyped, ok := errors.AsType[*yaml.TypeError](err)
	if !ok {
		return err
	}
	plain := &yaml.TypeError{}
	for _, text := range mistyped.Errors {
		plain.Errors = append(plain.Errors, unknownKey.ReplaceAllString(value.ReplaceAllString(text, " into "), `there is no setting "$1"`))
	}
	return plain
}
