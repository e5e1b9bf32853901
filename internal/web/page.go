package web

import (
	"bytes"
	"embed"
	"html/template"
	"net"
	"path"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// pageFiles are the page at / and its scripts and styles. Browsers get the files as they are, without a build step.
//
//go:embed static
var pageFiles embed.FS

var pageTemplate = template.Must(template.ParseFS(pageFiles, "static/page.html"))

// pageTypes are the media types of the page's files.
var pageTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// pagePolicy lets a page use files and answers from this address only. It allows no inline scripts and styles, so that
// nothing runs that is hidden in a name from Control Center.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

// WithExamples sets example devices, which the page shows before the first question. They are the sandbox's devices, so this
// option is only for a service with the sandbox.
func WithExamples(devices ...sandbox.Device) Option {
	return func(s *Site) { s.examples = devices }
}

// WithGRPCAddr sets the address of the gRPC door, for the calls that the page shows. The page shows only the port, because
// the host may be a wildcard.
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

// pagePart makes a document that belongs to the page. Browsers ask each time whether it is still the same, so that after an
// update no old script runs with a new page.
func pagePart(contentType string, content []byte) document {
	part := newDocument(content, contentType)
	part.policy = pagePolicy
	return part
}
