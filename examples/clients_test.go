package examples_test

import (
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"github.com/zoneusage/zoneusage/internal/certtest"
)

// clients are the three, by their language.
func clients(t *testing.T) map[string]program {
	t.Helper()
	return map[string]program{
		"Go":     {command: []string{prepared(t, "usage")}},
		"Python": {command: []string{"/usr/bin/python3", "python/usage.py"}, env: []string{"PYTHONPATH=" + prepared(t, "python")}},
		"Node":   {command: []string{"node", "node/usage.js"}},
	}
}

// otherFraction is a time with fewer digits than milliseconds have, or with none but zeros, which protobuf's JSON leaves out.
var otherFraction = regexp.MustCompile(`\d:\d\d\.(000|\d{1,2})Z`)

// expect compares what a client printed with the file in testdata, and its exit status.
func expect(t *testing.T, file string, wantCode int, output string, code int) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), withoutTimes(output)); diff != "" {
		t.Errorf("not what %s has (-want +got)\n%s", file, diff)
	}
	if found := otherFraction.FindString(output); found != "" {
		t.Errorf("a time ends with %s", found)
	}
	if code != wantCode {
		t.Errorf("exit status %d, want %d", code, wantCode)
	}
}

// The clients tell null from 0 and lose no digit, say where an answer comes from, and why there is none.
func TestClients(t *testing.T) {
	for language, client := range clients(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			addr, _ := serve(t, "--calls-per-second=1000")
			output, code := client.run(t, []string{"USAGE_ADDR=" + addr},
				"8988217755520000031", "8999901000000000027", "8999901000000000035", "8999901000000000043", "8999901000000000050",
				"8999901000000000068", "8999901000000000076", "89999010000000000109", // which show what clients get wrong
				"8988217755520000099", "123", "890000000099999999", "8988217755520000031")
			expect(t, "usage.txt", 1, output, code)
		})
	}
}

// On TLS the clients say who they are; who says nothing that is known is refused.
func TestClientsWithTLSAndToken(t *testing.T) {
	const token = "token-of-billing-3f1c"
	for language, client := range clients(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			ca := certtest.NewCA(t)
			cert, key := certtest.Write(t, t.TempDir(), ca.Issue(t, nil, "localhost"))
			addr, _ := serve(t, "--tls-cert="+cert, "--tls-key="+key, "--callers="+writeCallers(t, "billing", token))
			_, port, err := net.SplitHostPort(addr)
			if err != nil {
				t.Fatal(err)
			}
			env := []string{"USAGE_ADDR=localhost:" + port, "USAGE_CA=" + ca.File}

			output, code := client.run(t, append(env, "USAGE_TOKEN="+token), "8988217755520000031")
			expect(t, "tls.txt", 0, output, code)
			output, code = client.run(t, append(env, "USAGE_TOKEN=another"), "8988217755520000031")
			expect(t, "unauthenticated.txt", 1, output, code)
		})
	}
}

// writeCallers writes a file of callers with one in it.
func writeCallers(t *testing.T, name, token string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "callers.yaml")
	policy := fmt.Sprintf("callers:\n- {name: %s, tokenSHA256: %x, accounts: [sandbox]}\n", name, sha256.Sum256([]byte(token)))
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// With a call every five seconds the second one has no turn before its deadline, and one a little later.
func TestClientsWaitForTheirTurn(t *testing.T) {
	for language, client := range clients(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			addr, _ := serve(t, "--calls-per-second=0.2")
			output, code := client.run(t, []string{"USAGE_ADDR=" + addr, "USAGE_TIMEOUT=2"}, "8988217755520000031", "8988216716970004975")
			expect(t, "limited.txt", 0, output, code)
		})
	}
}

// Whoever is still refused after that is told.
func TestClientsWaitOnce(t *testing.T) {
	for language, client := range clients(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			s := &stage{refusals: 9, code: codes.ResourceExhausted, reason: "RATE_LIMITED", retryAfter: time.Second}
			output, code := client.run(t, []string{"USAGE_ADDR=" + s.listen(t)}, "8988217755520000031")
			expect(t, "limited_twice.txt", 1, output, code)
			if pauses := s.pauses(); len(pauses) != 1 || pauses[0] < s.retryAfter {
				t.Errorf("the client paused %s, want once, %s at least", pauses, s.retryAfter)
			}
		})
	}
}

// The libraries of all three obey the service config: a call that was UNAVAILABLE is made again after the pause that the
// service asks for, others are not.
func TestClientsUseTheServiceConfig(t *testing.T) {
	for language, client := range clients(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			const pushback = 1500 * time.Millisecond // more than the config's own pause with its jitter
			s := &stage{refusals: 2, code: codes.Unavailable, pushback: pushback}
			output, code := client.run(t, []string{"USAGE_ADDR=" + s.listen(t)}, "8988217755520000031")
			expect(t, "stage.txt", 0, output, code)
			if pauses := s.pauses(); len(pauses) != 2 || min(pauses[0], pauses[1]) < pushback-pushback/100 {
				t.Errorf("the client paused %s, want twice %s", pauses, pushback)
			}
			s = &stage{refusals: 1, code: codes.ResourceExhausted, pushback: pushback}
			output, code = client.run(t, []string{"USAGE_ADDR=" + s.listen(t)}, "8988217755520000031")
			expect(t, "stage_refuses.txt", 1, output, code)
			if pauses := s.pauses(); len(pauses) != 0 {
				t.Errorf("the client called again, after %s", pauses)
			}
		})
	}
}

// The three attempts of the service's first call fail: it says when to ask again, and the client's library does.
func TestClientsOutliveAFailure(t *testing.T) {
	for language, client := range clients(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			const fault = "--fault=server-error"
			sandbox := start(t, listening, "sandbox", "--addr=127.0.0.1:0", fault, fault, fault)[0]
			key := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(key, []byte("sandbox"), 0o600); err != nil {
				t.Fatal(err)
			}
			addr, _ := serve(t, "--control-center-url="+sandbox, "--username=sandbox", "--api-key-file="+key, "--calls-per-second=1000")
			output, code := client.run(t, []string{"USAGE_ADDR=" + addr}, "8988217755520000031")
			expect(t, "failed.txt", 0, output, code)
		})
	}
}

// listen serves the stage on a free port of loopback, and gives its address.
func (s *stage) listen(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.serve(t, listener)
	return listener.Addr().String()
}
