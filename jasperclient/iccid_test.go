package jasperclient_test

import (
	"strings"
	"testing"

	"github.com/zoneusage/zoneusage/jasperclient"
)

func TestParseICCID(t *testing.T) {
	for in, want := range map[string]jasperclient.ICCID{
		"8988217755520000031":      "8988217755520000031",
		"  8988217755520000031 \n": "8988217755520000031",
		"8988217755520000031F":     "8988217755520000031",
		"8988217755520000031f":     "8988217755520000031",
		"8988216716970004975":      "8988216716970004975", // breaks the Luhn check
		"9989203000880000201":      "9989203000880000201", // breaks the prefix 89
		"898821775552000003":       "898821775552000003",
		"89882177555200000312":     "89882177555200000312", // exceeds an int64
		"8988217755520000031234":   "8988217755520000031234",
	} {
		if got, err := jasperclient.ParseICCID(in); err != nil || got != want {
			t.Errorf("ParseICCID(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"":                        "required",
		" F ":                     "required",
		"89882177555200000":       "has 17",
		"89882177555200000312345": "has 23",
		"8988217755520000031FF":   "'F'",
		"8988-2177-5552-0000031":  "'-'",
		"89882177555200000３1":     "'３'",
		"8988217755 520000031":    "' '",
		"../../../../etc/passwd":  "'.'",
	} {
		if got, err := jasperclient.ParseICCID(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseICCID(%q) = %q, %v; want an error with %s", in, got, err, want)
		}
	}
}

func FuzzParseICCID(f *testing.F) {
	for _, seed := range []string{"8988217755520000031", " 8988217755520000031F ", "8988217755520000031234", "F", "８９"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		iccid, err := jasperclient.ParseICCID(in)
		if err != nil {
			return
		}
		if n := len(iccid); n < 18 || n > 22 || strings.Trim(string(iccid), "0123456789") != "" {
			t.Errorf("ParseICCID(%q) = %q", in, iccid)
		}
		if !strings.Contains(in, string(iccid)) {
			t.Errorf("ParseICCID(%q) made up %q", in, iccid)
		}
		if again, err := jasperclient.ParseICCID(string(iccid)); err != nil || again != iccid {
			t.Errorf("ParseICCID(%q) = %q, %v", iccid, again, err)
		}
	})
}
