package service

import (
	"log/slog"
	"regexp"
)

const (
	// iccidAttr is the log attribute of what a caller sent as an ICCID, however malformed.
	iccidAttr = "iccid"
	// shownDigits of an ICCID tell devices apart for the people who work with them.
	shownDigits = 4
	// iccidDigits are how many digits in a row are masked: an ICCID has as many at least.
	iccidDigits = 18
	// maxAttr bounds what a caller or Control Center can make the log hold.
	maxAttr = 4 << 10
)

var iccidLike = regexp.MustCompile(`\d{14,}(\d{4})`)

// MaskICCIDs is a slog.HandlerOptions.ReplaceAttr that shows ICCIDs by their last four digits, in messages and
// attributes alike: texts of Control Center's and of Go's libraries hold them too.
func MaskICCIDs(groups []string, attr slog.Attr) slog.Attr {
	if attr.Value.Kind() != slog.KindString {
		return attr
	}
	return BoundAttrs(groups, slog.String(attr.Key, maskICCIDs(attr.Key, attr.Value.String())))
}

// BoundAttrs is a slog.HandlerOptions.ReplaceAttr that cuts long texts off.
func BoundAttrs(_ []string, attr slog.Attr) slog.Attr {
	if attr.Value.Kind() == slog.KindString {
		return slog.String(attr.Key, bounded(attr.Value.String()))
	}
	return attr
}

func maskICCIDs(key, text string) string {
	switch {
	case key == iccidAttr && len(text) > shownDigits:
		return "…" + text[len(text)-shownDigits:]
	case !hasICCID(text): // as good as ever
		return text
	}
	return iccidLike.ReplaceAllString(text, "…$1")
}

// hasICCID tells in a moment what the expression takes a microsecond for.
func hasICCID(text string) bool {
	digits := 0
	for i := range len(text) {
		if c := text[i]; c < '0' || c > '9' {
			digits = 0
			continue
		}
		if digits++; digits == iccidDigits {
			return true
		}
	}
	return false
}

func bounded(text string) string {
	if len(text) > maxAttr {
		return text[:maxAttr] + "…"
	}
	return text
}
