package sandbox

import (
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/zoneusage/zoneusage/internal/controlcenter"
)

// Sandbox is an imitated Control Center with one or more accounts. After [New]
// only the ledger and the faults change, each under its own lock, so that a
// Sandbox may serve any number of requests at once.
type Sandbox struct {
	username, apiKey string            // of the first account
	apiKeys          map[string]string // of all accounts, by user name
	now              func() time.Time
	billing          billing
	generated        generatedFleet
	latency          time.Duration
	emptyUsage       EmptyUsage
	dates            dateRules
	rateLimitStatus  int
	fairUse          fairUse

	fleet     map[string]device
	ratePlans ratePlans
	ledger    *ledger
	faults    faultPlan
}

// New returns a Sandbox with the built-in fleet, changed by opts. It fails when
// the value of an option is impossible.
func New(opts ...Option) (*Sandbox, error) {
	s := &Sandbox{
		username: "sandbox",
		apiKey:   "sandbox",
		apiKeys:  make(map[string]string),
		now:      time.Now,
		// The billing cycle of the vendor's example begins at 10:30 UTC on the
		// last day of a month: local midnight of the 1st, 13:30 ahead of UTC.
		billing:         billing{zone: time.FixedZone("UTC+13:30", (13*60+30)*60), day: 1},
		dates:           dateRules{midCycle: true},
		rateLimitStatus: http.StatusTooManyRequests,
		fleet:           make(map[string]device),
		ratePlans:       make(ratePlans),
	}
	for _, opt := range opts {
		if err := opt(s); err != nil {
			return nil, fmt.Errorf("sandbox: %w", err)
		}
	}
	if err := s.addAccount(s.username, s.apiKey); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	for _, d := range builtIn() {
		s.fleet[d.ICCID] = d
		for _, cycle := range d.cycles {
			s.ratePlans.add(cycle)
		}
	}
	if s.generated.devices > 0 {
		s.ratePlans.add(generatedRatePlans())
	}
	s.ledger = newLedger(maps.Keys(s.apiKeys), s.fairUse)
	s.faults.seed(s.generated.seed) // which may have been set after the faults
	return s, nil
}

// ServeHTTP answers one call, after the latency asked for. It counts the call,
// and decides whether it is an overrun, when it arrives. Some faults abort it
// with [http.ErrAbortHandler].
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	version, iccid, found := controlcenter.ReadPath(r.URL)
	username, authorized := s.authorized(r)
	if found && authorized && controlcenter.IsReadMethod(r.Method) {
		s.serveCall(w, r, username, version, iccid)
		return
	}
	switch {
	case !pause(r, s.latency):
		writeTimeout(w)
	case !found:
		controlcenter.WriteHTML(w, http.StatusNotFound)
	case r.Header.Get("Authorization") == "":
		controlcenter.AuthenticationRequired.Write(w)
	case !authorized:
		controlcenter.InvalidCredentials.Write(w)
	default:
		controlcenter.WriteMethodNotAllowed(w)
	}
}

// serveCall answers a call of an account.
func (s *Sandbox) serveCall(w http.ResponseWriter, r *http.Request, username, version, iccid string) {
	allowed, leave := s.ledger.arrive(username)
	leave = sync.OnceFunc(leave)
	defer leave()
	var fault Fault
	var delay time.Duration
	if allowed {
		fault, delay = s.faults.next()
	}
	if fault.Kind == FaultHang {
		<-r.Context().Done()
	}
	if !pause(r, s.latency+delay) {
		writeTimeout(w)
		return
	}
	p := &page{ResponseWriter: w, request: r}
	switch {
	case !allowed:
		s.errRateLimit().Write(p)
	case fault.Kind == FaultServerError:
		controlcenter.UnknownServerError.Write(p)
	case fault.Kind == FaultBadGateway:
		controlcenter.WriteHTML(p, http.StatusBadGateway)
	case fault.Kind == FaultUnavailable:
		controlcenter.WriteHTML(p, http.StatusServiceUnavailable)
	case fault.Kind == FaultWrongICCID:
		s.serveUsage(p, version, anotherICCID(iccid), r.URL.RawQuery)
	default:
		s.serveUsage(p, version, iccid, r.URL.RawQuery)
	}
	p.distort(fault.Kind)
	p.send(fault, leave)
}

// writeTimeout answers a call whose context ended while the client still
// listens: as a server in front does at its time-out, with HTML.
func writeTimeout(w http.ResponseWriter) {
	controlcenter.WriteHTML(w, http.StatusServiceUnavailable)
}

// pause lets d pass and reports whether the request outlived it.
func pause(r *http.Request, d time.Duration) bool {
	if r.Context().Err() != nil {
		return false
	}
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func (s *Sandbox) serveUsage(w http.ResponseWriter, version, iccid, rawQuery string) {
	answer, err := s.usageInZone(version, iccid, rawQuery)
	if err != nil {
		err.Write(w)
		return
	}
	answer.Write(w)
}

// usageInZone answers one question, or says which of the vendor's errors it is.
// The vendor does not say which error wins when a request has several. Here the
// form of the request comes first (version, parameters, date), then the things
// it names, from the whole to the part: device, cycle, rate plan, zone.
func (s *Sandbox) usageInZone(version, iccid, rawQuery string) (controlcenter.Answer, *controlcenter.Refusal) {
	now := s.now()
	cycles := s.billing.lastThree(now)
	if code, ok := troubleCode(iccid); ok {
		return controlcenter.Answer{}, s.trouble(code, cycles)
	}
	if version != "1" {
		return controlcenter.Answer{}, controlcenter.InvalidAPIVersion
	}
	q, err := controlcenter.ReadQuery(rawQuery)
	if err != nil {
		return controlcenter.Answer{}, err
	}
	date, err := s.dates.parse(q.CycleStartDate)
	if err != nil {
		return controlcenter.Answer{}, err
	}
	usageOf, ok := s.find(iccid)
	if !ok {
		return controlcenter.Answer{}, controlcenter.InvalidICCID
	}
	age, err := s.dates.selectCycle(date, cycles)
	if err != nil {
		return controlcenter.Answer{}, err
	}
	if err := s.ratePlans.check(q.RatePlan, q.Zone); err != nil {
		return controlcenter.Answer{}, err
	}
	usage := filter(usageOf(age, cycles[age]), q.RatePlan, q.Zone)
	return newAnswer(iccid, now, cycles[age], usage, s.emptyUsage), nil
}
