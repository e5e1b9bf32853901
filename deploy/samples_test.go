package deploy

import (
	"math"
	"strconv"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// scrapeInterval is how far apart scrapes are said to be. They follow each other at once.
const scrapeInterval = 30 * time.Second

// targetLabels are those that Prometheus gives a target's samples.
func targetLabels() map[string]string {
	return map[string]string{"job": "zoneusage", "namespace": "usage", "instance": "zoneusage:9091"}
}

// observe scrapes a server many times, with work between the scrapes, and gives what a Prometheus has then and when the
// scrapes were.
func observe(t *testing.T, s *server, scrapes int, work func(scrape int)) (*history, []time.Time) {
	t.Helper()
	stored := newHistory()
	start := time.Now().UTC()
	times := make([]time.Time, scrapes)
	for i := range scrapes {
		work(i)
		times[i] = start.Add(time.Duration(i) * scrapeInterval)
		addFamilies(stored, s.scrape(t), targetLabels(), times[i])
		up := targetLabels()
		up[model.MetricNameLabel] = "up"
		stored.add(labels.FromMap(up), times[i], 1)
	}
	return stored, times
}

// addFamilies stores a scrape of a target.
func addFamilies(stored *history, families map[string]*dto.MetricFamily, target map[string]string, at time.Time) {
	for _, family := range families {
		eachSample(family, target, func(metric labels.Labels, value float64) { stored.add(metric, at, value) })
	}
}

// eachSample gives the samples that Prometheus stores of a family.
func eachSample(family *dto.MetricFamily, target map[string]string, give func(labels.Labels, float64)) {
	for _, metric := range family.GetMetric() {
		sample := func(suffix string, value float64, more ...string) {
			builder := labels.NewBuilder(labels.FromMap(target)).Set(model.MetricNameLabel, family.GetName()+suffix)
			for _, pair := range metric.GetLabel() {
				builder.Set(pair.GetName(), pair.GetValue())
			}
			for i := 0; i < len(more); i += 2 {
				builder.Set(more[i], more[i+1])
			}
			give(builder.Labels(), value)
		}
		switch family.GetType() {
		case dto.MetricType_COUNTER:
			sample("", metric.GetCounter().GetValue())
		case dto.MetricType_GAUGE:
			sample("", metric.GetGauge().GetValue())
		case dto.MetricType_UNTYPED:
			sample("", metric.GetUntyped().GetValue())
		case dto.MetricType_SUMMARY:
			for _, q := range metric.GetSummary().GetQuantile() {
				sample("", q.GetValue(), "quantile", number(q.GetQuantile()))
			}
			sample("_sum", metric.GetSummary().GetSampleSum())
			sample("_count", float64(metric.GetSummary().GetSampleCount()))
		default:
			histogram := metric.GetHistogram()
			for _, bucket := range histogram.GetBucket() {
				sample("_bucket", float64(bucket.GetCumulativeCount()), model.BucketLabel, number(bucket.GetUpperBound()))
			}
			sample("_sum", histogram.GetSampleSum())
			sample("_count", float64(histogram.GetSampleCount()))
		}
	}
}

func number(value float64) string {
	if math.IsInf(value, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(value, 'g', -1, 64)
}
