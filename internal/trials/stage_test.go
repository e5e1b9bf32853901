package trials_test

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc/metadata"

	"github.com/zoneusage/zoneusage/internal/jwttest"
	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// A stage is a zoneusage with every secret that it can have, and what it tells of them.
type stage struct {
	*rig
	evidence
	upstream *sandbox.Sandbox
	needles  map[string]string // what must not be told: the secrets' beginnings, by name
	key      string            // the API key
	token    string            // of the collector
}

// username is that of Control Center's account.
const username = "stage-user"

// begun is how much of a secret is looked for: libraries like to repeat the first letters of what they cannot read.
const begun = 7

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{rig: newRig(t), key: rand.Text(), token: rand.Text()}
	var err error
	if s.upstream, err = sandbox.New(sandbox.WithCredentials(username, s.key), sandbox.WithDevices(100)); err != nil {
		t.Fatal(err)
	}
	controlCenter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.add(toUpstream, fmt.Sprint(r.URL, r.Header))
		s.upstream.ServeHTTP(w, r)
	}))
	t.Cleanup(controlCenter.Close)
	collector := httptest.NewServer(&s.evidence)
	t.Cleanup(collector.Close)
	s.upURL = controlCenter.URL
	basic := base64.StdEncoding.EncodeToString([]byte(username + ":" + s.key))
	s.needles = map[string]string{
		"the API key":              s.key[:begun],
		"the key in base64":        base64.RawStdEncoding.EncodeToString([]byte(s.key))[:30],
		"user and key in base64":   basic,
		"the key in hexadecimal":   hex.EncodeToString([]byte(s.key)),
		"billing's token":          billingToken,
		"the JWT's claims":         strings.Split(s.jwt, ".")[1][:30],
		"the JWT's signature":      strings.Split(s.jwt, ".")[2][:30],
		"the collector's token":    s.token[:begun],
		"the server's private key": keyText(t, s.rig.key),
		"the client's private key": privateText(t, s.client.PrivateKey),
	}
	s.env = slices.DeleteFunc(s.env, func(variable string) bool {
		return strings.HasPrefix(variable, "ZONEUSAGE_CONTROL_CENTER_URL=") || strings.HasPrefix(variable, "ZONEUSAGE_USERNAME=") ||
			strings.HasPrefix(variable, "ZONEUSAGE_API_KEY=")
	})
	s.env = append(s.env, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL, "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20"+s.token,
		"OTEL_BSP_SCHEDULE_DELAY=100")
	return s
}

// keyText is a line in the middle of a PEM file.
func keyText(t *testing.T, file string) string {
	t.Helper()
	return strings.Split(readFile(t, file), "\n")[2]
}

func privateText(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)[60:120]
}

// A secret that somebody else shows by mistake is one too.
func (s *stage) another(name string) string {
	secret := rand.Text()
	s.needles[name] = secret[:begun]
	return secret
}

// askAll asks all that callers ask and what they ask by mistake, and returns the ICCIDs.
func (s *stage) askAll(t *testing.T, server *server) (iccids map[string]string) {
	t.Helper()
	iccids = map[string]string{}
	next := func() string {
		iccid := sandbox.GeneratedICCID(10 + len(iccids))
		iccids["the ICCID "+iccid] = iccid
		return iccid
	}
	good := s.caller(t, server.addresses, billingToken)
	for _, c := range []*caller{
		good, s.caller(t, server.addresses, s.jwt), s.dashboard(t, server.addresses), s.caller(t, server.addresses, ""),
		s.caller(t, server.addresses, s.another("a wrong token")), s.caller(t, server.addresses, s.badJWT(t)),
		s.caller(t, server.addresses, "eyJhbGciOiJFUzI1NiJ9."+s.another("half a JWT")),
	} {
		for _, account := range []string{"", "two", "nowhere"} {
			s.askREST(t, c, usagePath(next())+"?account="+account, nil)
			s.askGRPC(t.Context(), c, next(), account)
		}
		s.askREST(t, c, usagePath("12"), nil)
		s.askREST(t, c, "/nowhere", nil)
	}
	s.askREST(t, good, usagePath(next())+"?access_token="+s.another("a token in the query"), nil)
	nobody := s.caller(t, server.addresses, "")
	for name, value := range map[string]string{"a password": "Basic ", "a token of another scheme": "Token ", "a bare token": ""} {
		authorization := value + s.another(name)
		s.askREST(t, nobody, usagePath(next()), http.Header{"Authorization": {authorization}})
		s.askGRPC(metadata.AppendToOutgoingContext(t.Context(), "authorization", authorization), nobody, next(), "")
	}
	for _, kind := range []sandbox.FaultKind{sandbox.FaultServerError, sandbox.FaultBadGateway, sandbox.FaultReset, sandbox.FaultWrongICCID,
		sandbox.FaultMalformedJSON, sandbox.FaultTruncatedBody, sandbox.FaultHang} {
		if err := s.upstream.SetFaults(sandbox.Fault{Kind: kind}); err != nil {
			t.Fatal(err)
		}
		s.askREST(t, good, usagePath(next()), http.Header{"Grpc-Timeout": {"300m"}}) // no time to try again
		if err := s.upstream.SetFaults(); err != nil {
			t.Fatal(err)
		}
		s.askGRPC(t.Context(), good, next(), "")
	}
	return iccids
}

// badJWT is one of a key that nobody knows.
func (s *stage) badJWT(t *testing.T) string {
	t.Helper()
	token := jwttest.NewKey(t, "unknown").Sign(t, jwttest.Claims(issuerURL, map[string]any{"sub": rand.Text()}))
	s.needles["an unknown key's JWT"] = strings.Split(token, ".")[2][:30]
	return token
}

// breakFiles replaces each file by what an operator may put there by mistake, and makes the server read it.
func (s *stage) breakFiles(t *testing.T, server *server) {
	t.Helper()
	for file, mistakes := range map[string][]string{
		"callers.yaml": {
			"callers:\n- {name: x, accounts: [one], tokenSHA256: " + s.another("a token in place of its SHA-256") + "}\n",
			"callers: " + s.another("a token in place of the list") + "\n",
			"callers:\n- " + s.another("a token in place of an entry") + "\n",
			"callers:\n- {name: x, accounts: [one], requestsPerSecond: " + s.another("a token in place of a number") + "}\n",
			"callers:\n- {name: x, accounts: [one], token: " + s.another("a token in a field that does not exist") + "}\n",
			"callers:\n- {name: x, accounts: [one], tokenSHA256: \"" + s.another("a token in a quotation that does not end") + "\n",
		},
		"accounts.yaml": {
			"accounts:\n- {name: one, url: \"https://user:" + s.another("a password in a URL") + "@127.0.0.1\", username: u, apiKeyFile: good}\n",
			"accounts:\n- {name: one, url: " + s.upURL + ", username: u, apiKey: " + s.another("a key in the file") + "}\n",
			"accounts: " + s.another("a key in place of the list") + "\n",
			"accounts:\n- {name: one, url: " + s.upURL + ", username: u, apiKeyFile: good, callsPerSecond: " + s.another("a key in place of a number") + "}\n",
		},
		"good":      {""},
		"jwks.json": {`{"keys": "` + s.another("a private key in place of keys") + `"}`, s.another("no JSON")},
		"tls.key":   {"-----BEGIN PRIVATE KEY-----\n" + s.another("a broken key") + "\n-----END PRIVATE KEY-----\n"},
	} {
		path := filepath.Join(s.dir, file)
		content, err := os.ReadFile(path)
		if err != nil {
			continue // this configuration has none
		}
		for _, mistake := range mistakes {
			writeFile(t, path, mistake)
			hangUp(t, server, "the file could not be reloaded")
		}
		writeFile(t, path, string(content))
		hangUp(t, server, "the file was reloaded")
	}
}

// hangUp makes the server read its files, and waits for what it says then.
func hangUp(t *testing.T, server *server, want string) {
	t.Helper()
	after := server.lines()
	if err := server.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	server.logged(t, after, want)
}
