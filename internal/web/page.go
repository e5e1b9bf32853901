package web

import (
	"bytes"
	"embed"
	"html/template"
	"net"
	"path"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// The page at / and what it is made of, as a browser gets it: nothing is built.
//
//go:embed static
var pageFiles embed.FS

var pageTemplate = template.Must(template.ParseFS(pageFiles, "static/page.html"))

// pageTypes are the media types of its files.
var pageTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// pagePolicy lets a page have files and answers of this address, and nothing of any other. It has no part of a page in
// quotes: a script or style that a name from Control Center brought along would not run.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

// WithExamples shows devices to ask for to whoever has asked for none. They are the sandbox's, so only where it answers.
func WithExamples(devices ...sandbox.Device) Option {
	return func(s *Site) { s.examples = devices }
}

// WithGRPCAddr is where the gRPC door listens, for the calls that the page shows. Its host may be a wildcard: of the
// address the port alone is shown.
func WithGRPCAddr(addr string) Option {
	return func(s *Site) {
		if _, port, err := net.SplitHostPort(addr); err == nil && port != "0" {
			s.grpcPort = port
		}
	}
}

// addPage adds the page at / and its files.
func (s *Site) addPage() {
	var page bytes.Buffer
	_ = pageTemplate.Execute(&page, struct { // a buffer takes everything
		GRPCPort      string
		Examples      []sandbox.Device
		TroublePrefix string
	}{s.grpcPort, s.examples, sandbox.TroublePrefix})
	s.paths["/"] = pagePart("text/html; charset=utf-8", page.Bytes())
	entries, _ := pageFiles.ReadDir("static") // it is embedded
	for _, entry := range entries {
		name := "static/" + entry.Name()
		if contentType, ok := pageTypes[path.Ext(name)]; ok {
			s.paths["/"+name] = pagePart(contentType, embedded(pageFiles, name))
		}
	}
}

// pagePart is a document of the page. Browsers ask each time whether it is still the same, so that after an update no old
// script meets a new page.
func pagePart(contentType string, content []byte) document {
	part := newDocument(content, contentType)
	part.policy = pagePolicy
	return part
}
