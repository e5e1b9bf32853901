package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/zoneusage/zoneusage/jasperclient"
	"github.com/zoneusage/zoneusage/service"
)

// accounts are the gauges of the accounts that exist at the time of a scrape. Gauges of a removed account disappear.
type accounts struct{ states func() []service.AccountState }

// The gauges of an account.
var (
	cacheBytes   = accountGauge("cache_bytes", "Memory of the answers that are kept.")
	cacheLimit   = accountGauge("cache_limit_bytes", "The bound of that memory.")
	cacheAnswers = accountGauge("cache_answers", "Answers that are kept.")
	laneWaiting  = accountGauge("lane_waiting", "Questions that wait for their turn in the account's lane.", labelClass)
	laneInFlight = accountGauge("lane_in_flight", "Calls of Control Center that are under way.")
	laneSpacing  = accountGauge("lane_spacing_seconds", "The present time between two calls.")
	laneAllowed  = accountGauge("lane_allowed_spacing_seconds", "The time between two calls at the configured rate.")
	laneClosed   = accountGauge("lane_closed",
		"Whether no call is made for a while: Control Center keeps failing, or refuses the credentials.", labelReason)
)

func accountGauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, append([]string{labelAccount}, labels...), nil)
}

// Describe implements prometheus.Collector.
func (*accounts) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		cacheBytes, cacheLimit, cacheAnswers, laneWaiting, laneInFlight, laneSpacing, laneAllowed, laneClosed,
	} {
		descs <- desc
	}
}

// Collect implements prometheus.Collector.
func (c *accounts) Collect(metrics chan<- prometheus.Metric) {
	for _, state := range c.states() {
		gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
			metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, append([]string{state.Name}, labels...)...)
		}
		gauge(cacheBytes, float64(state.CacheBytes))
		gauge(cacheLimit, float64(state.CacheLimit))
		gauge(cacheAnswers, float64(state.CacheAnswers))
		gauge(laneWaiting, float64(state.Lane.Waiting), classInteractive)
		gauge(laneWaiting, float64(state.Lane.WaitingBulk), classBulk)
		gauge(laneInFlight, float64(state.Lane.InFlight))
		gauge(laneSpacing, state.Lane.Spacing.Seconds())
		gauge(laneAllowed, state.Lane.AllowedSpacing.Seconds())
		for _, reason := range []jasperclient.ClosedReason{jasperclient.ClosedFailing, jasperclient.ClosedCredentials} {
			closed := 0.0
			if state.Lane.Closed == reason && state.Lane.Shut() {
				closed = 1
			}
			gauge(laneClosed, closed, string(reason))
		}
	}
}
