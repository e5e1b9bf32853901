package sandbox

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
)

// authorized says which account calls. It compares keys in constant time, also
// a key of another length or of an account that does not exist.
func (s *Sandbox) authorized(r *http.Request) (username string, ok bool) {
	username, apiKey, _ := r.BasicAuth()
	want, exists := s.apiKeys[username] // without credentials the name is empty, and there is no key
	return username, equal(apiKey, want) && exists
}

func equal(got, want string) bool {
	g, w := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(g[:], w[:]) == 1
}
