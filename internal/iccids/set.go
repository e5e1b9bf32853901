package iccids

import "github.com/zoneusage/zoneusage/jasperclient"

// A Set is a set of ICCIDs, of some twenty bytes each. The zero Set is empty.
type Set struct {
	members map[packed]struct{}
}

// packed is an ICCID of up to 22 digits, two a byte, and what is over all ones.
type packed [11]byte

// Add adds the ICCID, and reports whether it was not there before.
func (s *Set) Add(iccid jasperclient.ICCID) bool {
	if s.members == nil {
		s.members = map[packed]struct{}{}
	}
	before := len(s.members)
	s.members[pack(iccid)] = struct{}{}
	return len(s.members) > before
}

// Len is how many ICCIDs are in the set.
func (s *Set) Len() int { return len(s.members) }

func pack(iccid jasperclient.ICCID) (p packed) {
	for i := range 2 * len(p) {
		digit := byte(0xf)
		if i < len(iccid) {
			digit = iccid[i] - '0'
		}
		p[i/2] = p[i/2]<<4 | digit
	}
	return p
}
