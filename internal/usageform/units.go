package usageform

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// separator stands between the exact number and the rounded one.
const separator = " · "

// bytesText is a text such as 943,718 B · 921.6 KiB.
func bytesText(n int64) string {
	exact := grouped(n) + " B"
	const step, rounded = 1024, 1023.95 // with one decimal, 1023.95 would be 1024.0
	if n < step {
		return exact
	}
	scaled, units := float64(n)/step, "KMGTPE"
	for ; scaled >= rounded && len(units) > 1; scaled /= step {
		units = units[1:]
	}
	return fmt.Sprintf("%s%s%.1f %ciB", exact, separator, scaled, units[0])
}

// secondsText is a text such as 943,718 s · 10d22h8m38s.
func secondsText(n int64) string {
	exact := grouped(n) + " s"
	if n < 60 {
		return exact
	}
	var text strings.Builder
	for _, part := range []struct {
		seconds int64
		name    byte
	}{{24 * 60 * 60, 'd'}, {60 * 60, 'h'}, {60, 'm'}, {1, 's'}} {
		if whole := n / part.seconds; whole > 0 {
			fmt.Fprintf(&text, "%d%c", whole, part.name)
		}
		n %= part.seconds
	}
	return exact + separator + text.String()
}

// grouped is the number with commas between its thousands.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// Printable returns the text, quoted if it has characters that a terminal would obey or that would reverse the direction of
// writing.
func Printable(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return text
	}
	return strconv.Quote(text)
}
