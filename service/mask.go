package service

import (
	"log/slog"
	"regexp"
)

const (
	// iccidAttr is the log attribute of what a caller sent as an ICCID, however malformed.
	iccidAttr = "iccid"
	// shownDigits is how many digits of an ICCID are shown: enough for people to tell their devices apart.
	shownDigits = 4
	// iccidDigits is how many digits in a row are masked: an ICCID has at least as many.
	iccidDigits = 18
	// maxAttr bounds the text that a caller or Control Center can put into the log.
	maxAttr = 4 << 10
)

var iccidLike = regexp.MustCompile(`\d{14,}(\d{4})`)

// MaskICCIDs is a slog.HandlerOptions.ReplaceAttr that shows only the last four digits of ICCIDs, in messages and attributes
// alike: texts of Control Center and of Go's libraries contain them, too.
func MaskICCIDs(groups []string, attr slog.Attr) slog.Attr {
	if attr.Value.Kind() != slog.KindString {
		return attr
	}
	if attr.Key == iccidAttr {
		return slog.String(attr.Key, maskICCID(attr.Value.String()))
	}
	return BoundAttrs(groups, slog.String(attr.Key, maskICCIDs(attr.Value.String())))
}

// BoundAttrs is a slog.HandlerOptions.ReplaceAttr that cuts off long texts.
func BoundAttrs(_ []string, attr slog.Attr) slog.Attr {
	if attr.Value.Kind() == slog.KindString {
		return slog.String(attr.Key, bounded(attr.Value.String()))
	}
	return attr
}

// masked stands for what is not shown.
const masked = "…"

// maskICCID shows only the end of an ICCID, or of what was sent as one.
func maskICCID(sent string) string {
	if len(sent) <= shownDigits {
		return sent
	}
	return masked + sent[len(sent)-shownDigits:]
}

// maskICCIDs shows only the ends of the ICCIDs in a text.
func maskICCIDs(text string) string { return iccidLike.ReplaceAllString(text, masked+"$1") }

func bounded(text string) string {
	if len(text) > maxAttr {
		return text[:maxAttr] + "…"
	}
	return text
}
