// Package web has the pages that people see when they open the REST address in a browser.
package web

import (
	"net/http"
	"strings"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// A Site is the set of pages. It implements service's Pages.
type Site struct {
	paths    map[string]http.Handler // by path; a path that ends in a slash stands for all paths below it
	examples []sandbox.Device        // empty for a real Control Center
	grpcPort string                  // empty if unknown
}

// An Option tells the site something about the service, which the pages show.
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

// ServeHTTP implements http.Handler. The pages have only the methods GET and HEAD.
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
