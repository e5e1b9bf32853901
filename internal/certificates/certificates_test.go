package certificates_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/zoneusage/zoneusage/internal/certificates"
	"github.com/zoneusage/zoneusage/internal/certtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// served is the certificate that a new connection gets.
func served(t *testing.T, certs *certificates.Certificates, client *tls.Config) (*x509.Certificate, error) {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", certs.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		conn, err := listener.Accept()
		if err == nil {
			_, _ = io.Copy(conn, conn)
			conn.Close()
		}
	}()
	defer func() { <-accepted }()
	conn, err := tls.Dial("tcp", listener.Addr().String(), client)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte{1}); err != nil { // in TLS 1.3 a client learns only now that it is refused
		return nil, err
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		return nil, err
	}
	return conn.ConnectionState().PeerCertificates[0], nil
}

func TestTheLastGoodCertificateStays(t *testing.T) {
	ca, dir := certtest.NewCA(t), t.TempDir()
	client := &tls.Config{RootCAs: ca.Pool()}
	first, second := ca.Issue(t, nil), ca.Issue(t, func(c *x509.Certificate) { c.NotAfter = c.NotAfter.Add(time.Hour) })
	cert, key := certtest.Write(t, dir, first)
	certs, err := certificates.Load(certificates.Files{Cert: cert, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	check := func(want tls.Certificate) {
		t.Helper()
		if got, err := served(t, certs, client); err != nil || !got.Equal(want.Leaf) {
			t.Errorf("another certificate is served, or none: %v", err)
		}
		if ends, none := certs.Expiry(); !ends.Equal(want.Leaf.NotAfter) || !none.IsZero() {
			t.Errorf("they end %v and %v, want %v and never", ends, none, want.Leaf.NotAfter)
		}
	}
	check(first)
	kept, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	certtest.Write(t, dir, second)
	check(first) // nobody has read it
	if err := os.WriteFile(key, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := certs.Reload(); err == nil || !strings.Contains(err.Error(), "private key does not match") {
		t.Errorf("a key that does not fit: %v", err)
	}
	check(first)
	certtest.Write(t, dir, second)
	if err := certs.Reload(); err != nil {
		t.Error(err)
	}
	check(second)
}

func TestClientCertificatesAreVerified(t *testing.T) {
	ca, foreign := certtest.NewCA(t), certtest.NewCA(t)
	cert, key := certtest.Write(t, t.TempDir(), ca.Issue(t, nil))
	certs, err := certificates.Load(certificates.Files{Cert: cert, Key: key, ClientCA: ca.File})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		pair tls.Certificate
		want string
	}{
		"none":         {want: ""},
		"a good one":   {pair: ca.Issue(t, nil), want: ""},
		"a foreign CA": {pair: foreign.Issue(t, nil), want: "unknown certificate authority"},
		"expired":      {pair: ca.Issue(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), want: "expired certificate"},
		"a server's":   {pair: ca.Issue(t, func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[:1] }), want: "bad certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			client := &tls.Config{RootCAs: ca.Pool(), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				return &test.pair, nil // also where the server would not take it
			}}
			_, err := served(t, certs, client)
			if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	if _, err := served(t, certs, &tls.Config{RootCAs: ca.Pool(), MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is taken")
	}
	if _, ends := certs.Expiry(); ends.IsZero() {
		t.Error("the root never ends")
	}
}

func TestFilesThatCannotWork(t *testing.T) {
	ca, dir := certtest.NewCA(t), t.TempDir()
	expired, itsKey := certtest.Write(t, t.TempDir(), ca.Issue(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) }))
	early, earlyKey := certtest.Write(t, t.TempDir(), ca.Issue(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }))
	cert, key := certtest.Write(t, dir, ca.Issue(t, nil))
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, files := range []certificates.Files{
		{Cert: "nowhere", Key: key}, {Cert: cert, Key: empty}, {Cert: cert, Key: cert}, {Cert: cert, Key: key, ClientCA: empty},
		{Cert: expired, Key: itsKey}, {Cert: early, Key: earlyKey},
		{Cert: cert, Key: key, ClientCA: "nowhere"}, {Cert: cert, Key: key, ClientCA: key},
	} {
		if _, err := certificates.Load(files); err == nil {
			t.Errorf("%+v are taken", files)
		}
	}
}

// What a handshake verified counts until the certificate expires, or its root is taken out.
func TestAConnectionIsNoOlderThanItsCertificates(t *testing.T) {
	ca, other := certtest.NewCA(t), certtest.NewCA(t)
	dir := t.TempDir()
	cert, key := certtest.Write(t, dir, ca.Issue(t, nil))
	roots := filepath.Join(dir, "roots")
	copyFile(t, ca.File, roots)
	certs, err := certificates.Load(certificates.Files{Cert: cert, Key: key, ClientCA: roots})
	if err != nil {
		t.Fatal(err)
	}
	state := func(leaf tls.Certificate) *tls.ConnectionState {
		chains, err := leaf.Leaf.Verify(x509.VerifyOptions{Roots: ca.Pool(), CurrentTime: leaf.Leaf.NotBefore, KeyUsages: leaf.Leaf.ExtKeyUsage})
		if err != nil {
			t.Fatal(err)
		}
		return &tls.ConnectionState{VerifiedChains: chains}
	}
	good := state(ca.Issue(t, func(c *x509.Certificate) { c.NotBefore = time.Now() }, "a.internal"))
	expired := state(ca.Issue(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, "a.internal"))
	check := func(state *tls.ConnectionState, want int) {
		t.Helper()
		if got := certs.ClientNames(state); len(got) != want {
			t.Errorf("its names are %v, want %d", got, want)
		}
	}
	check(good, 1)
	check(expired, 0)
	check(&tls.ConnectionState{}, 0)
	copyFile(t, other.File, roots)
	if err := certs.Reload(); err != nil {
		t.Fatal(err)
	}
	check(good, 0)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
