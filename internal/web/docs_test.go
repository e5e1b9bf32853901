package web

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// newDocsSite serves the site as the REST address does.
func newDocsSite(t *testing.T) *httptest.Server {
	t.Helper()
	site := httptest.NewServer(New())
	t.Cleanup(site.Close)
	return site
}

// A reply is what the site sent.
type reply struct {
	status int
	header http.Header
	body   string
}

// askSite asks for a page as it is, without what Go's client does about compression.
func askSite(t *testing.T, site *httptest.Server, method, path string, header http.Header) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, site.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(req.Header, header)
	resp, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(body)}
}

// Both forms of the document say the same.
func TestTheDocumentInBothForms(t *testing.T) {
	site := newDocsSite(t)
	var asJSON, asYAML any
	resp := askSite(t, site, http.MethodGet, "/openapi.json", nil)
	if contentType := resp.header.Get("Content-Type"); contentType != "application/json" {
		t.Errorf("JSON: Content-Type %q", contentType)
	}
	if err := json.Unmarshal([]byte(resp.body), &asJSON); err != nil {
		t.Fatal(err)
	}
	resp = askSite(t, site, http.MethodGet, "/openapi.yaml", nil)
	if contentType := resp.header.Get("Content-Type"); contentType != "application/yaml" {
		t.Errorf("YAML: Content-Type %q", contentType)
	}
	if err := yaml.Unmarshal([]byte(resp.body), &asYAML); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(asYAML)
	if err != nil {
		t.Fatal(err)
	}
	var fromYAML any // with JSON's numbers
	if err := json.Unmarshal(again, &fromYAML); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(asJSON, fromYAML); diff != "" {
		t.Errorf("JSON and YAML differ (-JSON +YAML)\n%s", diff)
	}
}

// Who has the document is told that it is the same, and sends nothing to the pages.
func TestTheDocumentIsAskedForAgain(t *testing.T) {
	site := newDocsSite(t)
	resp := askSite(t, site, http.MethodGet, "/openapi.json", nil)
	etag := resp.header.Get("Etag")
	resp = askSite(t, site, http.MethodGet, "/openapi.json", http.Header{"If-None-Match": {etag}})
	if resp.status != http.StatusNotModified || resp.body != "" {
		t.Errorf("with %s: HTTP status %d, %d bytes", etag, resp.status, len(resp.body))
	}
	if resp := askSite(t, site, http.MethodPost, "/openapi.json", nil); resp.status != http.StatusMethodNotAllowed || resp.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: HTTP status %d, Allow %q", resp.status, resp.header.Get("Allow"))
	}
	if New().Serves("/docs/index.html") {
		t.Error("there is /docs/index.html, which would not be under the page's policy")
	}
}

var link = regexp.MustCompile(`(?:href|src)="([^"]+)"`)

// The page has a policy under which it loads nothing from elsewhere, and there is all that it asks for.
func TestTheDocsPageNeedsNothingFromElsewhere(t *testing.T) {
	site := newDocsSite(t)
	resp := askSite(t, site, http.MethodGet, "/docs", nil)
	page, policy := resp.body, resp.header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
		t.Errorf("the policy is %q", policy)
	}
	if strings.Contains(page, "<script>") || strings.Contains(page, "<style") || strings.Contains(page, "style=") {
		t.Error("the page has a script or a style in it, which its policy forbids")
	}
	links := link.FindAllStringSubmatch(page, -1)
	if len(links) != 7 {
		t.Errorf("the page asks for %v", links)
	}
	for _, found := range links {
		path, err := (&url.URL{Path: "/docs"}).Parse(found[1])
		if err != nil {
			t.Fatal(err)
		}
		if resp := askSite(t, site, http.MethodGet, path.String(), nil); resp.status != http.StatusOK || resp.body == "" {
			t.Errorf("%s: HTTP status %d, %d bytes", found[1], resp.status, len(resp.body))
		}
	}
}

// Swagger UI's script is sent as small as it is kept to whoever takes that.
func TestCompressedFiles(t *testing.T) {
	site := newDocsSite(t)
	const path = "/docs/swagger-ui-bundle.js"
	plain := askSite(t, site, http.MethodGet, path, nil).body
	resp := askSite(t, site, http.MethodGet, path, http.Header{"Accept-Encoding": {"gzip, br"}})
	if resp.header.Get("Content-Encoding") != "gzip" || resp.header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("%v", resp.header)
	}
	reader, err := gzip.NewReader(strings.NewReader(resp.body))
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := io.ReadAll(reader)
	if err != nil || string(unpacked) != plain || !strings.Contains(plain, "SwaggerUIBundle") {
		t.Errorf("%v: %d bytes packed, %d bytes plain", err, len(unpacked), len(plain))
	}
	file := New().paths[path].(document)
	if first, second := file.plain(), file.plain(); &first[0] != &second[0] {
		t.Error("the plain script is unpacked for each who asks")
	}
}
