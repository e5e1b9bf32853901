package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net"
	"net/http"
	"path"
	"time"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// The page at / and what it is made of, as a browser gets it: nothing is built.
//
//go:embed static
var static embed.FS

var pageTemplate = template.Must(template.ParseFS(static, "static/page.html"))

// staticTypes are the media types of the page's files.
var staticTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// policy lets a page have files and answers of this address, and nothing of any other. It has no part of a page in
// quotes: a script or style that a name from Control Center brought along would not run.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
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
	s.paths["/"] = newFile("text/html; charset=utf-8", page.Bytes())
	entries, _ := static.ReadDir("static") // it is embedded
	for _, entry := range entries {
		content, _ := static.ReadFile("static/" + entry.Name())
		if contentType, ok := staticTypes[path.Ext(entry.Name())]; ok {
			s.paths["/static/"+entry.Name()] = newFile(contentType, content)
		}
	}
}

// A file is served as it is. Browsers ask each time whether it is still the same, so that after an update no old script
// meets a new page.
type file struct {
	contentType, etag string
	content           []byte
}

func newFile(contentType string, content []byte) *file {
	sum := sha256.Sum256(content)
	return &file{contentType, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, content}
}

// ServeHTTP implements http.Handler.
func (f *file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", f.contentType)
	header.Set("ETag", f.etag)
	header.Set("Cache-Control", "no-cache")
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
}
