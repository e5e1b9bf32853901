// Package telemetry is what an operator sees of a running zoneusage: metrics for Prometheus, the HTTP server for metrics,
// health and profiles, and traces for OpenTelemetry.
package telemetry

import (
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/zoneusage/zoneusage/service"
)

// namespace begins every metric's name.
const namespace = "zoneusage"

// The names of the labels. No label ever holds a value that a caller sent.
const (
	labelAccount     = "account"
	labelCause       = "cause"
	labelCertificate = "certificate"
	labelClass       = "class"
	labelCode        = "code"
	labelDoor        = "door"
	labelFile        = "file"
	labelMethod      = "method"
	labelOutcome     = "outcome"
	labelReason      = "reason"
	labelSource      = "source"
)

// Metrics are the metrics of one zoneusage, in a registry of their own.
type Metrics struct {
	registry *prometheus.Registry

	requests     *prometheus.CounterVec
	durations    *prometheus.HistogramVec
	calls        map[string]*[len(doors)]callCounters // by method
	refusedTotal *prometheus.CounterVec
	refusals     map[string]prometheus.Counter // by reason

	mu           sync.Mutex // of changes to answers
	answers      atomic.Pointer[map[string]answerCounters]
	answersTotal *prometheus.CounterVec

	lanes       laneVectors
	connections *prometheus.GaugeVec
	expiry      *prometheus.GaugeVec
	reloads     *prometheus.GaugeVec
}

// New makes the metrics. Version and revision are those of the program.
func New(version, revision string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: counters("requests_total",
			"Calls of UsageService that have ended, and requests that a door of HTTP refused, by gRPC code.",
			labelMethod, labelDoor, labelCode),
		durations:    histograms("request_duration_seconds", "How long those calls and requests took, from their headers to their end.", requestBuckets(), labelMethod, labelDoor),
		refusedTotal: counters("callers_refused_total", "Requests whose caller was refused, by the error's reason.", labelReason),
		answersTotal: counters("answers_total",
			"Answers, by source: live, joined (another question's call), cache or stale.", labelAccount, labelSource),
		lanes:       newLaneVectors(),
		connections: gauges("connections", "Connections that are open.", labelDoor),
		expiry: gauges("certificate_expiry_timestamp_seconds",
			"When the certificate expires; of several, the first that does.", labelCertificate),
		reloads: gauges("reload_failed", "Whether the last reload of the file failed.", labelFile),
	}
	m.calls, m.refusals = m.newCalls(), m.newRefusals()
	m.answers.Store(&map[string]answerCounters{})
	build := gauges("build_info", "What is running; always 1.", "version", "revision", "go_version")
	build.WithLabelValues(version, revision, runtime.Version()).Set(1)
	m.registry.MustRegister(build, m.requests, m.durations, m.refusedTotal, m.answersTotal, m.connections, m.expiry, m.reloads,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(m.lanes.collectors()...)
	return m
}

// CollectAccounts adds the gauges of accounts. At each scrape it asks states for the accounts of that time.
func (m *Metrics) CollectAccounts(states func() []service.AccountState) {
	m.registry.MustRegister(&accounts{states})
}

// Reloaded records whether the last try to read a file again failed. The file is named by its purpose, such as accounts.
func (m *Metrics) Reloaded(file string, err error) {
	failed := 0.0
	if err != nil {
		failed = 1
	}
	m.reloads.WithLabelValues(file).Set(failed)
}

// CertificateExpires records when a certificate expires. The certificate is named by its purpose: server or client_ca.
func (m *Metrics) CertificateExpires(certificate string, at time.Time) {
	m.expiry.WithLabelValues(certificate).Set(float64(at.Unix()))
}

// Gatherer returns the registry of the metrics.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// maxScrapes is how many scrapes may be under way at once.
const maxScrapes = 4

// handler answers a scrape.
func (m *Metrics) handler(log promhttp.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorLog: log, MaxRequestsInFlight: maxScrapes, Timeout: scrapeTimeout})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
}

// requestBuckets reach from an answer from the cache to the greatest deadline.
func requestBuckets() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}
}

// callBuckets reach from a quick call of Control Center to the timeout of a call.
func callBuckets() []float64 {
	return []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 30, 60}
}
