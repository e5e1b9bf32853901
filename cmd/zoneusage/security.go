package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/zoneusage/zoneusage/internal/callers"
	"github.com/zoneusage/zoneusage/internal/certificates"
	"github.com/zoneusage/zoneusage/internal/reload"
	"github.com/zoneusage/zoneusage/internal/telemetry"
	"github.com/zoneusage/zoneusage/service"
)

// securityFlags say how callers and the service prove to each other who they are.
type securityFlags struct {
	TLSCert  string `name:"tls-cert" placeholder:"FILE" help:"The certificate of both doors and its intermediates, in PEM; reloaded when it changes."`
	TLSKey   string `name:"tls-key" placeholder:"FILE" help:"Its private key."`
	ClientCA string `name:"client-ca" placeholder:"FILE" help:"The roots of client certificates, in PEM."`

	Callers           string  `placeholder:"FILE" help:"A YAML file of who may call and ask what; reloaded when it changes. Without it everybody may ask everything."`
	RequestsPerSecond float64 `default:"0" help:"Requests per second for callers whose entry sets no requestsPerSecond; 0 is no limit."`

	OIDCIssuer     string   `name:"oidc-issuer" placeholder:"URL" help:"The issuer of the JWTs that are accepted as bearer tokens."`
	OIDCAudience   string   `name:"oidc-audience" placeholder:"NAME" help:"The audience that those JWTs must have."`
	OIDCJWKS       string   `name:"oidc-jwks" placeholder:"URL" help:"The URL or file of the issuer's keys; by default the URL that it publishes."`
	OIDCAlgorithms []string `name:"oidc-algorithms" default:"RS256,ES256" help:"The signature algorithms that are accepted: ${oidc_algorithms}."`
}

// security holds what securityFlags configure.
type security struct {
	guard        *callers.Guard
	issuer       *callers.Issuer            // nil if no JWTs are accepted
	certificates *certificates.Certificates // nil without TLS
	flags        securityFlags
	unknown      []string // the accounts of the last warning
}

func (f securityFlags) newSecurity() (*security, error) {
	s := &security{flags: f}
	// Behind a proxy, a variable that is set to nothing by mistake would let everybody in.
	for _, variable := range []string{"ZONEUSAGE_CALLERS", "ZONEUSAGE_CLIENT_CA", "ZONEUSAGE_OIDC_ISSUER", "ZONEUSAGE_TLS_CERT", "ZONEUSAGE_TLS_KEY"} {
		if value, ok := os.LookupEnv(variable); ok && value == "" {
			return nil, fmt.Errorf("%s is set, but empty; unset it, or give it a value", variable)
		}
	}
	var err error
	switch {
	case (f.TLSCert == "") != (f.TLSKey == ""):
		return nil, errors.New("--tls-cert and --tls-key belong together; give both or neither")
	case f.ClientCA != "" && f.TLSCert == "":
		return nil, errors.New("--client-ca verifies client certificates, which come with TLS alone; give --tls-cert and --tls-key")
	case f.Callers == "" && (f.ClientCA != "" || f.OIDCIssuer != ""):
		return nil, errors.New("--client-ca and --oidc-issuer say who calls, but nothing says who may: give --callers")
	case f.OIDCIssuer == "" && (f.OIDCAudience != "" || f.OIDCJWKS != ""):
		return nil, errors.New("--oidc-audience and --oidc-jwks belong to --oidc-issuer, which is not given")
	}
	if err := callers.CheckRate(f.RequestsPerSecond); err != nil {
		return nil, fmt.Errorf("--requests-per-second: %w", err)
	}
	if f.TLSCert != "" {
		if s.certificates, err = certificates.Load(certificates.Files{Cert: f.TLSCert, Key: f.TLSKey, ClientCA: f.ClientCA}); err != nil {
			return nil, fmt.Errorf("TLS: %w", err)
		}
	}
	if f.OIDCIssuer != "" {
		s.issuer, err = callers.NewIssuer(callers.IssuerSettings{
			URL: f.OIDCIssuer, Audience: f.OIDCAudience, JWKS: f.OIDCJWKS, Algorithms: f.OIDCAlgorithms,
		})
		if err != nil {
			return nil, fmt.Errorf("--oidc-…: %w", err)
		}
	}
	s.guard, err = callers.New(callers.Settings{
		File: f.Callers, Certificates: f.ClientCA != "", Issuer: s.issuer, RequestsPerSecond: f.RequestsPerSecond,
	})
	if err != nil {
		return nil, fmt.Errorf("--callers: %w", err)
	}
	return s, nil
}

// run keeps the issuer's keys fresh, unless they come from a file, until ctx ends.
func (s *security) run(ctx context.Context, observer *observer) {
	if s.issuer == nil {
		return
	}
	s.issuer.Run(ctx, func(err error) {
		observer.metrics.Reloaded("jwks", err)
		if err != nil {
			observer.log.Warn("the issuer's keys cannot be fetched; the last ones are good for an hour", "cause", err.Error())
		}
	})
}

// warn logs the accounts in the policy that do not exist, once for each set of them.
func (s *security) warn(log *slog.Logger, accounts []service.AccountState) {
	var unknown []string
	for _, name := range s.guard.Accounts() {
		if !slices.ContainsFunc(accounts, func(account service.AccountState) bool { return account.Name == name }) {
			unknown = append(unknown, name)
		}
	}
	if !slices.Equal(unknown, s.unknown) && unknown != nil {
		log.Warn("the callers file names accounts that do not exist", "accounts", strings.Join(unknown, ", "))
	}
	s.unknown = unknown
}

// reportExpiry updates the metrics with the times at which the certificates expire.
func (s *security) reportExpiry(metrics *telemetry.Metrics) {
	if s.certificates == nil {
		return
	}
	server, clientCA := s.certificates.Expiry()
	metrics.CertificateExpires("server", server)
	if !clientCA.IsZero() {
		metrics.CertificateExpires("client_ca", clientCA)
	}
}

// logPolicy logs who is let in: otherwise a start without a file of callers would look like one with it.
func (s *security) logPolicy(log *slog.Logger, insecure bool) {
	log.Info("callers", "tls", s.certificates != nil, "client_certificates", s.flags.ClientCA != "",
		"policy", s.flags.Callers, "issuer", s.flags.OIDCIssuer)
	if insecure && (s.certificates == nil || s.flags.Callers == "") {
		log.Warn("--insecure: whoever reaches the doors may read every account's usage, or the tokens that others send")
	}
}

// sources are the files to read again when they change.
func (s *security) sources() []reload.Source {
	var all []reload.Source
	add := func(name string, load func() error, files ...string) {
		all = append(all, reload.Source{Name: name, Files: func() []string { return files }, Load: load})
	}
	if s.certificates != nil {
		files := []string{s.flags.TLSCert, s.flags.TLSKey}
		if s.flags.ClientCA != "" {
			files = append(files, s.flags.ClientCA)
		}
		add("tls", s.certificates.Reload, files...)
	}
	if s.issuer != nil && s.issuer.File() != "" {
		add("jwks", s.issuer.Reload, s.issuer.File())
	}
	if s.flags.Callers != "" {
		add("callers", s.guard.Reload, s.flags.Callers)
	}
	return all
}
