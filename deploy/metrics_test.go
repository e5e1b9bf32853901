package deploy

import (
	"maps"
	"slices"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// exported are the values of each label of each metric of a running server, with those that Prometheus adds.
type exported map[string]map[string]map[string]bool

// newExported reads them from scrapes.
func newExported(scrapes ...map[string]*dto.MetricFamily) exported {
	e := exported{}
	for _, families := range scrapes {
		for _, family := range families {
			eachSample(family, targetLabels(), func(metric labels.Labels, _ float64) { e.add(metric) })
		}
	}
	up := targetLabels()
	up[model.MetricNameLabel] = "up"
	e.add(labels.FromMap(up))
	return e
}

func (e exported) add(metric labels.Labels) {
	name := metric.Get(model.MetricNameLabel)
	if e[name] == nil {
		e[name] = map[string]map[string]bool{}
	}
	metric.Range(func(label labels.Label) {
		if e[name][label.Name] == nil {
			e[name][label.Name] = map[string]bool{}
		}
		e[name][label.Name][label.Value] = true
	})
}

// check finds what an expression names and no server exports: a metric, a label, a value.
func (e exported) check(t *testing.T, expr string) {
	t.Helper()
	parsed, err := newParser().ParseExpr(expr)
	if err != nil {
		t.Errorf("%s: %v", expr, err)
		return
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		switch node := node.(type) {
		case *parser.VectorSelector:
			e.checkSelector(t, node)
		case *parser.AggregateExpr:
			e.checkLabels(t, node, node.Grouping)
		case *parser.BinaryExpr:
			if node.VectorMatching != nil {
				e.checkLabels(t, node, node.VectorMatching.MatchingLabels)
				e.checkLabels(t, node, node.VectorMatching.Include)
			}
		}
		return nil
	})
}

func (e exported) checkSelector(t *testing.T, selector *parser.VectorSelector) {
	t.Helper()
	if e[selector.Name] == nil {
		t.Errorf("%s: no such metric", selector)
		return
	}
	for _, matcher := range selector.LabelMatchers {
		values := e[selector.Name][matcher.Name]
		if values == nil {
			t.Errorf("%s: the metric has no label %s", selector, matcher.Name)
		}
		wanted := matcher.SetMatches() // of a regular expression that is a list
		if matcher.Type == labels.MatchEqual {
			wanted = []string{matcher.Value}
		}
		for _, value := range wanted {
			if !values[value] {
				t.Errorf("%s: %s is never %q, but one of %v", selector, matcher.Name, value, slices.Sorted(maps.Keys(values)))
			}
		}
	}
}

// checkLabels finds names that no metric of an expression has as a label.
func (e exported) checkLabels(t *testing.T, expr parser.Expr, names []string) {
	t.Helper()
	known := map[string]bool{}
	for _, selectors := range parser.ExtractSelectors(expr) {
		for _, matcher := range selectors {
			if matcher.Name == model.MetricNameLabel {
				for name := range e[matcher.Value] {
					known[name] = true
				}
			}
		}
	}
	for _, name := range names {
		if !known[name] {
			t.Errorf("%s: no metric in it has the label %s", expr, name)
		}
	}
}

// whatIsExported scrapes a server that has had a call, and one that has what the Deployment gives it.
func whatIsExported(t *testing.T) exported {
	t.Helper()
	s := serve(t, "--calls-per-second=100")
	s.lightLoad(t)
	return newExported(s.scrape(t), startDeployment(t).scrape(t))
}

func TestRulesNameWhatIsExported(t *testing.T) {
	known := whatIsExported(t)
	for _, a := range readAlerts(t) {
		known.check(t, a.rule.Expr)
	}
	for _, test := range readRuleTests(t).Tests {
		for _, input := range test.InputSeries {
			known.checkSeries(t, input.Series)
		}
	}
}

// checkSeries finds a series of a test that no server has: what is tested with it is nothing.
func (e exported) checkSeries(t *testing.T, series string) {
	t.Helper()
	metric, err := newParser().ParseMetric(series)
	if err != nil {
		t.Fatal(err)
	}
	name := metric.Get(model.MetricNameLabel)
	metric.Range(func(label labels.Label) {
		values := e[name][label.Name]
		_, ofTarget := targetLabels()[label.Name]
		if values == nil || !ofTarget && label.Name != "account" && !values[label.Value] {
			t.Errorf("%s: no server exports %s=%q", series, label.Name, label.Value)
		}
	})
}
