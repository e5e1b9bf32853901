package sandbox

import "math"

// builtIn returns the built-in fleet. The ICCIDs that begin with 8999901 are
// invented: 999 is not a country's code. The usage of each device moves with the
// clock, so that "current" is always the current cycle.
func builtIn() []device {
	return []device{
		vendorExample(),
		vendorSampleLuhn(),
		vendorSamplePrefix(),
		severalZones(),
		prepaidRenewed(),
		punctuation(),
		scripts(),
		noUsage(),
		zerosBesideNulls(),
		largeNumbers(),
		overflowingSum(),
		threeCycles(),
		planChanged(),
		longICCID(),
		recordedExample(),
		emptyPlan(),
	}
}

// anotherICCID names a device that is not the one asked about.
func anotherICCID(iccid string) string {
	if another := vendorExample().ICCID; another != iccid {
		return another
	}
	return vendorSampleLuhn().ICCID
}

// vendorExample has, in the current cycle, the numbers of the example on the
// vendor's page. In the earlier cycles its rate plan B had an older version.
func vendorExample() device {
	return device{
		Device{"8988217755520000031", "the vendor's example answer in the current cycle, other numbers before; nothing used in Rate Plan A's Zone B"},
		[3][]planUsage{
			{
				{"Rate Plan A", 1, []zoneUsage{{zone: "default zone", voiceMO: used(600)}}},
				{"Rate Plan B", 2, []zoneUsage{{zone: "default zone", data: used(943718), voiceMO: used(943718)}}},
			},
			{
				{"Rate Plan A", 1, []zoneUsage{{zone: "default zone", voiceMO: used(540)}}},
				{"Rate Plan B", 1, []zoneUsage{{zone: "default zone", data: used(812646), voiceMO: used(7200)}}},
			},
			{
				{"Rate Plan B", 1, []zoneUsage{{zone: "default zone", data: used(524288)}}},
			},
		},
	}
}

// vendorSampleLuhn has an ICCID that other pages of the vendor use.
func vendorSampleLuhn() device {
	return device{
		Device{"8988216716970004975", "a sample ICCID of the vendor's whose Luhn check fails"},
		everyCycle(planUsage{"Rate Plan A", 1, []zoneUsage{{zone: "default zone", data: used(1048576)}}}),
	}
}

// vendorSamplePrefix has an ICCID that other pages of the vendor use.
func vendorSamplePrefix() device {
	return device{
		Device{"9989203000880000201", "a sample ICCID of the vendor's that does not begin with 89"},
		everyCycle(planUsage{"Rate Plan B", 2, []zoneUsage{{zone: "default zone", data: used(2097152), smsMO: used(3)}}}),
	}
}

// severalZones shows that a rate plan has as many records as zones. They are
// declared out of order: the answer sorts them.
func severalZones() device {
	return device{
		Device{"8999901000000000019", "three zones in one rate plan: reading the first alone loses usage"},
		everyCycle(planUsage{"Rate Plan A", 1, []zoneUsage{
			{zone: "default zone", data: used(10485760), voiceMO: used(120), smsMT: used(4)},
			{zone: "Zone B", data: used(734003), smsMO: used(1)},
			{zone: "Zone A", data: used(5242880), voiceMT: used(61)},
		}}),
	}
}

// prepaidRenewed shows why the version is part of the key: a prepaid plan can
// be used in two versions in one cycle. As text, 10 comes before 9.
func prepaidRenewed() device {
	return device{
		Device{"8999901000000000027", "versions 9 and 10 of a prepaid rate plan in one cycle, sorted as numbers"},
		[3][]planUsage{
			{
				{"Prepaid 100MB", 10, []zoneUsage{{zone: "default zone", data: used(31457280)}}},
				{"Prepaid 100MB", 9, []zoneUsage{{zone: "default zone", data: used(104857600)}}},
			},
			{{"Prepaid 100MB", 9, []zoneUsage{{zone: "default zone", data: used(88080384)}}}},
			{{"Prepaid 100MB", 8, []zoneUsage{{zone: "default zone", data: used(99614720)}}}},
		},
	}
}

// punctuation has names that break a key split at the first comma and a query
// that is not percent-encoded.
func punctuation() device {
	return device{
		Device{"8999901000000000035", `names with a comma and & + % / "`},
		everyCycle(
			planUsage{"Fleet, Car & Truck + 50% / \"Gold\"", 1, []zoneUsage{
				{zone: "EU, EEA & CH", data: used(73400320)},
				{zone: "50% + \"roaming\" / <other>", data: used(1310720), smsMT: used(12)},
			}},
			planUsage{"M2M, 2, 3", 4, []zoneUsage{{zone: "a+b=c;d", data: used(2048)}}},
		),
	}
}

// scripts has names beyond ASCII, which the charset of error answers lacks.
func scripts() device {
	return device{
		Device{"8999901000000000043", "names in Chinese and with an emoji"},
		everyCycle(
			planUsage{"物联网套餐, 100兆", 1, []zoneUsage{{zone: "中国大陆", data: used(52428800)}}},
			planUsage{"Voyage 🚗 été", 2, []zoneUsage{{zone: "🌍 monde", data: used(4194304), voiceMO: used(95)}}},
		),
	}
}

// noUsage shows an answer without any record, in each cycle.
func noUsage() device {
	return device{
		Device{"8999901000000000050", "no usage at all, in any cycle"},
		everyCycle(),
	}
}

// zerosBesideNulls shows that 0 was reported and null was not.
func zerosBesideNulls() device {
	return device{
		Device{"8999901000000000068", "zeros beside nulls: 0 was reported, null was not"},
		everyCycle(planUsage{"Rate Plan B", 2, []zoneUsage{
			{zone: "default zone", data: used(0), voiceMO: used(0), smsMT: used(0)},
			{zone: "Zone A", voiceMT: used(0), smsMO: used(0)},
		}}),
	}
}

// largeNumbers breaks clients that read numbers as float64 or int32.
func largeNumbers() device {
	return device{
		Device{"8999901000000000076", "values from 2^31+1 and 2^53+1 to 2^63-1"},
		everyCycle(planUsage{"Backhaul Unlimited", 1, []zoneUsage{
			{zone: "Zone A", data: used(math.MaxInt64), voiceMT: used(1<<53 + 1)},
			{zone: "Zone B", smsMT: used(1<<31 + 1)},
		}}),
	}
}

// overflowingSum breaks clients that add up without looking.
func overflowingSum() device {
	return device{
		Device{"8999901000000000134", "data whose sum over two zones is above 2^63-1"},
		everyCycle(planUsage{"Backhaul Unlimited", 1, []zoneUsage{
			{zone: "Zone A", data: used(math.MaxInt64)},
			{zone: "Zone B", data: used(1)},
		}}),
	}
}

// threeCycles has different numbers in each cycle.
func threeCycles() device {
	return device{
		Device{"8999901000000000084", "three cycles told apart by their data: 3000 now, 2000 before, 1000 before that"},
		[3][]planUsage{
			{{"Rate Plan A", 1, []zoneUsage{{zone: "default zone", data: used(3000)}}}},
			{{"Rate Plan A", 1, []zoneUsage{{zone: "default zone", data: used(2000)}}}},
			{{"Rate Plan A", 1, []zoneUsage{{zone: "default zone", data: used(1000)}}}},
		},
	}
}

// planChanged moved from one rate plan to another within the current cycle, which
// has the usage on both.
func planChanged() device {
	return device{
		Device{"8999901000000000092", "a rate plan changed in the middle of the current cycle"},
		[3][]planUsage{
			{
				{"Starter 10MB", 1, []zoneUsage{{zone: "default zone", data: used(9437184)}}},
				{"Standard 500MB", 1, []zoneUsage{{zone: "default zone", data: used(146800640)}}},
			},
			{{"Starter 10MB", 1, []zoneUsage{{zone: "default zone", data: used(10276044)}}}},
			{{"Starter 10MB", 1, []zoneUsage{{zone: "default zone", data: used(8912896)}}}},
		},
	}
}

// longICCID breaks clients that keep an ICCID in an int64 or in 19 characters.
func longICCID() device {
	return device{
		Device{"89999010000000000109", "an ICCID of 20 digits, more than an int64 holds"},
		everyCycle(planUsage{"Rate Plan A", 1, []zoneUsage{{zone: "default zone", data: used(20202020)}}}),
	}
}

// recordedExample has the one record seen in recorded traffic of another
// account, whose plan and zone names hold underscores and a hyphen.
func recordedExample() device {
	return device{
		Device{"8999901000000000118", "a record of real traffic: 620WLW005721_MON-FLEX_300M_SP"},
		everyCycle(planUsage{"620WLW005721_MON-FLEX_300M_SP", 1, []zoneUsage{
			{zone: "620WLW005721_xz01gz_zone1", data: used(61489152)},
		}}),
	}
}

// emptyPlan was on a rate plan without using it: a zone without service is
// absent, so its array is empty and its key alone names plan and version.
func emptyPlan() device {
	return device{
		Device{"8999901000000000126", `an empty array: "key, with, commas, 3": []`},
		everyCycle(planUsage{"key, with, commas", 3, nil}),
	}
}
