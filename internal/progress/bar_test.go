package progress_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/zoneusage/zoneusage/internal/progress"
)

// last is what the bar's line shows in the end.
func last(written string) string {
	return written[strings.LastIndex(written, "\r\x1b[K")+len("\r\x1b[K"):]
}

func TestBar(t *testing.T) {
	for name, test := range map[string]struct {
		width, total int
		now          progress.Count
		want         string
	}{
		"half":              {80, 1000, progress.Count{Passed: 500, Worked: 500}, "500 of 1000 " + strings.Repeat("█", 20) + strings.Repeat("░", 20) + " 50.0/s, 10s left"},
		"skipped":           {80, 1000, progress.Count{Passed: 500, Worked: 100, Failed: 3}, "500 of 1000 " + strings.Repeat("█", 20) + strings.Repeat("░", 20) + " 10.0/s, 50s left, 3 failed"},
		"narrower":          {40, 1000, progress.Count{Passed: 500, Worked: 500}, "500 of 1000 " + strings.Repeat("█", 5) + strings.Repeat("░", 5) + " 50.0/s, 10s left"},
		"no room for a bar": {29, 1000, progress.Count{Passed: 500, Worked: 500}, "500 of 1000 50.0/s, 10s left"},
		"no room at all":    {12, 1000, progress.Count{Passed: 500, Worked: 500}, "500 of 1000"},
		"no column":         {0, 1000, progress.Count{Passed: 500, Worked: 500}, ""},
		"an unknown total":  {80, 0, progress.Count{Passed: 500, Worked: 500}, "500 asked 50.0/s, 10s"},
		"all":               {80, 1000, progress.Count{Passed: 1000, Worked: 1000}, "1000 of 1000 " + strings.Repeat("█", 40) + " 100.0/s, 10s"},
		"more than all":     {80, 1000, progress.Count{Passed: 1001, Worked: 1001}, "1001 of 1000 " + strings.Repeat("█", 40) + " 100.1/s, 10s"},
		"nothing yet":       {80, 1000, progress.Count{}, "0 of 1000 " + strings.Repeat("░", 40) + " 0.0/s, 10s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var screen strings.Builder
				bar := progress.NewBar(&screen, func() int { return test.width }, test.total)
				time.Sleep(10 * time.Second)
				bar.Set(test.now)
				if got := last(screen.String()); got != test.want || (test.width > 0 && utf8.RuneCountInString(got) >= test.width) {
					t.Errorf("got  %s\nwant %s", got, test.want)
				}
			})
		})
	}
}

// It is not drawn more often than anybody can see; lines stand above it; and it ends with its last state.
func TestBarOverTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var screen strings.Builder
		bar := progress.NewBar(&screen, func() int { return 80 }, 1000)
		for i := range 1000 {
			time.Sleep(time.Millisecond)
			bar.Set(progress.Count{Passed: i + 1, Worked: i + 1})
		}
		if drawn := strings.Count(screen.String(), "\r"); drawn != 11 {
			t.Errorf("drawn %d times in a second", drawn)
		}
		bar.Above("one is unknown\n")
		bar.Close()
		if got := screen.String(); !strings.Contains(got, "\r\x1b[Kone is unknown\n\r\x1b[K1000 of 1000") || strings.Count(got, "\n") != 2 ||
			!strings.HasSuffix(got, " 1000.0/s, 1s\n") {
			t.Errorf("%q", got)
		}
	})
}
