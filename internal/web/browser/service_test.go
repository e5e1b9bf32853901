package browser

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// serve starts the service and gives the address of its page.
func serve(t *testing.T, args ...string) (origin string) {
	t.Helper()
	origin, _ = serveBoth(t, args...)
	return origin
}

// serveBoth starts the service on free ports of loopback, on its sandbox, and gives the address of its page and that of gRPC.
// It ends with the test.
func serveBoth(t *testing.T, args ...string) (origin, grpcAddr string) {
	t.Helper()
	cmd := exec.Command(binary, append([]string{
		"serve", "--grpc-addr=127.0.0.1:0", "--http-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0", "--calls-per-second=100",
	}, args...)...)
	cmd.Env = []string{} // no setting of whoever runs the tests
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	type entry struct {
		Message  string `json:"msg"`
		HTTPAddr string `json:"http_addr"`
		GRPCAddr string `json:"grpc_addr"`
	}
	serving, ended := make(chan entry, 1), make(chan struct{})
	var said bytes.Buffer
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			fmt.Fprintln(&said, lines.Text())
			var line entry
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Message == "serving" {
				serving <- line
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
	case line := <-serving:
		return "http://" + line.HTTPAddr, line.GRPCAddr
	case <-ended:
		t.Fatalf("%v ended before it served", cmd.Args)
		return "", ""
	}
}

// callerToken is the token of the one caller of a policy.
const callerToken = "the-token-of-a-test"

// callers writes a policy with one caller, who may ask so often.
func callers(t *testing.T, requestsPerSecond string) (flag string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "callers.yaml")
	policy := fmt.Sprintf("callers:\n  - name: page\n    tokenSHA256: %x\n    accounts: [\"*\"]\n    requestsPerSecond: %s\n",
		sha256.Sum256([]byte(callerToken)), requestsPerSecond)
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	return "--callers=" + file
}

// get gets what a browser would.
func get(t *testing.T, url string) []byte {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v\n%s", url, response.Status, err, body)
	}
	return body
}
