package trials_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zoneusage/zoneusage/internal/certtest"
	"github.com/zoneusage/zoneusage/internal/jwttest"
)

// The credentials of the callers in policy.
const (
	billingToken    = "token-of-billing-3f1c"
	certificateName = "dashboard.internal"
	issuerURL       = "https://login.example.com"
)

// policy is the file of callers; %s is the SHA-256 of billing's token.
const policy = `callers:
- {name: billing, tokenSHA256: %s, accounts: ["*"]}
- {name: dashboard, certificate: dashboard.internal, accounts: ["*"]}
- {name: reports, claims: {sub: reports}, accounts: ["*"]}
`

// A rig is what a zoneusage needs: its files, and a sandbox as its Control Center.
type rig struct {
	dir     string
	ca      *certtest.CA
	jwt     string          // of reports
	client  tls.Certificate // of dashboard
	cert    string          // the file of the server's certificate
	key     string          // and that of its key
	callers string          // and that of the policy
	env     []string
	sandbox *process
	upURL   string // of the sandbox
}

// newRig makes one, with flags for its sandbox.
func newRig(t *testing.T, sandboxArgs ...string) *rig {
	t.Helper()
	r := &rig{dir: t.TempDir(), ca: certtest.NewCA(t)}
	r.cert, r.key = certtest.Write(t, r.dir, r.ca.Issue(t, nil))
	r.callers = filepath.Join(r.dir, "callers.yaml")
	writeFile(t, r.callers, fmt.Sprintf(policy, sha(billingToken)))
	key := jwttest.NewKey(t, "one")
	r.jwt = key.Sign(t, jwttest.Claims(issuerURL, nil))
	r.client = r.ca.Issue(t, nil, certificateName)

	r.sandbox = start(t, nil, append([]string{"sandbox", "--addr=127.0.0.1:0", "--devices=10000"}, sandboxArgs...)...)
	_, rest, _ := strings.Cut(r.sandbox.says(t, 0, "sandbox listens on "), " on ")
	r.upURL, _, _ = strings.Cut(rest, ". ")
	r.env = []string{
		"ZONEUSAGE_TLS_CERT=" + r.cert, "ZONEUSAGE_TLS_KEY=" + r.key, "ZONEUSAGE_CLIENT_CA=" + r.ca.File,
		"ZONEUSAGE_CALLERS=" + r.callers,
		"ZONEUSAGE_OIDC_ISSUER=" + issuerURL, "ZONEUSAGE_OIDC_AUDIENCE=" + jwttest.Audience,
		"ZONEUSAGE_OIDC_JWKS=" + jwttest.WriteKeys(t, r.dir, key),
		"ZONEUSAGE_CONTROL_CENTER_URL=" + r.upURL, "ZONEUSAGE_USERNAME=sandbox", "ZONEUSAGE_API_KEY=sandbox",
		"ZONEUSAGE_CALLS_IN_FLIGHT=10", "ZONEUSAGE_CALLS_PER_SECOND=10000", // as many connections stay open afterwards
	}
	return r
}

func sha(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func writeFile(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// anywhere is a free port.
const anywhere = "127.0.0.1:0"

// addresses are those of a zoneusage's doors.
type addresses struct{ grpc, http, admin string }

// A server is a running `zoneusage serve`.
type server struct {
	*process
	addresses
}

// serve starts a zoneusage on free ports.
func (r *rig) serve(t *testing.T, args ...string) *server {
	t.Helper()
	return r.serveOn(t, addresses{grpc: anywhere, http: anywhere}, args...)
}

// serveOn starts it where one was before.
func (r *rig) serveOn(t *testing.T, at addresses, args ...string) *server {
	t.Helper()
	s := &server{process: r.startOn(t, at, args...)}
	line := s.logged(t, 0, "serving")
	s.grpc, s.http, s.admin = line["grpc_addr"].(string), line["http_addr"].(string), line["admin_addr"].(string)
	return s
}

// startOn does not wait until it serves.
func (r *rig) startOn(t *testing.T, at addresses, args ...string) *process {
	t.Helper()
	return start(t, r.env, append([]string{"serve", "--admin-addr=" + anywhere, "--grpc-addr=" + at.grpc, "--http-addr=" + at.http}, args...)...)
}
