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
	if attr.Key == iccidAttr {
		return slog.String(attr.Key, maskICCID(attr.Value.String()))
	}
	return BoundAttrs(groups, slog.String(attr.Key, maskICCIDs(attr.Value.String())))
}

// BoundAttrs is a slog.HandlerOptions.ReplaceAttr that cuts long texts off.
func BoundAttrs(_ []string, attr slog.Attr) slog.Attr {
	if attr.Value.Kind() == slog.KindString {
		return slog.String(attr.Key, bounded(attr.Value.String()))
	}
	return attr
}

// masked stands for what is not shown.
const masked = "…"

// maskICCID shows the end of what is an ICCID, or should be.
func maskICCID(sent string) string {
	if len(sent) <= shownDigits {
		return sent
	}
	return masked + sent[len(sent)-shownDigits:]
}

// maskICCIDs shows the ends of the ICCIDs in a text.
func maskICCIDs(text string) string { return iccidLike.ReplaceAllString(text, masked+"$1") }

func bounded(text string) string {
	if len(text) > maxAttr {
		return text[:maxAttr] + "…"
	}
	return text
}
