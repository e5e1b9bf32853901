package openapi

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// serve starts the service on free ports of loopback, ends it with the test, and gives its REST address.
func serve(t *testing.T, args ...string) (url string) {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"serve", "--grpc-addr=127.0.0.1:0", "--http-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0"}, args...)...)
	cmd.Env = []string{"GOMEMLIMIT=1GiB"} // no setting of whoever runs the tests
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addresses, ended := make(chan string, 1), make(chan struct{})
	var said bytes.Buffer
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			fmt.Fprintln(&said, lines.Text())
			var line struct {
				Msg      string
				HTTPAddr string `json:"http_addr"`
			}
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
				addresses <- line.HTTPAddr
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails when it has ended
		<-ended
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("%v logged\n%s", cmd.Args, said.String())
		}
	})
	select {
	case address := <-addresses:
		return "http://" + address
	case <-ended:
		t.Fatalf("%v ended before it served", cmd.Args)
		return ""
	}
}

// A reply is what the service answered.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a request: a method and a path with its query, and headers such as "Grpc-Timeout: 2S".
func ask(t *testing.T, url, request string, headers ...string) reply {
	t.Helper()
	method, path, _ := strings.Cut(request, " ")
	req, err := http.NewRequestWithContext(t.Context(), method, url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Add(name, value)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, body}
}
