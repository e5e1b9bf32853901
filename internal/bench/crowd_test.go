package main

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestReadHead(t *testing.T) {
	for _, tt := range []struct {
		name, text     string
		status, length int
		rest           string
		fails          bool
	}{
		{"usual", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\n{}more", 200, 2, "{}more", false},
		{"letter case and no reason", "HTTP/1.1 503\r\ncontent-LENGTH:12\r\n\r\n", 503, 12, "", false},
		{"empty body", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, 0, "", false},
		{"no length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, 0, "", true},
		{"bad length", "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n", 0, 0, "", true},
		{"bad status", "HTTP/1.1 2xx OK\r\nContent-Length: 0\r\n\r\n", 0, 0, "", true},
		{"no HTTP", "hello\r\n\r\n", 0, 0, "", true},
		{"cut off", "HTTP/1.1 200 OK\r\nContent-Le", 0, 0, "", true},
		{"nothing", "", 0, 0, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := bufio.NewReader(strings.NewReader(tt.text))
			status, length, err := readHead(r)
			if status != tt.status || length != tt.length || (err != nil) != tt.fails {
				t.Fatalf("got %d, %d, %v", status, length, err)
			}
			rest, _ := r.Peek(r.Buffered())
			if !tt.fails && string(rest) != tt.rest {
				t.Errorf("left is %q, want %q", rest, tt.rest)
			}
		})
	}
}

// TestRESTCrowd: a real server answers, until it refuses; that fails the load.
func TestRESTCrowd(t *testing.T) {
	const good = 100
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.String() != "/v1/devices/"+smallICCID+"/usageInZone" || calls.Add(1) > good {
			http.Error(w, "no more", http.StatusTeapot)
			return
		}
		_, _ = w.Write([]byte("{}"))
	}))
	defer server.Close()
	c, err := newRESTCrowd(t.Context(), server.Listener.Addr().String(), nil, 4, question{iccid: smallICCID})
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	l, err := c.run(t.Context(), patience)
	if err == nil || !strings.Contains(err.Error(), "HTTP status 418: no more") {
		t.Errorf("the load fails with %v", err)
	}
	if len(l.took) != good {
		t.Errorf("%d calls were answered, want %d", len(l.took), good)
	}
}

// TestCrowdThatIsCutOff: a server that never answers does not hold up the bench when that is to end.
func TestCrowdThatIsCutOff(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	defer server.Close()
	c, err := newRESTCrowd(t.Context(), server.Listener.Addr().String(), nil, 1, question{iccid: smallICCID})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.run(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("the load ends with %v", err)
	}
}

func TestRun(t *testing.T) {
	var calls atomic.Int64
	count := func(context.Context) error { calls.Add(1); return nil }
	c := &crowd{loops: []loop{ask(count).repeat, ask(count).repeat, ask(count).repeat}}
	l, err := c.run(t.Context(), 10*time.Millisecond)
	if err != nil || int64(len(l.took)) != calls.Load() || l.elapsed < 10*time.Millisecond {
		t.Errorf("%d of %d calls in %s, %v", len(l.took), calls.Load(), l.elapsed, err)
	}
}

// TestFreshQuestions: no device is asked about twice, and no answer may be a kept one.
func TestFreshQuestions(t *testing.T) {
	q := question{fresh: &devices{}}
	seen := map[string]bool{}
	for range 1000 {
		path := q.path()
		if seen[path] || !strings.HasSuffix(path, "/usageInZone?maxAge=0s") || len(path) != len(question{iccid: smallICCID}.path()+"?maxAge=0s") {
			t.Fatalf("the path is %s", path)
		}
		seen[path] = true
	}
}
