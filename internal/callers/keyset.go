package callers

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// keysFreshFor is how often the keys are fetched, so that a key is soon refused after the issuer has withdrawn it.
	keysFreshFor = 5 * time.Minute
	// keysGoodFor is how long keys are trusted if the issuer cannot be reached.
	keysGoodFor = time.Hour
	// keysNotBefore is the least time between two fetches, however many tokens name unknown keys.
	keysNotBefore = 10 * time.Second
)

// A keySet holds an issuer's keys. One goroutine fetches them. The goroutines that check tokens only read the keys, and now
// and then wait for the next fetch.
type keySet struct {
	fetch  func(context.Context) ([]jose.JSONWebKey, error)
	known  atomic.Pointer[knownKeys]
	wanted chan struct{} // asks for a fetch, and has room for one request; nil for keys of a file, which are good until it changes
}

// knownKeys are the keys as of one fetch. They do not change.
type knownKeys struct {
	keys    []jose.JSONWebKey
	fetched time.Time     // when the keys were fetched
	tried   time.Time     // when the last fetch ended, whether or not it failed
	err     error         // why the last fetch failed
	next    chan struct{} // closed when newer knownKeys have replaced these
}

func newKeySet(fetch func(context.Context) ([]jose.JSONWebKey, error)) *keySet {
	s := &keySet{fetch: fetch}
	s.known.Store(&knownKeys{next: make(chan struct{})})
	return s
}

// run fetches the keys at once, then every keysFreshFor, and earlier when they are wanted, until ctx ends.
func (s *keySet) run(ctx context.Context, fetched func(err error)) {
	for {
		if err := s.refresh(ctx); ctx.Err() == nil {
			fetched(err)
		}
		if !pause(ctx, keysNotBefore, nil) || !pause(ctx, keysFreshFor-keysNotBefore, s.wanted) {
			return
		}
	}
}

// pause waits for d, or less if short receives something. It reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration, short <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-short:
	case <-ctx.Done():
		return false
	}
	return true
}

// refresh fetches the keys. If that fails, the present keys stay.
func (s *keySet) refresh(ctx context.Context) error {
	before := s.known.Load()
	next := &knownKeys{keys: before.keys, fetched: before.fetched, next: make(chan struct{})}
	keys, err := s.fetch(ctx)
	next.tried = time.Now()
	if err == nil {
		next.keys, next.fetched = keys, next.tried
	}
	next.err = err
	s.known.Store(next)
	close(before.next)
	return err
}

// A signatureCheck checks the signature of one token. It implements oidc.KeySet. It keeps the error of a failed fetch,
// because go-oidc does not pass it on.
type signatureCheck struct {
	keys        *keySet
	algorithms  []jose.SignatureAlgorithm
	unavailable error // why the keys are not available
}

// VerifySignature implements oidc.KeySet. If the key of the token is unknown, it waits for the next fetch, unless the keys
// have just been fetched.
func (c *signatureCheck) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, c.algorithms)
	if err != nil {
		return nil, err
	}
	known := c.keys.known.Load()
	payload, found := c.keys.verify(signed, known)
	if wait := c.keys.wanted != nil && time.Since(known.tried) >= keysNotBefore; wait && !found {
		select {
		case c.keys.wanted <- struct{}{}:
		default: // a fetch is wanted already
		}
		select {
		case <-known.next:
			known = c.keys.known.Load()
			payload, found = c.keys.verify(signed, known)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	switch {
	case payload != nil:
		return payload, nil
	case !found && known.err != nil:
		c.unavailable = known.err
		return nil, known.err
	}
	return nil, errors.New("no key of the issuer's made the signature")
}

// verify returns the payload if one of the keys signed it, else nil. It also reports whether a key of the token's name is
// known: then no other key can have made the signature.
func (s *keySet) verify(signed *jose.JSONWebSignature, known *knownKeys) (payload []byte, found bool) {
	if s.wanted != nil && time.Since(known.fetched) > keysGoodFor {
		return nil, false
	}
	header := signed.Signatures[0].Header
	for _, key := range known.keys {
		named := header.KeyID == "" || key.KeyID == "" || key.KeyID == header.KeyID
		if !named || (key.Algorithm != "" && key.Algorithm != header.Algorithm) {
			continue
		}
		found = found || (header.KeyID != "" && key.KeyID == header.KeyID)
		if payload, err := signed.Verify(&key); err == nil {
			return payload, true
		}
	}
	return nil, found
}
