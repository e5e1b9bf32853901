package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"time"
)

// A document is one that does not change while the service runs.
type document struct {
	content     []byte
	contentType string
	policy      string // Content-Security-Policy; empty for what is no page
	gzipped     bool   // as the content is
	etag        string
}

func newDocument(content []byte, contentType string) document {
	sum := sha256.Sum256(content)
	const enough = 12
	return document{content: content, contentType: contentType, etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:enough]) + `"`}
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
		header.Set("Referrer-Policy", "no-referrer") // the page's own link has an ICCID in it
	}
	content := d.content
	if d.gzipped {
		header.Set("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			header.Set("Content-Encoding", "gzip")
		} else {
			header.Set("Etag", "W/"+d.etag)
			var err error
			if content, err = gunzip(content); err != nil {
				http.Error(w, "the file is damaged", http.StatusInternalServerError)
				return
			}
		}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// gunzip unpacks a file.
func gunzip(content []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}
