// Package certificates is a server's TLS from files that are replaced while it serves.
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

// Files are in PEM.
type Files struct {
	// Cert is the server's certificate and those it is signed by, without the root.
	Cert string
	// Key is its private key.
	Key string
	// ClientCA holds the roots of client certificates; empty: none is asked for.
	ClientCA string
}

// Certificates are what the files hold.
type Certificates struct {
	files Files
	now   atomic.Pointer[loaded]
}

// loaded are the files at one time.
type loaded struct {
	config                *tls.Config
	serverEnds, clientEnd time.Time
}

// Load reads the files, and fails where they do not fit together.
func Load(files Files) (*Certificates, error) {
	c := &Certificates{files: files}
	return c, c.Reload()
}

// Reload reads the files again. Where that fails, what they held before stays.
func (c *Certificates) Reload() error {
	pair, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	if err != nil {
		return fmt.Errorf("%s and %s: %w", c.files.Cert, c.files.Key, err)
	}
	next := &loaded{
		config:     &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}},
		serverEnds: pair.Leaf.NotAfter,
	}
	if c.files.ClientCA != "" {
		roots, ends, err := readRoots(c.files.ClientCA)
		if err != nil {
			return fmt.Errorf("%s: %w", c.files.ClientCA, err)
		}
		// Who has no certificate may have a token, and health is for everybody.
		next.config.ClientAuth, next.config.ClientCAs, next.clientEnd = tls.VerifyClientCertIfGiven, roots, ends
	}
	c.now.Store(next)
	return nil
}

// Config is for a listener: each connection gets what the files hold when it comes.
func (c *Certificates) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return c.now.Load().config, nil
		},
	}
}

// Expire tells when the server's certificate ends, and the first of the client certificates' roots; zero for none.
func (c *Certificates) Expire() (server, clientCA time.Time) {
	now := c.now.Load()
	return now.serverEnds, now.clientEnd
}

// readRoots reads certificates, and tells when the first of them ends.
func readRoots(file string) (*x509.CertPool, time.Time, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, time.Time{}, err
	}
	pool := x509.NewCertPool()
	var ends time.Time
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
			return nil, time.Time{}, err
		}
		pool.AddCert(root)
		if ends.IsZero() || root.NotAfter.Before(ends) {
			ends = root.NotAfter
		}
	}
	if ends.IsZero() {
		return nil, time.Time{}, errors.New("there is no certificate in it")
	}
	return pool, ends, nil
}

// Names are what a client certificate names its holder: the names its issuer vouches for one by one, DNS names, URIs and mail
// addresses, or where it has none the common name.
func Names(leaf *x509.Certificate) []string {
	names := append(append([]string{}, leaf.DNSNames...), leaf.EmailAddresses...)
	for _, uri := range leaf.URIs {
		names = append(names, uri.String())
	}
	if len(names) == 0 && leaf.Subject.CommonName != "" {
		names = append(names, leaf.Subject.CommonName)
	}
	return names
}
