// Package certificates configures a server's TLS from files that may be replaced while it serves.
package certificates

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// Files are the paths of files in PEM.
type Files struct {
	// Cert holds the server's certificate and its chain, without the root.
	Cert string
	// Key holds the private key of the certificate.
	Key string
	// ClientCA holds the roots of client certificates. If it is empty, clients are not asked for one.
	ClientCA string
}

// Certificates are the certificates in the files.
type Certificates struct {
	files   Files
	current atomic.Pointer[loaded]
}

// loaded is the content of the files at one time.
type loaded struct {
	config                       *tls.Config
	serverExpiry, clientCAExpiry time.Time
	roots                        map[string]bool // the roots of client certificates, by their DER
}

// Load reads the files. It fails if they do not fit together.
func Load(files Files) (*Certificates, error) {
	c := &Certificates{files: files}
	return c, c.Reload()
}

// Reload reads the files again. If that fails, their previous content stays in force.
func (c *Certificates) Reload() error {
	pair, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	if err != nil {
		return fmt.Errorf("%s and %s: %w", c.files.Cert, c.files.Key, err)
	}
	if now := time.Now(); now.After(pair.Leaf.NotAfter) || now.Before(pair.Leaf.NotBefore) {
		return fmt.Errorf("%s: the certificate is good from %s to %s, and not now", c.files.Cert,
			pair.Leaf.NotBefore.UTC().Format(time.RFC3339), pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	next := &loaded{
		config:       &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}},
		serverExpiry: pair.Leaf.NotAfter,
	}
	if c.files.ClientCA != "" {
		roots, err := readRoots(c.files.ClientCA)
		if err != nil {
			return fmt.Errorf("%s: %w", c.files.ClientCA, err)
		}
		// Optional: a caller may have a token instead, and health is public.
		next.config.ClientAuth, next.config.ClientCAs = tls.VerifyClientCertIfGiven, x509.NewCertPool()
		next.roots = map[string]bool{}
		for _, root := range roots {
			next.config.ClientCAs.AddCert(root)
			next.roots[string(root.Raw)] = true
			if next.clientCAExpiry.IsZero() || root.NotAfter.Before(next.clientCAExpiry) {
				next.clientCAExpiry = root.NotAfter
			}
		}
	}
	c.current.Store(next)
	return nil
}

// Config is the configuration for a listener. Each new connection uses the files as they are then.
func (c *Certificates) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return c.current.Load().config, nil
		},
	}
}

// Expiry returns when the server's certificate expires, and when the first root of client certificates does; zero without
// roots.
func (c *Certificates) Expiry() (server, clientCA time.Time) {
	now := c.current.Load()
	return now.serverExpiry, now.clientCAExpiry
}

// readRoots reads the certificates of a file. It fails if there is none.
func readRoots(file string) ([]*x509.Certificate, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var roots []*x509.Certificate
	for {
		var block *pem.Block
		if block, content = pem.Decode(content); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		root, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		roots = append(roots, root)
	}
	if roots == nil {
		return nil, errors.New("there is no certificate in it")
	}
	return roots, nil
}

// ClientNames are the names of the client that a connection's handshake verified; nil if its chain has expired since, or if
// its root is no longer trusted: a connection can live longer than both.
func (c *Certificates) ClientNames(state *tls.ConnectionState) []string {
	now, roots := time.Now(), c.current.Load().roots
	for _, chain := range state.VerifiedChains {
		good := roots[string(chain[len(chain)-1].Raw)]
		for _, certificate := range chain {
			good = good && now.Before(certificate.NotAfter)
		}
		if good {
			return names(chain[0])
		}
	}
	return nil
}

// names are the names of the holder of a client certificate: its DNS names, mail addresses and URIs, each of which the issuer
// vouches for or, if there are none, the common name.
func names(leaf *x509.Certificate) []string {
	all := append(append([]string{}, leaf.DNSNames...), leaf.EmailAddresses...)
	for _, uri := range leaf.URIs {
		all = append(all, uri.String())
	}
	if len(all) == 0 && leaf.Subject.CommonName != "" {
		all = append(all, leaf.Subject.CommonName)
	}
	return all
}
