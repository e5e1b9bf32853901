package deploy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const token = "token-of-the-test"

// startDeployment starts zoneusage with the Deployment's own arguments: but for the addresses, and with the Secrets' files
// in a directory of the test.
func startDeployment(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	pool := writeSecrets(t, dir, sandboxURL(t))
	args := []string{"serve"}
	m := render(t)
	for flag, value := range m.flags(t) {
		switch {
		case strings.HasSuffix(flag, "-addr"):
			value = "127.0.0.1:0"
		case strings.HasPrefix(value, "/"):
			value = filepath.Join(dir, path.Base(value))
		}
		args = append(args, flag+"="+value)
	}
	line := start(t, "serving", args...)
	s := &server{client: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}}}
	s.restAddr, _ = line["http_addr"].(string)
	s.adminAddr, _ = line["admin_addr"].(string)
	t.Cleanup(s.client.CloseIdleConnections)
	return s
}

// sandboxURL starts another zoneusage for its sandbox, and gives that one's address.
func sandboxURL(t *testing.T) string {
	t.Helper()
	line := start(t, "no Control Center is configured: every answer comes from the sandbox, not from real devices",
		"serve", "--grpc-addr=127.0.0.1:0", "--http-addr=127.0.0.1:0", "--admin-addr=")
	url, _ := line["sandbox_url"].(string)
	return url
}

// writeSecrets writes what docs/operations.md says is in the Secrets, and gives who signed the server's certificate.
func writeSecrets(t *testing.T, dir, controlCenter string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "zoneusage.internal"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	hash := sha256.Sum256([]byte(token))
	for name, content := range map[string]string{
		"tls.crt":       certPEM,
		"tls.key":       string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		"ca.crt":        certPEM,
		"callers.yaml":  fmt.Sprintf("callers: [{name: billing, tokenSHA256: %s, accounts: [\"*\"]}]\n", hex.EncodeToString(hash[:])),
		"accounts.yaml": fmt.Sprintf("accounts: [{name: emea, url: %q, username: sandbox, apiKeyFile: emea}]\n", controlCenter),
		"emea":          "sandbox\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(certPEM))
	return pool
}

// TestDeploymentServes starts what the Deployment starts, and asks as a caller who is listed and as one who is not.
func TestDeploymentServes(t *testing.T) {
	s := startDeployment(t)
	for authorization, want := range map[string]int{"Bearer " + token: http.StatusOK, "": http.StatusUnauthorized} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.restAddr+"/v1/devices/"+goodDevice+"/usageInZone", nil)
		if err != nil {
			t.Fatal(err)
		}
		if authorization != "" {
			request.Header.Set("Authorization", authorization)
		}
		response, err := s.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if response.Body.Close(); response.StatusCode != want {
			t.Errorf("Authorization %q: %s, want %d", authorization, response.Status, want)
		}
	}
}
