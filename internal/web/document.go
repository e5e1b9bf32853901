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

// A document does not change while the service runs.
type document struct {
	content     []byte
	contentType string
	policy      string // Content-Security-Policy; empty for a document that is not a page
	etag        string

	// plain returns the unpacked content, for requests that do not accept gzip; nil if the content is not packed. All
	// requests share one copy: with a copy each, callers that ask and do not read the answer could fill the memory.
	plain func() []byte
}

func newDocument(content []byte, contentType string) document {
	sum := sha256.Sum256(content)
	const enough = 12
	return document{content: content, contentType: contentType, etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:enough]) + `"`}
}

// ServeHTTP implements http.Handler. A browser that has the document only needs to ask whether it is still the same.
func (d document) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", d.contentType)
	header.Set("Etag", d.etag)
	header.Set("Cache-Control", "no-cache")
	header.Set("X-Content-Type-Options", "nosniff")
	if d.policy != "" {
		header.Set("Content-Security-Policy", d.policy)
		header.Set("Referrer-Policy", "no-referrer") // the address of the page can contain an ICCID
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

// newPackedDocument makes a document of a file packed with gzip.
func newPackedDocument(packed []byte, contentType string) document {
	d := newDocument(packed, contentType)
	d.plain = sync.OnceValue(func() []byte {
		reader, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			panic(err) // the file is part of the program, so tests would have found this
		}
		plain, err := io.ReadAll(reader)
		if err != nil {
			panic(err)
		}
		return plain
	})
	return d
}
