package iccids

import "github.com/zoneusage/zoneusage/jasperclient"

// A Set is a set of ICCIDs, which takes some twenty bytes for each. The zero Set is empty.
type Set struct {
	members map[packed]struct{}
}

// packed is an ICCID of up to 22 digits, two digits to a byte. Unused halves of bytes have all bits set.
type packed [11]byte

// Add adds the ICCID, and reports whether it is new.
func (s *Set) Add(iccid jasperclient.ICCID) bool {
	if s.members == nil {
		s.members = map[packed]struct{}{}
	}
	before := len(s.members)
	s.members[pack(iccid)] = struct{}{}
	return len(s.members) > before
}

// Len is the number of ICCIDs in the set.
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
