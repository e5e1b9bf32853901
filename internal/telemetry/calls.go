package telemetry

import (
	"maps"
	"path"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/service"
)

// doors are the doors of the service. A door's index here is its index in the counters.
var doors = [...]string{"grpc", "rest", "legacy"}

// otherMethod is the label of requests for a method that does not exist: nothing that a caller sends becomes a label.
const otherMethod = "other"

// maxCode is the last of gRPC's codes.
const maxCode = codes.Unauthenticated

// callCounters count one method's calls through one door. They are looked up once, and not with every call.
type callCounters struct {
	byCode   [maxCode + 1]prometheus.Counter
	duration prometheus.Observer
}

// newCalls makes the counters of each method. They start at 0, so that the first failure of a kind is an increase too. The
// gRPC door has no requests without a method, so its counters for them are REST's.
func (m *Metrics) newCalls() map[string]*[len(doors)]callCounters {
	calls := map[string]*[len(doors)]callCounters{}
	for _, method := range usagev1.UsageService_ServiceDesc.Methods {
		byDoor := new([len(doors)]callCounters)
		for i, name := range doors {
			byDoor[i] = m.newCallCounters(method.MethodName, name)
		}
		calls["/"+path.Join(usagev1.UsageService_ServiceDesc.ServiceName, method.MethodName)] = byDoor
	}
	others := new([len(doors)]callCounters)
	for i, name := range doors[1:] {
		others[i+1] = m.newCallCounters(otherMethod, name)
	}
	others[0] = others[1]
	calls[""] = others
	return calls
}

func (m *Metrics) newCallCounters(method, name string) callCounters {
	d := callCounters{duration: m.durations.WithLabelValues(method, name)}
	for code := range d.byCode {
		d.byCode[code] = m.requests.WithLabelValues(method, name, codes.Code(code).String())
	}
	return d
}

// answerCounters are an account's counters of answers, by source.
type answerCounters map[string]prometheus.Counter

// Called counts a call that has ended. It serves as the field Called of service.Config.
func (m *Metrics) Called(call service.Call) {
	byDoor, ok := m.calls[call.Method]
	if !ok {
		byDoor = m.calls[""]
	}
	through := &byDoor[max(slices.Index(doors[:], call.Door), 0)]
	code := call.Code
	if code > maxCode {
		code = codes.Unknown
	}
	through.byCode[code].Inc()
	if refused := m.refusals[call.Reason]; refused != nil {
		refused.Inc()
	}
	through.duration.Observe(call.Took.Seconds())
	if call.Source == "" {
		return
	}
	if counter, ok := (*m.answers.Load())[call.Account][call.Source]; ok {
		counter.Inc()
	}
}

// addAnswers makes the counters of an account's answers, which start at 0.
func (m *Metrics) addAnswers(account string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := maps.Clone(*m.answers.Load())
	next[account] = answerCounters{}
	for _, source := range []string{"live", "joined", "cache", "stale"} {
		next[account][source] = m.answersTotal.WithLabelValues(account, source)
	}
	m.answers.Store(&next)
}

// newRefusals makes the counters of callers that were not let in, which start at 0.
func (m *Metrics) newRefusals() map[string]prometheus.Counter {
	refusals := map[string]prometheus.Counter{}
	for _, reason := range []string{
		"CREDENTIALS_MISSING", "CREDENTIALS_INVALID", "NOT_ALLOWED", "CALLER_RATE_LIMITED", "ISSUER_UNAVAILABLE",
	} {
		refusals[reason] = m.refusedTotal.WithLabelValues(reason)
	}
	return refusals
}
