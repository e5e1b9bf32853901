package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// token is the token of the only caller that may ask in the rows with TLS.
const token = "token-of-bench"

// An identity holds the certificate of all servers with TLS, and the service's file of callers.
type identity struct {
	cert, key, callers string // paths of files
	client             *tls.Config
}

// newIdentity makes an identity, with its files in the folder.
func newIdentity(dir string) (*identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(token))
	id := &identity{
		cert: filepath.Join(dir, "tls.crt"), key: filepath.Join(dir, "tls.key"), callers: filepath.Join(dir, "callers.yaml"),
	}
	for file, content := range map[string][]byte{
		id.cert:    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		id.key:     pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		id.callers: fmt.Appendf(nil, "callers:\n- {name: bench, tokenSHA256: %s, accounts: [\"*\"]}\n", hex.EncodeToString(sum[:])),
	} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			return nil, err
		}
	}
	parsed, err := x509.ParseCertificate(cert)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	id.client = &tls.Config{RootCAs: pool}
	return id, nil
}
