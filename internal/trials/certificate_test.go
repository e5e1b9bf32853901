package trials_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/zoneusage/zoneusage/internal/certtest"
)

// replacedIn is within how long new connections get a new certificate.
const replacedIn = 5 * time.Second

func TestACertificateIsReplacedUnderLoad(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.serve(t)
	c, d := r.caller(t, s.addresses, billingToken), r.dashboard(t, s.addresses)
	ways := []ask{c.overNewGRPC, c.overNewREST, d.overNewGRPC, d.overNewREST}
	for range 4 { // a fifth of the calls make connections
		ways = append(ways, c.overGRPC, c.overREST, d.overGRPC, d.overREST)
	}
	l := startLoad(t, 200, 100, ways...)
	l.goesOn(t, 100)

	first := r.ca.Issue(t, nil)
	certtest.Write(t, r.dir, first)
	t.Logf("both files replaced: served after %s", r.servesNew(t, s, first.Leaf))

	next, after := r.ca.Issue(t, nil), s.lines()
	cert, key := certtest.Write(t, t.TempDir(), next)
	writeFile(t, r.cert, readFile(t, cert))
	s.logged(t, after, "the file could not be reloaded")
	r.stillServes(t, s, first.Leaf)
	l.goesOn(t, 100)
	writeFile(t, r.key, readFile(t, key))
	t.Logf("the key after its certificate: served after %s", r.servesNew(t, s, next.Leaf))

	good := readFile(t, r.cert)
	for name, garbage := range map[string]string{
		"garbage": "no certificate", "half a file": good[:len(good)/2], "an empty file": "",
	} {
		after := s.lines()
		writeFile(t, r.cert, garbage)
		s.logged(t, after, "the file could not be reloaded")
		r.stillServes(t, s, next.Leaf)
		l.goesOn(t, 50)
		t.Logf("%s: the last good certificate is served", name)
	}
	last := r.ca.Issue(t, nil)
	certtest.Write(t, r.dir, last)
	t.Logf("good files after them: served after %s", r.servesNew(t, s, last.Leaf))
	l.goesOn(t, 100)
	t.Log(l.stop())
	l.wantNoFailure(t)
}

// servesNew waits for the certificate at both doors, and tells how long that took.
func (r *rig) servesNew(t *testing.T, s *server, want *x509.Certificate) time.Duration {
	t.Helper()
	return until(t, replacedIn, "the new certificate", func() error {
		for _, addr := range []string{s.grpc, s.http} {
			if !certificateAt(t, r, addr).Equal(want) {
				return fmt.Errorf("%s has another one", addr)
			}
		}
		return nil
	}).Round(time.Millisecond)
}

func (r *rig) stillServes(t *testing.T, s *server, want *x509.Certificate) {
	t.Helper()
	for _, addr := range []string{s.grpc, s.http} {
		if !certificateAt(t, r, addr).Equal(want) {
			t.Errorf("%s has another certificate than the last good one", addr)
		}
	}
}

// certificateAt is the one that a new connection gets.
func certificateAt(t *testing.T, r *rig, addr string) *x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: r.ca.Pool(), NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0]
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
