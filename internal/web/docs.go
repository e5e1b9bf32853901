package web

import (
	"embed"
	"net/http"

	"github.com/swaggest/swgui/v5/static"

	"github.com/zoneusage/zoneusage/gen/openapi"
)

// docsPolicy lets the page load files from this address and send requests to it. Swagger UI's icons are data URLs.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed docs
var docs embed.FS

// addDocs adds the OpenAPI document, and the page at /docs, where Swagger UI shows the document.
func addDocs(paths map[string]http.Handler) {
	paths["/openapi.json"] = newDocument(openapi.JSON, "application/json")
	paths["/openapi.yaml"] = newDocument(openapi.YAML, "application/yaml") // RFC 9512

	page := newDocument(embedded(docs, "docs/index.html"), "text/html; charset=utf-8")
	page.policy = docsPolicy
	paths["/docs"] = page
	const script, style = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
	paths["/docs/start.js"] = newDocument(embedded(docs, "docs/start.js"), script)
	paths["/docs/docs.css"] = newDocument(embedded(docs, "docs/docs.css"), style)
	paths["/docs/favicon-32x32.png"] = newDocument(embedded(static.FS, "favicon-32x32.png"), "image/png")
	for name, contentType := range map[string]string{"swagger-ui.css": style, "swagger-ui-bundle.js": script} {
		paths["/docs/"+name] = newPackedDocument(embedded(static.FS, name+".gz"), contentType)
	}
}

// embedded returns the content of a file that is part of the program.
func embedded(files embed.FS, name string) []byte {
	content, err := files.ReadFile(name)
	if err != nil {
		panic(err) // a missing file would show at every start
	}
	return content
}
