package jasperclient

import (
	"fmt"
	"strings"
)

// An ICCID identifies a device by its SIM: 18 to 22 digits. It is a string because 20 digits exceed an int64.
type ICCID string

const (
	minICCIDDigits = 18
	maxICCIDDigits = 22
)

// ParseICCID reads an ICCID of 18 to 22 digits. Surrounding spaces and one trailing F, as some modems print it, are
// dropped. Neither the Luhn digit nor the prefix 89 is checked: the vendor's own samples violate both.
func ParseICCID(s string) (ICCID, error) {
	digits := strings.TrimSpace(s)
	if n := len(digits); n > 0 && (digits[n-1] == 'F' || digits[n-1] == 'f') {
		digits = digits[:n-1]
	}
	if digits == "" {
		return "", fmt.Errorf("an ICCID is required: %d to %d digits", minICCIDDigits, maxICCIDDigits)
	}
	for _, r := range digits {
		if r < '0' || r > '9' {
			return "", fmt.Errorf("an ICCID has digits only, but it has %q; give %d to %d digits",
				r, minICCIDDigits, maxICCIDDigits)
		}
	}
	if len(digits) < minICCIDDigits || len(digits) > maxICCIDDigits {
		return "", fmt.Errorf("an ICCID has %d to %d digits, but it has %d", minICCIDDigits, maxICCIDDigits, len(digits))
	}
	return ICCID(digits), nil
}
