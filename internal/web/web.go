// Package web has what people see of the REST address in a browser.
package web

import (
	"net/http"
	"strings"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// A Site is the pages. It implements service's Pages.
type Site struct {
	paths    map[string]http.Handler // a path, or with a slash at its end all that are below
	examples []sandbox.Device        // none where a real Control Center answers
	grpcPort string                  // empty where it is not known
}

// An Option says something of the service that its pages show.
type Option func(*Site)

// New makes the site.
func New(opts ...Option) *Site {
	s := &Site{paths: map[string]http.Handler{}}
	for _, opt := range opts {
		opt(s)
	}
	s.addPage()
	addDocs(s.paths)
	return s
}

// Serves reports whether the site has a path.
func (s *Site) Serves(path string) bool { return s.handler(path) != nil }

// ServeHTTP implements http.Handler. The pages are only to be read.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	handler := s.handler(r.URL.Path)
	switch {
	case handler == nil:
		http.NotFound(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the pages are only to be read, with GET", http.StatusMethodNotAllowed)
	default:
		handler.ServeHTTP(w, r)
	}
}

func (s *Site) handler(path string) http.Handler {
	if handler, ok := s.paths[path]; ok {
		return handler
	}
	if end := strings.LastIndexByte(path, '/'); end > 0 {
		return s.paths[path[:end+1]]
	}
	return nil
}
