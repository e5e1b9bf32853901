package jasperclient

import "time"

const (
	// maxSpacing bounds how far refusals lengthen the time between two calls.
	maxSpacing = time.Minute
	// minHold and maxHold bound how many answers must come before a faster pace is tried: at first a few, and twice as many
	// after each faster pace that was refused, so that an account that allows less than it is said to is seldom asked too
	// often.
	minHold = 4
	maxHold = 512
)

// A pace is the time between two calls. A refusal for calling too often doubles it, as the fair use policy asks. Answers
// bring it back to what was good before, and from there step by step to what the account is said to allow, or to the
// fastest pace that is not refused.
type pace struct {
	base    time.Duration // what the account is said to allow
	spacing time.Duration // now
	good    time.Duration // the last spacing that worked, until a faster one has proved itself
	bad     time.Duration // the slowest of the faster spacings that were refused since; 0 if none was
	answers int           // since the last change
	hold    int           // answers needed before a faster spacing is tried
}

func newPace(base time.Duration) pace {
	return pace{base: base, spacing: base, good: base, hold: minHold}
}

// refused slows down.
func (p *pace) refused() {
	slower := min(2*p.spacing, max(maxSpacing, p.base))
	if p.spacing < p.good { // a faster spacing was being tried
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
	case p.spacing > p.good: // halfway back to what was good, and the last bit at once
		p.spacing, p.answers = p.good+(p.spacing-p.good)/2, 0
		if p.spacing-p.good < p.good/16 {
			p.spacing = p.good
		}
	case p.answers >= p.hold && p.good > p.base:
		if p.spacing < p.good { // the faster spacing has proved itself
			p.hold = minHold
		}
		p.good, p.answers = p.spacing, 0
		p.spacing = max(p.base, p.faster())
	}
}

// faster is the next spacing to try: halfway to the one that was refused, or a bold step if that is near or none was
// refused, because what the account allows can change.
func (p *pace) faster() time.Duration {
	if p.good <= p.bad {
		p.bad = 0
	}
	if p.bad != 0 && p.good-p.bad > p.good/32 {
		return (p.good + p.bad) / 2
	}
	return p.good * 3 / 4
}
