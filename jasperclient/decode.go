package jasperclient

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// decodeUsage reads the body of an answer that is not a refusal.
func decodeUsage(body []byte) (*DeviceUsage, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("it is not UTF-8")
	}
	dec := newDecoder(body)
	usage, err := readUsage(dec)
	if err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("it cannot be read: %w", cmp.Or(err, errors.New("more follows its end")))
	}
	if usage.ICCID, err = ParseICCID(string(usage.ICCID)); err != nil {
		return nil, fmt.Errorf("its iccid: %w", err)
	}
	if usage.Timestamp.IsZero() || usage.CycleStart.IsZero() || usage.CycleEnd.IsZero() {
		return nil, errors.New("it lacks timeStamp, cycleStartDate or cycleEndDate")
	}
	if usage.CycleEnd.Before(usage.CycleStart) {
		return nil, errors.New("its billing cycle ends before it starts")
	}
	return usage, nil
}

var usageFields = []string{"iccid", "timeStamp", "cycleStartDate", "cycleEndDate", "deviceCycleUsageInZones"}

// readUsage reads the answer without checking it; the ICCID stays as it is written.
func readUsage(dec *jsontext.Decoder) (*DeviceUsage, error) {
	usage := &DeviceUsage{NoUsage: NoUsageMissing}
	err := readFields(dec, usageFields, func(field string) (err error) {
		switch field {
		case "iccid":
			var text string
			text, _, err = readText(dec)
			usage.ICCID = ICCID(text)
		case "timeStamp":
			usage.Timestamp, err = readTime(dec)
		case "cycleStartDate":
			usage.CycleStart, err = readTime(dec)
		case "cycleEndDate":
			usage.CycleEnd, err = readTime(dec)
		case "deviceCycleUsageInZones":
			usage.NoUsage = NoUsageObject
			if dec.PeekKind() == jsontext.KindNull {
				usage.NoUsage = NoUsageNull
			}
			usage.RatePlans, err = readRatePlans(dec)
		}
		return err
	})
	return usage, err
}

// answers says why the usage does not answer q; nil if it does.
func (u *DeviceUsage) answers(q UsageQuery) error {
	if u.ICCID != q.ICCID {
		return errors.New("it is for another device")
	}
	// CycleEnd is the cycle's last second.
	if !q.CycleStartDate.IsZero() && !q.CycleStartDate.overlaps(u.CycleStart, u.CycleEnd.Add(time.Second)) {
		return fmt.Errorf("its billing cycle, %s to %s, does not hold %s",
			u.CycleStart.Format(time.RFC3339), u.CycleEnd.Format(time.RFC3339), q.CycleStartDate)
	}
	// It is unknown whether letter case matters in Control Center's filters; the answer has the names as it spells them.
	for _, plan := range u.RatePlans {
		if q.RatePlan != "" && !strings.EqualFold(plan.RatePlan, q.RatePlan) {
			return fmt.Errorf("it has the rate plan %q where %q was asked for", plan.RatePlan, q.RatePlan)
		}
		for _, zone := range plan.Zones {
			if q.Zone != "" && !strings.EqualFold(zone.Zone, q.Zone) {
				return fmt.Errorf("it has the zone %q where %q was asked for", zone.Zone, q.Zone)
			}
		}
	}
	return nil
}

// errorCode is the form of a code. Any other text is not used as a code, but is still a refusal.
var errorCode = regexp.MustCompile(`^[0-9A-Za-z_-]{1,32}$`)

// maxMessage bounds the vendor's text, which goes into errors and logs.
const maxMessage = 1000

// errorBody finds the code and the text in an error's body, and reports whether there is an errorCode at all.
func errorBody(body []byte) (code Code, message string, refused bool) {
	dec := newDecoder(body)
	var text string
	err := readObject(dec, func(name []byte) error {
		isCode, isMessage := bytes.EqualFold(name, []byte("errorCode")), bytes.EqualFold(name, []byte("errorMessage"))
		if !isCode && !isMessage {
			return skip(dec)
		}
		value, err := dec.ReadValue()
		switch kind := value.Kind(); {
		case err != nil:
			return err
		case isCode:
			text = codeText(value)
		case kind == jsontext.KindString:
			message = strings.ToValidUTF8(string(unquote(value)), "\uFFFD")
		}
		return nil
	})
	if err != nil { // a body that cannot be read has no code: the HTTP status must do
		return "", "", false
	}
	if errorCode.MatchString(text) {
		code = Code(text)
	}
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage], "") + "…"
	}
	return code, message, text != ""
}

// codeText is the errorCode, which can be a string or a number; empty for null.
func codeText(value jsontext.Value) string {
	switch value.Kind() {
	case jsontext.KindNull:
		return ""
	case jsontext.KindString:
		return string(unquote(value))
	}
	return string(value)
}
