package usageform

import usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"

// kinds are the kinds of usage, in the order of the contract.
var kinds = []struct {
	title string
	text  func(int64) string          // the exact number, with its unit, and a rounded one for people
	of    func(*usagev1.Usage) *int64 // nil if not reported
}{
	{"DATA", bytesText, func(u *usagev1.Usage) *int64 { return u.DataBytes }},
	{"VOICE MT", secondsText, func(u *usagev1.Usage) *int64 { return u.VoiceMtSeconds }},
	{"VOICE MO", secondsText, func(u *usagev1.Usage) *int64 { return u.VoiceMoSeconds }},
	{"SMS MT", grouped, func(u *usagev1.Usage) *int64 { return u.SmsMtMessages }},
	{"SMS MO", grouped, func(u *usagev1.Usage) *int64 { return u.SmsMoMessages }},
}
