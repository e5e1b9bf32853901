package jasperclient

import "time"

const (
	// maxSpacing bounds how far refusals lengthen the time between two calls.
	maxSpacing = time.Minute
	// minHold and maxHold bound how many answers a pace has to bring before a faster one is tried: at first a few, and
	// twice as many after each attempt that failed, so that an account which allows less than it is said to is seldom
	// asked too much.
	minHold = 4
	maxHold = 512
)

// A pace is the time between two calls. A refusal for calling too often doubles it, as the fair use policy asks; answers
// bring it back to what was good before, and from there step by step to what the account is said to allow, or to the
// fastest that is not refused.
type pace struct {
	base    time.Duration // what the account is said to allow
	spacing time.Duration // now
	good    time.Duration // the spacing that was last seen to do, until a faster one has proved itself
	bad     time.Duration // the slowest attempt that was refused since; 0 for none
	answers int           // since the last change
	hold    int           // answers before the next attempt
}

func newPace(base time.Duration) pace {
	return pace{base: base, spacing: base, good: base, hold: minHold}
}

// refused slows down.
func (p *pace) refused() {
	slower := min(2*p.spacing, max(maxSpacing, p.base))
	if p.spacing < p.good { // it was an attempt
		p.bad, p.hold = max(p.bad, p.spacing), min(2*p.hold, maxHold)
	} else {
		p.good, p.bad, p.hold = slower, 0, minHold
	}
	p.spacing, p.answers = slower, 0
}

// answered speeds up, step by step.
func (p *pace) answered() {
	p.answers++
	switch {
	case p.spacing > p.good: // half the way back to what was good, and the last bit at once
		p.spacing, p.answers = p.good+(p.spacing-p.good)/2, 0
		if p.spacing-p.good < p.good/16 {
			p.spacing = p.good
		}
	case p.answers >= p.hold && p.good > p.base:
		if p.spacing < p.good { // the attempt has proved itself
			p.hold = minHold
		}
		p.good, p.answers = p.spacing, 0
		p.spacing = max(p.base, p.faster())
	}
}

// faster is the next attempt: halfway to one that was refused, and a bold one when that is near or none was, since what
// the account allows can change.
func (p *pace) faster() time.Duration {
	if p.good <= p.bad {
		p.bad = 0
	}
	if p.bad != 0 && p.good-p.bad > p.good/32 {
		return (p.good + p.bad) / 2
	}
	return p.good * 3 / 4
}
