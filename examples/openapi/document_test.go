package openapi

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// usagePath is the one path of the document.
const usagePath = "/v1/devices/{iccid}/usageInZone"

// A document is the one that a server serves, made strict: an object may have no property that is not told.
type document struct {
	*openapi3.T
	responses map[string]*openapi3.ResponseRef
}

// read reads the document of a server.
func read(t *testing.T, url string) document {
	t.Helper()
	served := ask(t, url, "GET /openapi.json")
	var plain any
	if err := json.Unmarshal(served.body, &plain); err != nil {
		t.Fatal(err)
	}
	seal(plain)
	strict, err := json.Marshal(plain)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := openapi3.NewLoader().LoadFromData(strict)
	if err != nil {
		t.Fatal(err)
	}
	return document{loaded, loaded.Paths.Find(usagePath).Get.Responses.Map()}
}

// seal adds to each object schema that it has no more properties, where it does not say which it may have.
func seal(node any) {
	switch node := node.(type) {
	case map[string]any:
		if _, has := node["properties"]; has && node["type"] == "object" && node["additionalProperties"] == nil {
			node["additionalProperties"] = false
		}
		for _, child := range node {
			seal(child)
		}
	case []any:
		for _, child := range node {
			seal(child)
		}
	}
}

// told are the headers of which the document has to tell where they are sent.
var told = []string{"Age", "Allow", "Retry-After", "Www-Authenticate", "X-Request-Id", "X-Usage-Account", "X-Usage-Source"}

// check looks whether the document tells of a reply as it is.
func (d document) check(got reply) error {
	response, ok := d.responses[strconv.Itoa(got.status)]
	if !ok {
		return fmt.Errorf("the document has no HTTP status %d", got.status)
	}
	if err := checkHeaders(response.Value.Headers, got.header); err != nil {
		return err
	}
	if len(got.body) == 0 {
		return nil // to HEAD
	}
	contentType, _, err := mime.ParseMediaType(got.header.Get("Content-Type"))
	if err != nil {
		return err
	}
	content := response.Value.Content[contentType]
	if content == nil {
		return fmt.Errorf("the document has no %s of HTTP status %d", contentType, got.status)
	}
	var value any = string(got.body)
	if contentType == "application/json" {
		if err := json.Unmarshal(got.body, &value); err != nil {
			return err
		}
	}
	return content.Schema.Value.VisitJSON(value, openapi3.EnableJSONSchema2020(), openapi3.MultiErrors())
}

func checkHeaders(documented openapi3.Headers, sent http.Header) error {
	known := map[string]bool{}
	for name, header := range documented {
		name = http.CanonicalHeaderKey(name)
		known[name] = true
		text := sent.Get(name)
		if text == "" {
			if header.Value.Required {
				return fmt.Errorf("there is no header %s", name)
			}
			continue
		}
		var value any = text
		if header.Value.Schema.Value.Type.Is("integer") {
			number, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return fmt.Errorf("header %s: %w", name, err)
			}
			value = number
		}
		if err := header.Value.Schema.Value.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
			return fmt.Errorf("header %s: %w", name, err)
		}
	}
	for _, name := range told {
		if sent.Get(name) != "" && !known[name] {
			return fmt.Errorf("the document does not tell of the header %s: %s", name, sent.Get(name))
		}
	}
	return nil
}

// The document is one of OpenAPI 3.1, and so are its examples.
func TestTheDocumentIsValid(t *testing.T) {
	doc := read(t, serve(t))
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("its version is %s", doc.OpenAPI)
	}
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Error(err)
	}
}

// The check itself finds what is wrong.
func TestTheCheckFindsWhatIsWrong(t *testing.T) {
	url := serve(t)
	doc := read(t, url)
	good := ask(t, url, "GET /v1/devices/8988217755520000031/usageInZone")
	if err := doc.check(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(string) string{
		"a number": func(s string) string { return strings.Replace(s, `"943718"`, `943718`, 1) },
		"null":     func(s string) string { return strings.Replace(s, `"943718"`, `null`, 1) },
		"no list":  func(s string) string { return strings.Replace(s, `"ratePlanUsages":`, `"x":`, 1) },
		"another field": func(s string) string {
			return strings.Replace(s, `{"voiceMoSeconds"`, `{"fax":"1","voiceMoSeconds"`, 1)
		},
		"a missing time":     func(s string) string { return strings.Replace(s, `"startTime"`, `"from"`, 1) },
		"a version in words": func(s string) string { return strings.Replace(s, `"ratePlanVersion":1`, `"ratePlanVersion":"1"`, 1) },
	} {
		bad := reply{good.status, good.header, []byte(change(string(good.body)))}
		if string(bad.body) == string(good.body) {
			t.Errorf("%s: nothing is changed in %s", name, good.body)
		}
		if err := doc.check(bad); err == nil {
			t.Errorf("%s is not found", name)
		}
	}
	header := good.header.Clone()
	header.Del("X-Usage-Source")
	if err := doc.check(reply{good.status, header, good.body}); err == nil {
		t.Error("a missing header is not found")
	}
	if err := doc.check(reply{http.StatusTeapot, good.header, good.body}); err == nil {
		t.Error("another HTTP status is not found")
	}
}
