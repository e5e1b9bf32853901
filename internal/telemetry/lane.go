package telemetry

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/zoneusage/zoneusage/jasperclient"
)

// The classes of callers.
const (
	classInteractive = "interactive"
	classBulk        = "bulk"
)

// laneVectors are the metrics of the events of lanes.
type laneVectors struct {
	waits   *prometheus.HistogramVec
	refused *prometheus.CounterVec
	calls   *prometheus.HistogramVec
	retries *prometheus.CounterVec
}

func newLaneVectors() laneVectors {
	return laneVectors{
		waits: histograms("lane_wait_seconds", "How long calls waited in the account's lane for their turn.",
			requestBuckets(), labelAccount, labelClass),
		refused: counters("lane_refused_total",
			"Questions turned away: no turn before their deadline, a full queue or a closed lane.", labelAccount, labelClass, labelCause),
		calls: histograms("upstream_call_duration_seconds", "How long Control Center took for a call, by outcome; rate_limited is an overrun.",
			callBuckets(), labelAccount, labelOutcome),
		retries: counters("upstream_retries_total", "Calls that entered the lane again after a failure or refusal.", labelAccount),
	}
}

func (v laneVectors) collectors() []prometheus.Collector {
	return []prometheus.Collector{v.waits, v.refused, v.calls, v.retries}
}

// A Lane counts the events of a client's lane under the name of the client's account. The name can change.
type Lane struct {
	metrics *Metrics
	named   atomic.Pointer[laneMetrics]
}

// laneMetrics are the metrics of one account, which are looked up once.
type laneMetrics struct {
	waits   [2]prometheus.Observer // interactive, bulk
	refused [2]map[jasperclient.Cause]prometheus.Counter
	calls   map[jasperclient.Outcome]prometheus.Observer
	retries prometheus.Counter
}

// NewLane makes a lane that counts nothing until it has a name.
func (m *Metrics) NewLane() *Lane { return &Lane{metrics: m} }

// Name sets the name of the lane's account. The counters start at 0, so that the first event of a kind is an increase too.
func (l *Lane) Name(account string) {
	v := l.metrics.lanes
	named := &laneMetrics{
		calls:   map[jasperclient.Outcome]prometheus.Observer{},
		retries: v.retries.WithLabelValues(account),
	}
	for i, class := range []string{classInteractive, classBulk} {
		named.waits[i] = v.waits.WithLabelValues(account, class)
		named.refused[i] = map[jasperclient.Cause]prometheus.Counter{}
		for _, cause := range []jasperclient.Cause{jasperclient.CauseDeadline, jasperclient.CauseFull, jasperclient.CauseClosed} {
			named.refused[i][cause] = v.refused.WithLabelValues(account, class, string(cause))
		}
	}
	for _, outcome := range []jasperclient.Outcome{
		jasperclient.OutcomeOK, jasperclient.OutcomeRefused, jasperclient.OutcomeRateLimited,
		jasperclient.OutcomeCredentialsRefused, jasperclient.OutcomeFailed, jasperclient.OutcomeInvalid,
	} {
		named.calls[outcome] = v.calls.WithLabelValues(account, string(outcome))
	}
	l.metrics.addAnswers(account)
	l.named.Store(named)
}

// Events are the callbacks for the client. Changed is not set, because the gauges are read at each scrape.
func (l *Lane) Events() jasperclient.Events {
	return jasperclient.Events{
		Turn: func(caller jasperclient.Caller, waited time.Duration) {
			if named := l.named.Load(); named != nil {
				named.waits[classIndex(caller)].Observe(waited.Seconds())
			}
		},
		Answered: func(outcome jasperclient.Outcome, took time.Duration) {
			if named := l.named.Load(); named != nil && named.calls[outcome] != nil {
				named.calls[outcome].Observe(took.Seconds())
			}
		},
		Retried: func() {
			if named := l.named.Load(); named != nil {
				named.retries.Inc()
			}
		},
		TurnedAway: func(caller jasperclient.Caller, cause jasperclient.Cause) {
			if named := l.named.Load(); named != nil && named.refused[classIndex(caller)][cause] != nil {
				named.refused[classIndex(caller)][cause].Inc()
			}
		},
	}
}

// classIndex is the index of the caller's class.
func classIndex(caller jasperclient.Caller) int {
	if caller.Bulk {
		return 1
	}
	return 0
}
