package callers

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/zoneusage/zoneusage/internal/yamlfile"
)

// A policy is who may call. It does not change.
type policy struct {
	callers       map[string]*Caller // by name
	tokens        []tokenOf
	byCertificate map[string]*Caller
	claims        []claimsOf
}

// A tokenOf is the SHA-256 of a caller's token.
type tokenOf struct {
	sum    [sha256.Size]byte
	caller *Caller
}

// A claimsOf is what a JWT has to claim to be a caller's.
type claimsOf struct {
	claims map[string]string
	caller *Caller
}

// byToken finds the caller of a static token; nil for none. It takes as long for any token.
func (p *policy) byToken(token string) *Caller {
	sum := sha256.Sum256([]byte(token))
	var found *Caller
	for _, known := range p.tokens {
		if subtle.ConstantTimeCompare(sum[:], known.sum[:]) == 1 {
			found = known.caller
		}
	}
	return found
}

// byClaims finds the first caller all of whose claims a JWT has; nil for none.
func (p *policy) byClaims(claims map[string]any) *Caller {
	for _, known := range p.claims {
		matches := true
		for name, value := range known.claims {
			matches = matches && claimed(claims[name], name, value)
		}
		if matches {
			return known.caller
		}
	}
	return nil
}

// claimed reports whether a claim is the value, or a list with it. A scope is a list with spaces (RFC 8693, section 4.2).
func claimed(claim any, name, value string) bool {
	switch claim := claim.(type) {
	case string:
		return claim == value || (name == "scope" && slices.Contains(strings.Fields(claim), value))
	case bool:
		return strconv.FormatBool(claim) == value
	case float64:
		return strconv.FormatFloat(claim, 'f', -1, 64) == value
	case []any:
		return slices.ContainsFunc(claim, func(one any) bool { return claimed(one, "", value) })
	}
	return false
}

// An entry is a caller in the policy's file.
type entry struct {
	Name              string            `yaml:"name"`              // for logs and metrics
	TokenSHA256       oneOrMore         `yaml:"tokenSHA256"`       // of static tokens, in hexadecimal
	Certificate       oneOrMore         `yaml:"certificate"`       // names in client certificates
	Claims            map[string]string `yaml:"claims"`            // of JWTs
	Accounts          []string          `yaml:"accounts"`          // that the caller may ask; * is any
	RequestsPerSecond *float64          `yaml:"requestsPerSecond"` // absent: as for everybody; 0: no bound
}

// oneOrMore is a text, or a list of them.
type oneOrMore []string

// UnmarshalYAML implements yaml.Unmarshaler.
func (o *oneOrMore) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.SequenceNode {
		return node.Decode((*[]string)(o))
	}
	*o = make(oneOrMore, 1)
	return node.Decode(&(*o)[0])
}

// readPolicy reads the file of callers. It fails for anything in it that cannot work.
func readPolicy(settings Settings) (*policy, error) {
	var list struct {
		Callers []entry `yaml:"callers"`
	}
	if err := yamlfile.Read(settings.File, &list); err != nil {
		return nil, err
	}
	if len(list.Callers) == 0 {
		return nil, fmt.Errorf("%s: there is no caller in it, so nobody could call; write a list, callers", settings.File)
	}
	p := &policy{callers: map[string]*Caller{}, byCertificate: map[string]*Caller{}}
	for i, e := range list.Callers {
		if p.callers[e.Name] != nil {
			return nil, fmt.Errorf("%s: two callers have the name %q", settings.File, e.Name)
		}
		if err := p.add(e, settings); err != nil {
			return nil, fmt.Errorf("%s: caller %d, %q: %w", settings.File, i+1, e.Name, err)
		}
	}
	return p, nil
}

// add puts the entry into the policy.
func (p *policy) add(e entry, settings Settings) error {
	caller, err := e.caller(settings.RequestsPerSecond)
	if err != nil {
		return err
	}
	p.callers[e.Name] = caller
	switch {
	case len(e.TokenSHA256) == 0 && len(e.Certificate) == 0 && len(e.Claims) == 0:
		return errors.New("nothing tells who it is; give tokenSHA256, certificate or claims")
	case len(e.Certificate) > 0 && !settings.Certificates:
		return errors.New("certificate: no client certificate is verified; give --client-ca")
	case len(e.Claims) > 0 && settings.Issuer == nil:
		return errors.New("claims: no JWT is taken; give --oidc-issuer")
	}
	for _, text := range e.TokenSHA256 {
		token := tokenOf{caller: caller}
		// The text is not repeated: it could be the token itself.
		if n, err := hex.Decode(token.sum[:], []byte(text[:min(len(text), 2*sha256.Size)])); err != nil || n != sha256.Size || len(text) > 2*n {
			return errors.New("tokenSHA256: it is no SHA-256; write the 64 hexadecimal digits that `printf %s TOKEN | sha256sum` prints")
		}
		if slices.ContainsFunc(p.tokens, func(other tokenOf) bool { return other.sum == token.sum }) {
			return errors.New("tokenSHA256: another entry has the same token")
		}
		p.tokens = append(p.tokens, token)
	}
	for _, name := range e.Certificate {
		if name == "" {
			return errors.New("certificate: a name is empty")
		}
		if other := p.byCertificate[name]; other != nil {
			return fmt.Errorf("certificate: %q is that of %q too", name, other.Name)
		}
		p.byCertificate[name] = caller
	}
	for name, value := range e.Claims {
		if name == "" || value == "" {
			return fmt.Errorf("claims: %q has no name or no value; a token without the claim would not be told from others", name)
		}
	}
	if slices.ContainsFunc(p.claims, func(other claimsOf) bool { return maps.Equal(other.claims, e.Claims) }) {
		return errors.New("claims: another entry has the same ones, and would take all their tokens")
	}
	if len(e.Claims) > 0 {
		p.claims = append(p.claims, claimsOf{e.Claims, caller})
	}
	return nil
}

// accounts are those that callers may ask by name.
func (p *policy) accounts() []string {
	all := map[string]bool{}
	for _, caller := range p.callers {
		maps.Copy(all, caller.accounts)
	}
	delete(all, anyAccount)
	return slices.Sorted(maps.Keys(all))
}

// anyAccount stands for all of them.
const anyAccount = "*"

// keepRates goes on counting the requests of callers whose rate stays the same.
func (p *policy) keepRates(before *policy) {
	for name, caller := range p.callers {
		known := before.callers[name]
		if known != nil && known.limit != nil && caller.limit != nil && known.limit.Limit() == caller.limit.Limit() {
			caller.limit = known.limit
		}
	}
}

// caller is who the entry is about.
func (e entry) caller(requestsPerSecond float64) (*Caller, error) {
	const longest = 100
	if e.Name == "" || len(e.Name) > longest || strings.ContainsFunc(e.Name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fmt.Errorf("name: give 1 to %d letters, digits and signs without spaces", longest)
	}
	if len(e.Accounts) == 0 {
		return nil, errors.New(`accounts: without one it may do nothing; name them, or write ["*"] for all`)
	}
	if e.RequestsPerSecond != nil {
		requestsPerSecond = *e.RequestsPerSecond
	}
	if err := CheckRate(requestsPerSecond); err != nil {
		return nil, fmt.Errorf("requestsPerSecond: %w", err)
	}
	caller := &Caller{Name: e.Name, Listed: true, accounts: map[string]bool{}, first: e.Accounts[0],
		limit: newLimit(requestsPerSecond)}
	for _, account := range e.Accounts {
		if account == "" {
			return nil, errors.New("accounts: a name is empty")
		}
		caller.accounts[account] = true
	}
	caller.everything = caller.accounts[anyAccount]
	return caller, nil
}

// CheckRate refuses what is no number of requests a second, 0 being no bound.
func CheckRate(requestsPerSecond float64) error {
	const least, most = 1e-3, 1e9
	if requestsPerSecond != 0 && !(requestsPerSecond >= least && requestsPerSecond <= most) { // so NaN fails too
		return fmt.Errorf("%v requests a second are not possible; give %v to %v, or 0 for no bound", requestsPerSecond, least, most)
	}
	return nil
}
