package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/zoneusage/zoneusage/internal/web"
	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// A reply is what a browser gets.
type reply struct {
	status int
	header http.Header
	body   string
}

// open serves a site and gives what asks it.
func open(t *testing.T, opts ...web.Option) (ask func(method, path string, header ...string) reply) {
	t.Helper()
	server := httptest.NewServer(web.New(opts...))
	t.Cleanup(server.Close)
	return func(method, path string, header ...string) reply {
		t.Helper()
		request, err := http.NewRequest(method, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			request.Header.Set(header[i], header[i+1])
		}
		response, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return reply{response.StatusCode, response.Header, string(body)}
	}
}

var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

// Every file of the page is served, in a form that a browser takes and with nothing that it could run beside.
func TestFiles(t *testing.T) {
	ask := open(t)
	want := map[string]string{"/": "text/html; charset=utf-8"}
	entries, err := os.ReadDir("static")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); name != "page.html" {
			want["/static/"+name] = contentTypes[name[strings.LastIndexByte(name, '.'):]]
		}
	}
	for path, contentType := range want {
		got := ask(http.MethodGet, path)
		if got.status != http.StatusOK || got.header.Get("Content-Type") != contentType || got.body == "" {
			t.Errorf("%s: status %d, %q and %d bytes, want it as %q", path, got.status, got.header.Get("Content-Type"), len(got.body), contentType)
		}
		for name, value := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache",
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
				"base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
		} {
			if got.header.Get(name) != value {
				t.Errorf("%s: %s is %q, want %q", path, name, got.header.Get(name), value)
			}
		}
	}
}

// Who has a file already gets none.
func TestETag(t *testing.T) {
	ask := open(t)
	for _, path := range []string{"/", "/static/main.js", "/static/page.css"} {
		first := ask(http.MethodGet, path)
		etag := first.header.Get("ETag")
		if !regexp.MustCompile(`^"[\w-]{16}"$`).MatchString(etag) {
			t.Fatalf("%s: the ETag is %s", path, etag)
		}
		if again := ask(http.MethodGet, path, "If-None-Match", etag); again.status != http.StatusNotModified || again.body != "" {
			t.Errorf("%s: who has it gets status %d and %d bytes", path, again.status, len(again.body))
		}
		if other := ask(http.MethodGet, path, "If-None-Match", `"other"`); other.body != first.body {
			t.Errorf("%s: who has another one gets status %d and %d bytes", path, other.status, len(other.body))
		}
	}
	if with := open(t, web.WithGRPCAddr(":9090"))(http.MethodGet, "/"); with.header.Get("ETag") == ask(http.MethodGet, "/").header.Get("ETag") {
		t.Error("another page has the same ETag")
	}
}

func TestMethods(t *testing.T) {
	ask := open(t)
	if head := ask(http.MethodHead, "/"); head.status != http.StatusOK || head.body != "" || head.header.Get("Content-Length") == "" {
		t.Errorf("HEAD: status %d, %d bytes, of length %q", head.status, len(head.body), head.header.Get("Content-Length"))
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		if got := ask(method, "/"); got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: status %d, Allow %q", method, got.status, got.header.Get("Allow"))
		}
	}
}

// The site has its own paths and no others: they are REST's.
func TestServes(t *testing.T) {
	site := web.New()
	for path, want := range map[string]bool{
		"/": true, "/static/main.js": true, "/static/page.css": true,
		"/static/": false, "/static/page.html": false, "/static/../page.go": false, "/index.html": false, "": false,
		"/v1/devices/8988217755520000031/usageInZone": false, "/livez": false,
	} {
		if site.Serves(path) != want {
			t.Errorf("Serves(%q) is %t", path, !want)
		}
	}
}

// The page says what it knows of the service: its examples where the sandbox answers, and where gRPC is.
func TestHints(t *testing.T) {
	plain := open(t)(http.MethodGet, "/").body
	if strings.Contains(plain, "data-sandbox") || !strings.Contains(plain, `<section id="start" aria-labelledby="start-title" hidden>`) {
		t.Error("without a sandbox the page offers its devices")
	}
	shown := open(t, web.WithExamples(sandbox.Fleet()...), web.WithGRPCAddr("0.0.0.0:9443"))(http.MethodGet, "/").body
	for _, device := range sandbox.Fleet() {
		if !strings.Contains(shown, `href="/?iccid=`+device.ICCID+`"`) {
			t.Errorf("the page does not offer %s", device.ICCID)
		}
	}
	if !strings.Contains(shown, "data-sandbox") || !strings.Contains(shown, `<meta name="grpc-port" content="9443">`) {
		t.Error("the page does not say that the sandbox answers, or where gRPC is")
	}
	if free := open(t, web.WithGRPCAddr("127.0.0.1:0"))(http.MethodGet, "/").body; !strings.Contains(free, `<meta name="grpc-port" content="">`) {
		t.Error("the page tells the port 0")
	}
}

// The policy lets nothing run that stands in the page, and the page has nothing like it.
func TestNothingInline(t *testing.T) {
	page := open(t, web.WithExamples(sandbox.Fleet()...))(http.MethodGet, "/").body
	for _, inline := range []string{`<script>`, `<style`, ` style="`, ` on\w+="`, `https?://`} {
		if found := regexp.MustCompile(inline).FindString(page); found != "" {
			t.Errorf("the page has %q", found)
		}
	}
	entries, err := os.ReadDir("static")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		script, err := os.ReadFile("static/" + entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		if found := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function`).Find(script); found != nil {
			t.Errorf("%s has %q: text from Control Center would become elements", entry.Name(), found)
		}
	}
}
