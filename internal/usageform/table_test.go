package usageform_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/usageform"
)

const heading = `billing cycle 2016-10-31 10:30:00 UTC to 2016-11-30 10:29:59 UTC, as of 2016-11-10 05:31:17 UTC

`

// A terminal has bars where there is room for them, a table without them where there is less, and else a list.
func TestTheVendorsExampleInTerminals(t *testing.T) {
	for name, test := range map[string]struct {
		width int
		want  string
	}{
		"wide": {123, `
RATE PLAN       ZONE                           DATA            VOICE MT                  VOICE MO            SMS MT  SMS MO
Rate Plan A, 1  default zone                      —                   —               600 s · 10m  ▏              —       —
Rate Plan B, 2  default zone  943,718 B · 921.6 KiB  ████████         —   943,718 s · 10d22h8m38s  ████████       —       —
Total                         943,718 B · 921.6 KiB                   —  944,318 s · 10d22h18m38s                 —       —
`},
		"usual": {122, `
RATE PLAN       ZONE                           DATA  VOICE MT                  VOICE MO  SMS MT  SMS MO
Rate Plan A, 1  default zone                      —         —               600 s · 10m       —       —
Rate Plan B, 2  default zone  943,718 B · 921.6 KiB         —   943,718 s · 10d22h8m38s       —       —
Total                         943,718 B · 921.6 KiB         —  944,318 s · 10d22h18m38s       —       —
`},
		"narrow": {40, `
Rate Plan A, 1 · default zone
  DATA      —
  VOICE MT  —
  VOICE MO  600 s · 10m
  SMS MT    —
  SMS MO    —
Rate Plan B, 2 · default zone
  DATA      943,718 B · 921.6 KiB
  VOICE MT  —
  VOICE MO  943,718 s · 10d22h8m38s
  SMS MT    —
  SMS MO    —
Total
  DATA      943,718 B · 921.6 KiB
  VOICE MT  —
  VOICE MO  944,318 s · 10d22h18m38s
  SMS MT    —
  SMS MO    —
`},
	} {
		t.Run(name, func(t *testing.T) {
			want := "8988217755520000031\n" + heading + strings.TrimPrefix(test.want, "\n")
			if got := write(t, usageform.Table(usageform.Style{Width: test.width}), vendorExample()); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// What was not reported is not 0, the largest bar is the largest zone's, and wide characters take two columns.
func TestTable(t *testing.T) {
	usage := func(data, sms int64) *usagev1.Usage {
		return &usagev1.Usage{DataBytes: proto.Int64(data), VoiceMtSeconds: proto.Int64(0), SmsMtMessages: proto.Int64(sms)}
	}
	got := write(t, usageform.Table(usageform.Style{}),
		answer("8999901000000000043", usage(1<<63-1, 59), plan("套餐", 1,
			zone("区域", usage(1<<62, 59)), zone("é", usage(1<<61, 0)), zone("\x1b[31mred", usage(1, 0)))),
		answer("8999901000000000050", &usagev1.Usage{}),
		answer("8999901000000000126", &usagev1.Usage{}, plan("key, with, commas", 3)))
	want := "8999901000000000043\n" + heading +
		`RATE PLAN  ZONE                                            DATA            VOICE MT  VOICE MO  SMS MT            SMS MO
套餐, 1    区域           4,611,686,018,427,387,904 B · 4.0 EiB  ████████       0 s         —      59  ████████       —
套餐, 1    é              2,305,843,009,213,693,952 B · 2.0 EiB  ████           0 s         —       0                 —
套餐, 1    "\x1b[31mred"                                    1 B  ▏              0 s         —       0                 —
Total                     9,223,372,036,854,775,807 B · 8.0 EiB                 0 s         —      59                 —

8999901000000000050
` + heading + `Control Center reported no usage.

8999901000000000126
` + heading + `RATE PLAN             ZONE  DATA  VOICE MT  VOICE MO  SMS MT  SMS MO
key, with, commas, 3  —        —         —         —       —       —
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestColor(t *testing.T) {
	plain, colored := usageform.Table(usageform.Style{}), usageform.Table(usageform.Style{Color: true})
	text := write(t, colored, vendorExample())
	for _, sequence := range []string{"\x1b[1m", "\x1b[0m"} {
		if !strings.Contains(text, sequence) {
			t.Errorf("there is no %q in\n%s", sequence, text)
		}
		text = strings.ReplaceAll(text, sequence, "")
	}
	if want := write(t, plain, vendorExample()); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

// No unit has 1024 of it: what is rounded up to that is 1 of the next.
func TestBytesForPeople(t *testing.T) {
	for n, want := range map[int64]string{
		1023: "1,023 B", 1024: "1.0 KiB", 1<<20 - 52: "1023.9 KiB", 1<<20 - 1: "1.0 MiB", 1<<40 - 1: "1.0 TiB", 1<<63 - 1: "8.0 EiB",
	} {
		text := write(t, usageform.Table(usageform.Style{}), answer("8999901000000000050", &usagev1.Usage{DataBytes: &n}, plan("A", 1, zone("B", &usagev1.Usage{DataBytes: &n}))))
		if !strings.Contains(text, want) {
			t.Errorf("%d bytes are\n%s\nwant %s", n, text, want)
		}
	}
}
