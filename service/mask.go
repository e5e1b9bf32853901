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
	text := attr.Value.String()
	if attr.Key == iccidAttr && len(text) > shownDigits {
		return slog.String(attr.Key, "…"+text[len(text)-shownDigits:])
	}
	return BoundAttrs(groups, slog.String(attr.Key, iccidLike.ReplaceAllString(text, "…$1")))
}

// BoundAttrs is a slog.HandlerOptions.ReplaceAttr that cuts long texts off.
func BoundAttrs(_ []string, attr slog.Attr) slog.Attr {
	if attr.Value.Kind() == slog.KindString && len(attr.Value.String()) > maxAttr {
		return slog.String(attr.Key, attr.Value.String()[:maxAttr]+"…")
	}
	return attr
}
