package sandbox

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// faultPlan decides which fault a call takes.
type faultPlan struct {
	mu     sync.Mutex
	script []Fault // for the next calls, one each
	shared []Fault // for the calls after that
	random *rand.Rand
}

func (p *faultPlan) set(seed uint64, faults []Fault) error {
	var script, shared []Fault
	shares := 0.0
	for i, fault := range faults {
		if err := fault.check(); err != nil {
			return fmt.Errorf("fault %d: %w", i, err)
		}
		if fault.Share == 0 {
			script = append(script, fault)
			continue
		}
		shared = append(shared, fault)
		shares += fault.Share
	}
	if shares > 1+1e-9 { // ten times 0.1 is not quite 1
		return fmt.Errorf("faults: their shares are %v together, more than 1", shares)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script, p.shared = script, shared
	p.seed(seed)
	return nil
}

func (p *faultPlan) copy() []Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	faults := make([]Fault, 0, len(p.script)+len(p.shared))
	return append(append(faults, p.script...), p.shared...)
}

// seed makes the draws begin anew. The second word makes them differ from the
// draws of generated devices.
func (p *faultPlan) seed(seed uint64) {
	p.random = rand.New(rand.NewPCG(seed, 1<<63))
}

// next returns the fault of a call and how long it waits for its answer.
func (p *faultPlan) next() (Fault, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fault := p.draw()
	if fault.Jitter == 0 {
		return fault, fault.Delay
	}
	return fault, fault.Delay + time.Duration(p.random.Int64N(int64(fault.Jitter)))
}

func (p *faultPlan) draw() Fault {
	if len(p.script) > 0 {
		fault := p.script[0]
		p.script = p.script[1:]
		return fault
	}
	if p.shared == nil {
		return Fault{}
	}
	drawn := p.random.Float64() // below 1: a share of 1 is every call
	for _, fault := range p.shared {
		if drawn < fault.Share {
			return fault
		}
		drawn -= fault.Share
	}
	return Fault{}
}
