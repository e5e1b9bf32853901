package callers

import (
	"errors"
	"net/http"
)

// IdentifyBasic finds the caller of HTTP Basic credentials (RFC 7617): the name of an entry and a static token of the same
// entry. Certificates and JWTs do not count here. Without a policy it accepts any name and token, but neither may be missing.
// It fails with an [UnauthenticatedError].
func (g *Guard) IdentifyBasic(shown Credentials) (*Caller, error) {
	if len(shown.Authorization) == 0 || shown.Authorization[0] == "" {
		return nil, &UnauthenticatedError{Missing: true, Err: errors.New("the call has no credentials")}
	}
	name, token, err := basic(shown.Authorization)
	if err != nil {
		return nil, &UnauthenticatedError{Err: err}
	}
	p := g.policy.Load()
	if p == nil {
		return g.host(shown.Host), nil
	}
	if caller := p.byToken(token); caller != nil && caller.Name == name {
		return caller, nil
	}
	return nil, &UnauthenticatedError{Err: errors.New("the user name and the token are not of one entry of the policy")}
}

// basic reads the name and the token from the values of the header.
func basic(values []string) (name, token string, _ error) {
	if len(values) > 1 {
		return "", "", errors.New("there is more than one authorization")
	}
	name, token, ok := (&http.Request{Header: http.Header{"Authorization": values}}).BasicAuth()
	if !ok || name == "" || token == "" {
		return "", "", errors.New("the authorization is not Basic with a user name and a token")
	}
	return name, token, nil
}
