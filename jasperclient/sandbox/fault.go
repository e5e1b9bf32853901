package sandbox

import (
	"fmt"
	"time"
)

// FaultKind is a way in which a call goes wrong that is not the question's
// fault. Some were seen from Control Center or from the proxies in front of it
// ([FaultServerError], [FaultBadGateway], [FaultUnavailable],
// [FaultWrongCharset]); the others can happen to any client on any network.
type FaultKind string

// The kinds of faults. A fault of the body changes any answer that the question
// has, also an error. HEAD has no body, and shows no fault of it.
const (
	FaultNone          FaultKind = ""               // the right answer
	FaultServerError   FaultKind = "server-error"   // error 30000001, status 500
	FaultBadGateway    FaultKind = "bad-gateway"    // HTML, status 502
	FaultUnavailable   FaultKind = "unavailable"    // HTML, status 503
	FaultReset         FaultKind = "reset"          // the connection is reset before the answer
	FaultResetInBody   FaultKind = "reset-in-body"  // the connection is reset when half of the body is sent
	FaultTruncatedBody FaultKind = "truncated-body" // the connection ends before Content-Length is reached
	FaultGzip          FaultKind = "gzip"           // the right answer in gzip, when the caller accepts it
	FaultSlowBody      FaultKind = "slow-body"      // the right answer, byte by byte
	FaultWrongCharset  FaultKind = "wrong-charset"  // ISO-8859-1 is declared, though the bytes are UTF-8
	FaultMalformedJSON FaultKind = "malformed-json" // the body's last brace is a bracket
	FaultHugeBody      FaultKind = "huge-body"      // the right answer behind 1 MiB of spaces
	FaultWrongICCID    FaultKind = "wrong-iccid"    // the answer to the same question about another device
	FaultHang          FaultKind = "hang"           // no answer until the request's context ends
)

// FaultKinds lists the kinds, [FaultNone] first.
func FaultKinds() []FaultKind {
	return []FaultKind{
		FaultNone, FaultServerError, FaultBadGateway, FaultUnavailable, FaultReset, FaultResetInBody, FaultTruncatedBody,
		FaultGzip, FaultSlowBody, FaultWrongCharset, FaultMalformedJSON, FaultHugeBody, FaultWrongICCID, FaultHang,
	}
}

// String returns the kind's name, which for [FaultNone] is "none".
func (k FaultKind) String() string {
	if k == FaultNone {
		return "none"
	}
	return string(k)
}

// MarshalText returns the kind's name.
func (k FaultKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a kind's name, "none" for [FaultNone]. For any other text
// the error lists the kinds.
func (k *FaultKind) UnmarshalText(name []byte) (err error) {
	*k, err = parseKind(string(name))
	return err
}

func parseKind(name string) (FaultKind, error) {
	for _, kind := range FaultKinds() {
		if kind.String() == name {
			return kind, nil
		}
	}
	return "", fmt.Errorf("no kind %q; the kinds are %v", name, FaultKinds())
}

// bodyPadding is the number of spaces before the answer in a huge body.
const bodyPadding = 1 << 20

// Fault is what happens to one call or to a share of the calls.
type Fault struct {
	Kind FaultKind

	// Share is the part of the calls that take this fault, up to 1 for every
	// call. 0 is one call, the next one that no fault before it in the list takes.
	Share float64

	// Delay and Jitter are the latency of a call that takes this fault, added
	// to the latency of [WithLatency]: Delay, and a random part of Jitter. They
	// go with every kind; with FaultNone the right answer is late.
	Delay, Jitter time.Duration

	// Over is how long the body of a FaultSlowBody takes.
	Over time.Duration
}

// Faults returns the faults now in force: the faults without a share that no
// call has taken yet, and then the faults with a share. It is never nil, so that
// no faults are [] in JSON too.
func (s *Sandbox) Faults() []Fault { return s.faults.copy() }

// SetFaults replaces the faults of [WithFaults] and all faults that no call has
// taken yet; without arguments it ends them. Faults without a share are a
// script: each of the next calls takes one, in their order, and Fault{} is a
// call without a fault. After the script each call takes at most one of the
// faults with a share, drawn anew from the seed of [WithSeed]: the same calls,
// one after another, take the same faults. SetFaults fails, and changes nothing,
// when a fault is impossible or the shares add up to more than 1.
//
// Only calls that [WithFairUse] allows take faults; a call with a fault counts
// like any other. net/http's client repeats a GET by itself when a reused
// connection is reset: the ledger then has two calls.
func (s *Sandbox) SetFaults(faults ...Fault) error {
	return s.faults.set(s.generated.seed, faults)
}

func (f Fault) check() error {
	if _, err := parseKind(f.Kind.String()); err != nil {
		return err
	}
	if !(f.Share >= 0 && f.Share <= 1) { // NaN fails too
		return fmt.Errorf("%q: share %v is not between 0 and 1", f.Kind, f.Share)
	}
	if f.Delay < 0 || f.Jitter < 0 || f.Over < 0 {
		return fmt.Errorf("%q: a duration is negative", f.Kind)
	}
	if f.Kind == FaultSlowBody && f.Over == 0 {
		return fmt.Errorf("%q: over is missing, the time that its body takes, such as 2s", f.Kind)
	}
	if f.Kind != FaultSlowBody && f.Over > 0 {
		return fmt.Errorf("%q: leave over out, it is the time that the body of a %s takes", f.Kind, FaultSlowBody)
	}
	return nil
}
