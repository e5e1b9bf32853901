package main

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/zoneusage/zoneusage/internal/certtest"
)

// securityFiles are a certificate, its key and a policy of one caller, who has the token "token-of-the-test".
type securityFiles struct {
	ca                 *certtest.CA
	cert, key, callers string
}

func newSecurityFiles(t *testing.T) securityFiles {
	t.Helper()
	dir := t.TempDir()
	f := securityFiles{ca: certtest.NewCA(t), callers: filepath.Join(dir, "callers.yaml")}
	f.cert, f.key = certtest.Write(t, dir, f.ca.Issue(t, nil))
	sum := sha256.Sum256([]byte("token-of-the-test"))
	f.write(t, hex.EncodeToString(sum[:]))
	return f
}

// write writes the policy.
func (f securityFiles) write(t *testing.T, sum string) {
	t.Helper()
	policy := `callers: [{name: tester, tokenSHA256: ` + sum + `, accounts: ["*"]}]`
	if err := os.WriteFile(f.callers, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestServeRefusesToBeUnsafe(t *testing.T) {
	f := newSecurityFiles(t)
	pair := []string{"--tls-cert", f.cert, "--tls-key", f.key}
	policy := []string{"--callers", f.callers}
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"every address":              {[]string{"--grpc-addr=:0"}, "--grpc-addr :0 can be reached from other machines"},
		"every IPv4 address":         {[]string{"--http-addr=0.0.0.0:0"}, "--http-addr 0.0.0.0:0 can be reached"},
		"every IPv6 address":         {[]string{"--http-addr=[::]:0"}, "can be reached"},
		"a name":                     {[]string{"--http-addr=usage.internal:0"}, "can be reached"},
		"a port alone":               {[]string{"--grpc-addr=9090"}, "--grpc-addr 9090 is not a valid address; write host:port"},
		"an origin with a path":      {[]string{"--cors-origins=https://usage.example.com/"}, "is not a valid origin"},
		"every origin":               {[]string{"--cors-origins=*"}, "is not a valid origin"},
		"an origin without https":    {[]string{"--cors-origins=usage.example.com"}, "is not a valid origin"},
		"TLS alone":                  {append([]string{"--http-addr=:0"}, pair...), "can be reached"},
		"callers alone":              {append([]string{"--http-addr=:0"}, policy...), "can be reached"},
		"half a pair":                {pair[:2], "--tls-cert and --tls-key belong together"},
		"a key that does not fit":    {[]string{"--tls-cert", f.cert, "--tls-key", f.callers}, "TLS: "},
		"a CA without TLS":           {[]string{"--client-ca", f.ca.File}, "give --tls-cert and --tls-key"},
		"a CA without callers":       {append([]string{"--client-ca", f.ca.File}, pair...), "give --callers"},
		"an issuer without callers":  {[]string{"--oidc-issuer=https://login.example.com", "--oidc-audience=zoneusage"}, "give --callers"},
		"an audience of no issuer":   {[]string{"--oidc-audience=zoneusage"}, "belong to --oidc-issuer"},
		"an issuer without audience": {append([]string{"--oidc-issuer=https://login.example.com"}, policy...), "needs an audience"},
		"HS256":                      {append([]string{"--oidc-issuer=https://login.example.com", "--oidc-audience=z", "--oidc-algorithms=HS256"}, policy...), `no signature algorithm "HS256"`},
		"a policy that is nowhere":   {[]string{"--callers=nowhere"}, "--callers: "},
		"a negative rate":            {[]string{"--requests-per-second=-1"}, "--requests-per-second: -1 requests a second are not possible"},
		"negative connections":       {[]string{"--max-connections=-1"}, "must not be negative"},
		"a negative delay":           {[]string{"--drain-delay=-1s"}, "--drain-delay must not be negative"},
	} {
		t.Run(name, func(t *testing.T) {
			code, output := run(t, nil, append([]string{"serve", "--grpc-addr=127.0.0.1:0", "--http-addr=127.0.0.1:0"}, test.args...)...)
			if code == 0 || !strings.Contains(output, test.want) {
				t.Errorf("exit status %d, want another than 0 and %q in\n%s", code, test.want, output)
			}
		})
	}
	t.Run("an empty variable", func(t *testing.T) {
		code, output := run(t, []string{"ZONEUSAGE_CALLERS="}, "serve", "--grpc-addr=127.0.0.1:0", "--http-addr=127.0.0.1:0")
		if code == 0 || !strings.Contains(output, "ZONEUSAGE_CALLERS is set, but empty") {
			t.Errorf("exit status %d\n%s", code, output)
		}
	})
	for name, args := range map[string][]string{
		"insecure":        {"--insecure", "--http-addr=0.0.0.0:0"},
		"TLS and callers": append(append([]string{"--http-addr=0.0.0.0:0"}, pair...), policy...),
		"localhost":       {"--http-addr=localhost:0"},
	} {
		t.Run(name, func(t *testing.T) {
			p, _, _ := serve(t, nil, args...)
			p.signal(t, syscall.SIGTERM)
			if code := p.exitCode(); code != 0 {
				t.Errorf("exit status %d", code)
			}
		})
	}
}

// The doors have TLS and a policy; the policy is read again when its file changes.
func TestServeAsksWhoCalls(t *testing.T) {
	f := newSecurityFiles(t)
	p, grpcAddr, url := serve(t, nil, "--tls-cert", f.cert, "--tls-key", f.key, "--callers", f.callers)
	url = strings.Replace(url, "http:", "https:", 1)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: f.ca.Pool()}}
	defer transport.CloseIdleConnections()
	check := func(token string, want int) {
		t.Helper()
		req := request(t, url+usagePath)
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("HTTP status %d, want %d", resp.StatusCode, want)
		}
	}
	check("token-of-the-test", http.StatusOK)
	check("another", http.StatusUnauthorized)

	if code, output := run(t, []string{"ZONEUSAGE_TLS_CERT=" + f.cert}, "healthcheck", "--grpc-addr", grpcAddr); code != 0 {
		t.Errorf("healthcheck: exit status %d\n%s", code, output)
	}
	other, _ := certtest.Write(t, t.TempDir(), f.ca.Issue(t, nil))
	for want, args := range map[string][]string{
		"give its --tls-cert":                {"--grpc-addr", grpcAddr},
		"the server has another certificate": {"--grpc-addr", grpcAddr, "--tls-cert", other},
		"there is no certificate in":         {"--grpc-addr", grpcAddr, "--tls-cert", f.callers},
	} {
		if code, output := run(t, nil, append([]string{"healthcheck"}, args...)...); code == 0 || !strings.Contains(output, want) {
			t.Errorf("healthcheck %v: exit status %d, want another than 0 and %q in\n%s", args, code, want, output)
		}
	}

	f.write(t, strings.Repeat("0", 64))
	p.logged(t, "the file was reloaded")
	check("token-of-the-test", http.StatusUnauthorized)
	p.forget()
	f.write(t, "no hash")
	p.logged(t, "the file could not be reloaded; its last good content stays in force")
	check("token-of-the-test", http.StatusUnauthorized)
	p.signal(t, syscall.SIGTERM)
	if code := p.exitCode(); code != 0 {
		t.Errorf("exit status %d", code)
	}
}
