package sandbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// faultForm is the form of a fault in JSON that errors show.
const faultForm = `{"kind":"slow-body","share":0.1,"delay":"1s","jitter":"0.5s","over":"2s"}`

// faultJSON is a [Fault] in JSON. A missing kind or share is nil, because that
// does not mean the same as "none" or 0.
type faultJSON struct {
	Kind   *FaultKind   `json:"kind"`
	Share  *float64     `json:"share,omitempty"`
	Delay  jsonDuration `json:"delay,omitempty"`
	Jitter jsonDuration `json:"jitter,omitempty"`
	Over   jsonDuration `json:"over,omitempty"`
}

// MarshalJSON writes the form that [Fault.UnmarshalJSON] reads, without fields that are 0.
func (f Fault) MarshalJSON() ([]byte, error) {
	wire := faultJSON{
		Kind: &f.Kind, Delay: jsonDuration(f.Delay), Jitter: jsonDuration(f.Jitter), Over: jsonDuration(f.Over),
	}
	if f.Share != 0 {
		wire.Share = &f.Share
	}
	return json.Marshal(wire)
}

// UnmarshalJSON reads a fault as
//
//	{"kind":"slow-body","share":0.1,"delay":"1s","jitter":"0.5s","over":"2s"}
//
// All but the kind may be left out, and durations are written as for
// [time.ParseDuration]. An unknown field, an unknown kind and a share of 0 are
// errors: somebody who writes 0 hardly means the next call, which is what a
// missing share means. [Sandbox.SetFaults] says whether the fault is possible.
func (f *Fault) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var wire faultJSON
	if err := decoder.Decode(&wire); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok { // its text is for Go programmers
			err = fmt.Errorf("%s cannot be a %s", cmp.Or(wrong.Field, "a fault"), wrong.Value)
		}
		return fmt.Errorf("%w; write a fault like %s", err, faultForm)
	}
	if wire.Kind == nil {
		return fmt.Errorf("a kind is missing; the kinds are %v", FaultKinds())
	}
	fault := Fault{
		Kind: *wire.Kind, Delay: time.Duration(wire.Delay), Jitter: time.Duration(wire.Jitter), Over: time.Duration(wire.Over),
	}
	if wire.Share != nil {
		fault.Share = *wire.Share
		if fault.Share == 0 {
			return fmt.Errorf("%q: a share of 0 is no call; leave share out for the next call alone", fault.Kind)
		}
	}
	*f = fault
	return nil
}

// jsonDuration is a duration as text, such as 1.5s.
type jsonDuration time.Duration

func (d jsonDuration) MarshalText() ([]byte, error) {
	return []byte(time.Duration(d).String()), nil
}

func (d *jsonDuration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no duration such as 1s or 500ms", text)
	}
	*d = jsonDuration(parsed)
	return nil
}
