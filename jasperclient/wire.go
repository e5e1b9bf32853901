package jasperclient

import (
	"bytes"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// wireOptions leave two checks to the reading functions: rate plans can have the same key twice, and an error is an error
// even if its text is not UTF-8.
var wireOptions = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// newDecoder reads a body once, token by token, without the byte order mark that some servers send first.
func newDecoder(body []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(bytes.TrimPrefix(body, []byte("\uFEFF"))), wireOptions)
}

// readFields reads an object: read reads the value of each known field, in any letter case; other fields are ignored. It
// refuses an object with the same field twice, in any letter case: nobody knows which value is meant.
func readFields(dec *jsontext.Decoder, known []string, read func(field string) error) error {
	var seen uint // a bit for each known field
	var others map[string]bool
	return readObject(dec, func(name []byte) error {
		i := slices.IndexFunc(known, func(field string) bool {
			return len(field) == len(name) && strings.EqualFold(field, string(name)) // a letter of another length is not the same
		})
		if i >= 0 {
			if seen&(1<<i) != 0 {
				return fmt.Errorf("the field %q stands in one object twice", name)
			}
			seen |= 1 << i
			return read(known[i])
		}
		other := strings.ToLower(string(name))
		if others[other] {
			return fmt.Errorf("the field %q stands in one object twice", name)
		}
		if others == nil {
			others = map[string]bool{}
		}
		others[other] = true
		return skip(dec)
	})
}

// readObject reads an object: read gets each name, which is valid until read reads the value.
func readObject(dec *jsontext.Decoder, read func(name []byte) error) error {
	if err := readKind(dec, jsontext.KindBeginObject); err != nil {
		return err
	}
	for dec.PeekKind() != jsontext.KindEndObject {
		name, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if err := read(unquote(name)); err != nil {
			return err
		}
	}
	return readKind(dec, jsontext.KindEndObject)
}

// readKind reads a token, which must be of the kind.
func readKind(dec *jsontext.Decoder, want jsontext.Kind) error {
	token, err := dec.ReadToken()
	if err != nil {
		return err
	}
	if kind := token.Kind(); kind != want {
		return fmt.Errorf("a %s stands where a %s belongs", kind, want)
	}
	return nil
}

// unquote returns a string's text; half a surrogate pair in it becomes utf8.RuneError.
func unquote(quoted jsontext.Value) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	text, _ := jsontext.AppendUnquote(nil, quoted) // the decoder has read it, so nothing else can be wrong with it
	return text
}

// skip reads past a value; unlike SkipValue, in one step.
func skip(dec *jsontext.Decoder) error {
	_, err := dec.ReadValue()
	return err
}

// readText reads a string; ok is false for null.
func readText(dec *jsontext.Decoder) (text string, ok bool, _ error) {
	value, err := dec.ReadValue()
	if err != nil || value.Kind() == jsontext.KindNull {
		return "", false, err
	}
	if kind := value.Kind(); kind != jsontext.KindString {
		return "", false, fmt.Errorf("a %s stands where a string belongs", kind)
	}
	return string(unquote(value)), true, nil
}

// wireNumber is a number of JSON that is short enough to compute with.
var wireNumber = regexp.MustCompile(`^\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,2})?$`)

// readCount reads a count exactly, where a float64 would round above 2^53: an integer from 0 to 2^63-1, also written as an
// integral float or as a string. It is nil for null.
func readCount(dec *jsontext.Decoder) (*int64, error) {
	value, err := dec.ReadValue()
	if err != nil || value.Kind() == jsontext.KindNull {
		return nil, err
	}
	text := string(value)
	if value.Kind() == jsontext.KindString {
		text = strings.TrimSpace(string(unquote(value)))
	}
	const most = len("9223372036854775807")
	if n, err := strconv.ParseUint(text, 10, 63); err == nil && len(text) <= most { // like nearly all counts
		count := int64(n)
		return &count, nil
	}
	if !wireNumber.MatchString(text) {
		return nil, fmt.Errorf("%s is not a valid count", value)
	}
	exact, ok := new(big.Rat).SetString(text)
	if !ok || !exact.IsInt() || !exact.Num().IsInt64() {
		return nil, fmt.Errorf("%s is not a whole number up to 2^63-1", value)
	}
	count := exact.Num().Int64()
	return &count, nil
}

// maxYear is the last year that RFC 3339 can write, and so every later form of this answer.
const maxYear = 9999

// readTime reads a time in the answer's form, yyyy-MM-ddTHH:mm:ss.SSSZ, where Z is the letter or, as Java's format letter of
// that name prints it, an offset such as +0000. It is the zero time for null.
func readTime(dec *jsontext.Decoder) (time.Time, error) {
	text, ok, err := readText(dec)
	if err != nil || !ok {
		return time.Time{}, err
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700"} {
		at, err := time.Parse(layout, text)
		if at = at.UTC(); err == nil && at.Unix() > 0 && at.Year() <= maxYear {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a valid time of a billing system", text)
}
