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

// doors are those of the service, and indexes of what is counted by door.
var doors = [...]string{"grpc", "rest", "legacy"}

// otherMethod is the label of requests that are for no method: what a caller sends is no label.
const otherMethod = "other"

// maxCode is the last of gRPC's codes.
const maxCode = codes.Unauthenticated

// A door is what is counted of one method's calls through one door. It is looked up once, and not with every call.
type door struct {
	byCode   [maxCode + 1]prometheus.Counter
	duration prometheus.Observer
}

// newCalls makes the counters of each method, from 0: the first failure of a kind is an increase too. No gRPC call is of
// no method.
func (m *Metrics) newCalls() map[string]*[len(doors)]door {
	calls := map[string]*[len(doors)]door{}
	for _, method := range usagev1.UsageService_ServiceDesc.Methods {
		byDoor := new([len(doors)]door)
		for i, name := range doors {
			byDoor[i] = m.newDoor(method.MethodName, name)
		}
		calls["/"+path.Join(usagev1.UsageService_ServiceDesc.ServiceName, method.MethodName)] = byDoor
	}
	others := new([len(doors)]door)
	for i, name := range doors[1:] {
		others[i+1] = m.newDoor(otherMethod, name)
	}
	others[0] = others[1]
	calls[""] = others
	return calls
}

func (m *Metrics) newDoor(method, name string) door {
	d := door{duration: m.durations.WithLabelValues(method, name)}
	for code := range d.byCode {
		d.byCode[code] = m.requests.WithLabelValues(method, name, codes.Code(code).String())
	}
	return d
}

// sources are an account's counters of answers.
type sources map[string]prometheus.Counter

// Called counts a call that has ended. It is for service.Config.
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

// addAnswers makes the counters of an account's answers, from 0.
func (m *Metrics) addAnswers(account string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := maps.Clone(*m.answers.Load())
	next[account] = sources{}
	for _, source := range []string{"live", "joined", "cache", "stale"} {
		next[account][source] = m.given.WithLabelValues(account, source)
	}
	m.answers.Store(&next)
}

// newRefusals makes the counters of callers who were not let in, from 0.
func (m *Metrics) newRefusals() map[string]prometheus.Counter {
	refusals := map[string]prometheus.Counter{}
	for _, reason := range []string{
		"CREDENTIALS_MISSING", "CREDENTIALS_INVALID", "NOT_ALLOWED", "CALLER_RATE_LIMITED", "ISSUER_UNAVAILABLE",
	} {
		refusals[reason] = m.refused.WithLabelValues(reason)
	}
	return refusals
}
