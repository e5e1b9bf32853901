package certificates

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNames(t *testing.T) {
	spiffe, err := url.Parse("spiffe://example.internal/billing")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		leaf x509.Certificate
		want []string
	}{
		"every kind": {x509.Certificate{
			DNSNames: []string{"a.internal"}, EmailAddresses: []string{"a@example.com"}, URIs: []*url.URL{spiffe},
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, Subject: pkix.Name{CommonName: "b"},
		}, []string{"a.internal", "a@example.com", "spiffe://example.internal/billing"}},
		"the common name alone": {x509.Certificate{Subject: pkix.Name{CommonName: "b"}}, []string{"b"}},
		"none":                  {x509.Certificate{}, []string{}},
	} {
		if diff := cmp.Diff(test.want, names(&test.leaf)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}
