// Package yamlfile reads an operator's settings.
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

// Read reads the one document of a file into a struct, whose fields are all that may be in it. The errors name the file, and
// repeat no value that stands in it: operators write secrets into wrong places, and errors go to logs.
func Read(file string, settings any) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(settings); err != nil && !errors.Is(err, io.EOF) { // nothing at all is a document of nothing
		return fmt.Errorf("%s: %w", file, withoutValues(err))
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: there is more in it than one document", file)
	}
	return nil
}

// withoutValues takes the values out of yaml's errors, such as "line 1: cannot unmarshal !!str `hunter2...` into int".
func withoutValues(err error) error {
	mistyped, ok := errors.AsType[*yaml.TypeError](err)
	if !ok {
		return err
	}
	value := regexp.MustCompile("(?s) `.*` into ")
	hidden := &yaml.TypeError{}
	for _, text := range mistyped.Errors {
		hidden.Errors = append(hidden.Errors, value.ReplaceAllString(text, " into "))
	}
	return hidden
}
