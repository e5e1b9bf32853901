package deploy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	dto "github.com/prometheus/client_model/go"
)

// A server is a running `zoneusage serve`.
type server struct {
	restAddr, adminAddr string
	client              *http.Client
}

// serve starts the service on free ports of loopback, and ends it with the test.
func serve(t *testing.T, args ...string) *server {
	t.Helper()
	line := start(t, "serving", append([]string{"serve", "--grpc-addr=127.0.0.1:0", "--http-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0"}, args...)...)
	s := &server{client: &http.Client{Transport: &http.Transport{}}}
	s.restAddr, _ = line["http_addr"].(string)
	s.adminAddr, _ = line["admin_addr"].(string)
	t.Cleanup(s.client.CloseIdleConnections)
	return s
}

// start starts zoneusage with a clean environment, waits for a line of its log and gives that line.
func start(t *testing.T, message string, args ...string) map[string]any {
	t.Helper()
	cmd := exec.Command(os.Getenv(binaryVariable), args...)
	cmd.Env = []string{"GOMEMLIMIT=1GiB"} // which the Deployment sets too; and no setting of whoever runs the tests
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found, ended := make(chan map[string]any, 1), make(chan struct{})
	var said bytes.Buffer
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			fmt.Fprintln(&said, lines.Text())
			var line map[string]any
			if json.Unmarshal(lines.Bytes(), &line) == nil && line["msg"] == message {
				select {
				case found <- line:
				default:
				}
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails when it has ended
		<-ended
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("%v logged\n%s", args, said.String())
		}
	})
	select {
	case line := <-found:
		return line
	case <-ended:
		t.Fatalf("%v ended before it logged %q", args, message)
		return nil
	}
}

// ask asks for a device's usage over REST, with a query such as "?maxAge=0s" or none, and gives the HTTP status.
func (s *server) ask(t *testing.T, device, query, timeout string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.restAddr+"/v1/devices/"+device+"/usageInZone"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Grpc-Timeout", timeout)
	response, err := s.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

// scrape gets the metrics.
func (s *server) scrape(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	response, err := s.client.Get("http://" + s.adminAddr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v\n%s", response.Status, err, body)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return families
}
