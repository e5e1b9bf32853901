package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/zoneusage/zoneusage/internal/gzipped"
)

// A document is one that does not change while the service runs.
type document struct {
	content     []byte
	contentType string
	policy      string // Content-Security-Policy; empty for what is no page
	etag        string

	// plain is the content unpacked, for those who do not take gzip; nil where the content is not packed. It is there once, or
	// whoever asks and does not read could have any number of them.
	plain func() []byte
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
	if d.plain != nil {
		header.Set("Vary", "Accept-Encoding")
		if gzipped.Accepted(r.Header) {
			header.Set("Content-Encoding", "gzip")
		} else {
			header.Set("Etag", "W/"+d.etag)
			content = d.plain()
		}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// newPackedDocument is that of a file packed with gzip.
func newPackedDocument(packed []byte, contentType string) document {
	d := newDocument(packed, contentType)
	d.plain = sync.OnceValue(func() []byte {
		reader, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			panic(err) // it is part of the program, and of every test
		}
		plain, err := io.ReadAll(reader)
		if err != nil {
			panic(err)
		}
		return plain
	})
	return d
}
