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

// A policy says who may call and what. It does not change.
type policy struct {
	callers       map[string]*Caller // by name
	tokens        []hashedToken
	byCertificate map[string]*Caller
	claims        []requiredClaims
}

// A hashedToken is the SHA-256 of a token, and the caller it belongs to.
type hashedToken struct {
	sum    [sha256.Size]byte
	caller *Caller
}

// requiredClaims are the claims that a JWT must have to belong to a caller.
type requiredClaims struct {
	claims map[string]string
	caller *Caller
}

// byToken finds the caller of a static token; nil for none. It compares with all tokens in constant time, so that the time
// reveals nothing about them.
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

// byClaims finds the first caller whose claims are all in the JWT; nil for none.
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

// claimed reports whether a claim is the value, or a list that contains the value. A scope is a list separated by spaces
// (RFC 8693, section 4.2).
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
	TokenSHA256       oneOrMore         `yaml:"tokenSHA256"`       // SHA-256 of static tokens, in hexadecimal
	Certificate       oneOrMore         `yaml:"certificate"`       // names in client certificates
	Claims            map[string]string `yaml:"claims"`            // claims of JWTs
	Accounts          []string          `yaml:"accounts"`          // the accounts that the caller may ask; * is any
	RequestsPerSecond *float64          `yaml:"requestsPerSecond"` // nil: the default; 0: no bound
}

// oneOrMore is a list of texts, which YAML may give as one text without a list.
type oneOrMore []string

// UnmarshalYAML implements yaml.Unmarshaler.
func (o *oneOrMore) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.SequenceNode {
		return node.Decode((*[]string)(o))
	}
	*o = make(oneOrMore, 1)
	return node.Decode(&(*o)[0])
}

// readPolicy reads the file of callers. It fails if anything in the file cannot work.
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

// add adds an entry to the policy.
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
	if err := p.addTokens(caller, e.TokenSHA256); err != nil {
		return fmt.Errorf("tokenSHA256: %w", err)
	}
	if err := p.addCertificates(caller, e.Certificate); err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	if err := p.addClaims(caller, e.Claims); err != nil {
		return fmt.Errorf("claims: %w", err)
	}
	return nil
}

// addTokens adds the SHA-256 of the caller's static tokens, in hexadecimal.
func (p *policy) addTokens(caller *Caller, sums []string) error {
	for _, text := range sums {
		token := hashedToken{caller: caller}
		// The error does not repeat the text, which could be the token itself.
		if n, err := hex.Decode(token.sum[:], []byte(text[:min(len(text), 2*sha256.Size)])); err != nil || n != sha256.Size || len(text) > 2*n {
			return errors.New("it is not a valid SHA-256; write the 64 hexadecimal digits that `printf %s TOKEN | sha256sum` prints")
		}
		if slices.ContainsFunc(p.tokens, func(other hashedToken) bool { return other.sum == token.sum }) {
			return errors.New("another entry has the same token")
		}
		p.tokens = append(p.tokens, token)
	}
	return nil
}

// addCertificates adds the names in the caller's client certificates.
func (p *policy) addCertificates(caller *Caller, names []string) error {
	for _, name := range names {
		if name == "" {
			return errors.New("a name is empty")
		}
		if other := p.byCertificate[name]; other != nil {
			return fmt.Errorf("%q is that of %q too", name, other.Name)
		}
		p.byCertificate[name] = caller
	}
	return nil
}

// addClaims adds the claims of the caller's JWTs.
func (p *policy) addClaims(caller *Caller, claims map[string]string) error {
	for name, value := range claims {
		if name == "" || value == "" {
			return fmt.Errorf("%q has no name or no value; a token without the claim would not be told from others", name)
		}
	}
	if slices.ContainsFunc(p.claims, func(other requiredClaims) bool { return maps.Equal(other.claims, claims) }) {
		return errors.New("another entry has the same ones, and would take all their tokens")
	}
	if len(claims) > 0 {
		p.claims = append(p.claims, requiredClaims{claims, caller})
	}
	return nil
}

// accounts are the accounts that callers may ask, as far as they are named.
func (p *policy) accounts() []string {
	all := map[string]bool{}
	for _, caller := range p.callers {
		maps.Copy(all, caller.accounts)
	}
	delete(all, anyAccount)
	return slices.Sorted(maps.Keys(all))
}

// anyAccount stands for all accounts.
const anyAccount = "*"

// keepRates takes over the counts of requests from the previous policy, for callers whose rate stays the same.
func (p *policy) keepRates(before *policy) {
	for name, caller := range p.callers {
		known := before.callers[name]
		if known != nil && known.limit != nil && caller.limit != nil && known.limit.Limit() == caller.limit.Limit() {
			caller.limit = known.limit
		}
	}
}

// MaxNameLength is how many bytes the name of a caller or an account may have.
const MaxNameLength = 100

// FitsHeader reports whether a name can stand in a header: visible ASCII only, and at most MaxNameLength bytes. The empty
// name fits.
func FitsHeader(name string) bool {
	return len(name) <= MaxNameLength && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' })
}

// caller makes the entry's caller, with the default rate if the entry has none of its own.
func (e entry) caller(requestsPerSecond float64) (*Caller, error) {
	if e.Name == "" || !FitsHeader(e.Name) {
		return nil, fmt.Errorf("name: give 1 to %d letters, digits and signs without spaces", MaxNameLength)
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

// CheckRate refuses a number of requests a second that is not possible. 0 stands for no bound.
func CheckRate(requestsPerSecond float64) error {
	const least, most = 1e-3, 1e9
	if requestsPerSecond != 0 && !(requestsPerSecond >= least && requestsPerSecond <= most) { // written so that NaN fails too
		return fmt.Errorf("%v requests a second are not possible; give %v to %v, or 0 for no bound", requestsPerSecond, least, most)
	}
	return nil
}
