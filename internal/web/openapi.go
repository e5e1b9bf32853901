package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"time"
)

// A document is one that does not change while the service runs.
type document struct {
	content     []byte
	contentType string
	etag        string
	policy      string // Content-Security-Policy; empty for what no browser runs
}

func newDocument(content []byte, contentType, policy string) document {
	sum := sha256.Sum256(content)
	return document{content, contentType, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, policy}
}

// ServeHTTP implements http.Handler. Who has the document need only ask whether it is still the same.
func (d document) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", d.contentType)
	header.Set("Etag", d.etag)
	header.Set("Cache-Control", "no-cache")
	header.Set("X-Content-Type-Options", "nosniff")
	if d.policy != "" {
		header.Set("Content-Security-Policy", d.policy)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(d.content))
}
