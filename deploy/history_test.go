package deploy

import (
	"sort"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// A history is what a Prometheus has stored, in memory. Prometheus' own storage would bring the libraries of three clouds.
type history struct{ series map[uint64]*promql.Series }

func newHistory() *history { return &history{map[uint64]*promql.Series{}} }

// add stores a sample, which is younger than those of its series before.
func (h *history) add(metric labels.Labels, at time.Time, value float64) {
	series, ok := h.series[metric.Hash()]
	if !ok {
		series = &promql.Series{Metric: metric}
		h.series[metric.Hash()] = series
	}
	series.Floats = append(series.Floats, promql.FPoint{T: timestamp.FromTime(at), F: value})
}

// Querier implements storage.Queryable.
func (h *history) Querier(mint, maxt int64) (storage.Querier, error) {
	return &storage.MockQuerier{SelectMockFunction: func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
		found := &seriesSet{}
		for _, series := range h.series {
			if !matches(series.Metric, matchers) {
				continue
			}
			floats := series.Floats
			from := sort.Search(len(floats), func(i int) bool { return floats[i].T >= mint })
			to := sort.Search(len(floats), func(i int) bool { return floats[i].T > maxt })
			if from < to {
				found.series = append(found.series, promql.Series{Metric: series.Metric, Floats: floats[from:to]})
			}
		}
		return found
	}}, nil
}

func matches(metric labels.Labels, matchers []*labels.Matcher) bool {
	for _, matcher := range matchers {
		if !matcher.Matches(metric.Get(matcher.Name)) {
			return false
		}
	}
	return true
}

// A seriesSet is a storage.SeriesSet of series in memory.
type seriesSet struct {
	series []promql.Series
	next   int
}

// Next implements storage.SeriesSet.
func (s *seriesSet) Next() bool {
	s.next++
	return s.next <= len(s.series)
}

// At implements storage.SeriesSet.
func (s *seriesSet) At() storage.Series { return promql.NewStorageSeries(s.series[s.next-1]) }

// Err implements storage.SeriesSet.
func (*seriesSet) Err() error { return nil }

// Warnings implements storage.SeriesSet.
func (*seriesSet) Warnings() annotations.Annotations { return nil }

// newEngine makes a PromQL engine as Prometheus does.
func newEngine() *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{
		MaxSamples:               10_000_000,
		Timeout:                  time.Minute,
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		Parser:                   newParser(),
	})
}

func newParser() parser.Parser { return parser.NewParser(parser.Options{}) }
