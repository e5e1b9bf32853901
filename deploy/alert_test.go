package deploy

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/template"
)

const rulesFile = "prometheus/zoneusage.rules.yaml"

// An alert is an alerting rule, and since when its expression has held for which labels.
type alert struct {
	rule  rulefmt.Rule
	since map[uint64]time.Time
}

// A firing is an alert that fires.
type firing struct{ Labels, Annotations map[string]string }

// readAlerts reads the rules as Prometheus does, which checks them. All of them are alerts.
func readAlerts(t *testing.T) []*alert {
	t.Helper()
	groups, errs := rulefmt.Parse(read(t, rulesFile), false, model.UTF8Validation, newParser(), slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Errorf("%s: %v", rulesFile, err)
	}
	if t.Failed() {
		t.FailNow()
	}
	var alerts []*alert
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			if rule.Alert == "" || rule.KeepFiringFor != 0 {
				t.Fatalf("%s: these tests know no recording rules and no keep_firing_for: %+v", rulesFile, rule)
			}
			alerts = append(alerts, &alert{rule: rule, since: map[uint64]time.Time{}})
		}
	}
	return alerts
}

// eval evaluates the rule at a time that is later than the last one, by the rules of Prometheus' AlertingRule.Eval, and
// tells what fires.
func (a *alert) eval(ctx context.Context, engine *promql.Engine, stored *history, at time.Time) ([]firing, error) {
	vector, err := query(ctx, engine, stored, a.rule.Expr, at)
	if err != nil {
		return nil, err
	}
	var fire []firing
	since := map[uint64]time.Time{}
	for _, sample := range vector {
		expand := func(text string) (string, error) {
			return template.NewTemplateExpander(ctx, "{{$labels := .Labels}}{{$value := .Value}}"+text, a.rule.Alert,
				template.AlertTemplateData(sample.Metric.Map(), nil, "", sample), model.TimeFromUnixNano(at.UnixNano()),
				func(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
					return query(ctx, engine, stored, expr, at)
				}, nil, nil).Expand()
		}
		builder := labels.NewBuilder(sample.Metric).Del(model.MetricNameLabel)
		for name, text := range a.rule.Labels {
			value, err := expand(text)
			if err != nil {
				return nil, err
			}
			builder.Set(name, value)
		}
		annotations := map[string]string{}
		for name, text := range a.rule.Annotations {
			if annotations[name], err = expand(text); err != nil {
				return nil, err
			}
		}
		metric := builder.Labels()
		hash := metric.Hash()
		if _, twice := since[hash]; twice {
			return nil, fmt.Errorf("two series have the labels %s", metric)
		}
		since[hash] = at
		if before, ok := a.since[hash]; ok {
			since[hash] = before
		}
		if at.Sub(since[hash]) >= time.Duration(a.rule.For) {
			fire = append(fire, firing{metric.Map(), annotations})
		}
	}
	a.since = since
	return fire, nil
}

// query evaluates an expression that gives a vector.
func query(ctx context.Context, engine *promql.Engine, stored *history, expr string, at time.Time) (promql.Vector, error) {
	q, err := engine.NewInstantQuery(ctx, stored, nil, expr, at)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", expr, err)
	}
	defer q.Close()
	result := q.Exec(ctx)
	vector, err := result.Vector()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", expr, err)
	}
	return vector, nil
}
