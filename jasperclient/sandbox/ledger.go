package sandbox

import (
	"iter"
	"sync"
	"time"
)

// Ledger is what a Sandbox has counted since [New]: over all its accounts, and
// for each account by its user name.
type Ledger struct {
	Counts
	ByAccount map[string]Counts `json:"byAccount"`
}

// Counts are the calls of an account, or of all accounts together.
type Counts struct {
	Calls        int `json:"calls"`        // that arrived, including overruns
	Overruns     int `json:"overruns"`     // beyond what [WithFairUse] allows
	MostInFlight int `json:"mostInFlight"` // at once, including overruns
}

// Ledger returns a copy of the ledger as it stands now.
func (s *Sandbox) Ledger() Ledger { return s.ledger.copy() }

// ledger counts the calls of accounts and applies each account's law to them.
type ledger struct {
	mu       sync.Mutex
	total    tally
	accounts map[string]*account
}

// account is one account's page of the ledger.
type account struct {
	tally
	law fairUse
}

// tally keeps counts. A call is in flight from its arrival until the last byte of
// its answer is sent, including the latency. A refused call is in flight too.
type tally struct {
	Counts
	inFlight int
}

// newLedger gives each account its own copy of law, which has admitted nothing
// yet: so the copies share nothing.
func newLedger(usernames iter.Seq[string], law fairUse) *ledger {
	l := &ledger{accounts: make(map[string]*account)}
	for username := range usernames {
		l.accounts[username] = &account{law: law}
	}
	return l
}

// arrive counts a call of an account and says whether it is allowed. The call
// is in flight until leave.
func (l *ledger) arrive(username string) (allowed bool, leave func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accounts[username]
	l.total.arrive()
	a.arrive()
	// Not the sandbox's clock: it may stand still, and then a second would
	// never pass. Read under the lock, so that no call is older than the one
	// counted before it.
	allowed = a.law.admit(a.inFlight, time.Now())
	if !allowed {
		l.total.Overruns++
		a.Overruns++
	}
	return allowed, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.total.inFlight--
		a.inFlight--
	}
}

func (t *tally) arrive() {
	t.Calls++
	t.inFlight++
	t.MostInFlight = max(t.MostInFlight, t.inFlight)
}

func (l *ledger) copy() Ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	byAccount := make(map[string]Counts, len(l.accounts))
	for username, a := range l.accounts {
		byAccount[username] = a.Counts
	}
	return Ledger{Counts: l.total.Counts, ByAccount: byAccount}
}
