package deploy

import (
	"bytes"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

const ruleTestsFile = "prometheus/zoneusage.rules.test.yaml"

// ruleTests is the part of promtool's format that the file of tests uses. Another field is an error.
type ruleTests struct {
	RuleFiles          []string       `yaml:"rule_files"`
	EvaluationInterval model.Duration `yaml:"evaluation_interval"`
	Tests              []ruleTest
}

type ruleTest struct {
	Name           string
	Interval       model.Duration
	InputSeries    []struct{ Series, Values string } `yaml:"input_series"`
	AlertRuleTests []alertTest                       `yaml:"alert_rule_test"`
}

type alertTest struct {
	EvalTime  model.Duration `yaml:"eval_time"`
	AlertName string         `yaml:"alertname"`
	ExpAlerts []struct {
		Labels      map[string]string `yaml:"exp_labels"`
		Annotations map[string]string `yaml:"exp_annotations"`
	} `yaml:"exp_alerts"`
}

func readRuleTests(t *testing.T) ruleTests {
	t.Helper()
	var tests ruleTests
	decoder := yaml.NewDecoder(bytes.NewReader(read(t, ruleTestsFile)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&tests); err != nil {
		t.Fatal(err)
	}
	if want := []string{filepath.Base(rulesFile)}; !slices.Equal(tests.RuleFiles, want) {
		t.Fatalf("rule_files %v, want %v", tests.RuleFiles, want)
	}
	return tests
}

// TestRules runs the rules' tests as promtool does.
func TestRules(t *testing.T) {
	tests := readRuleTests(t)
	for _, test := range tests.Tests {
		t.Run(test.Name, func(t *testing.T) { test.run(t, time.Duration(tests.EvaluationInterval)) })
	}
}

// run evaluates all rules from 1970 on, and compares when the last evaluation before the next would be after a test's time.
func (test *ruleTest) run(t *testing.T, interval time.Duration) {
	t.Helper()
	stored, alerts, engine := test.history(t), readAlerts(t), newEngine()
	due := slices.Clone(test.AlertRuleTests)
	for now := time.Duration(0); len(due) > 0; now += interval {
		fire := map[string][]firing{}
		for _, a := range alerts {
			fires, err := a.eval(t.Context(), engine, stored, time.Unix(0, 0).UTC().Add(now))
			if err != nil {
				t.Fatalf("%s after %s: %v", a.rule.Alert, now, err)
			}
			fire[a.rule.Alert] = append(fire[a.rule.Alert], fires...)
		}
		due = slices.DeleteFunc(due, func(want alertTest) bool {
			if time.Duration(want.EvalTime) >= now+interval {
				return false
			}
			want.compare(t, fire[want.AlertName])
			return true
		})
	}
}

func (test *ruleTest) history(t *testing.T) *history {
	t.Helper()
	stored := newHistory()
	for _, input := range test.InputSeries {
		metric, values, err := newParser().ParseSeriesDesc(input.Series + " " + input.Values)
		if err != nil {
			t.Fatal(err)
		}
		for i, value := range values {
			if !value.Omitted {
				stored.add(metric, time.Unix(0, 0).Add(time.Duration(i)*time.Duration(test.Interval)), value.Value)
			}
		}
	}
	return stored
}

func (want *alertTest) compare(t *testing.T, got []firing) {
	t.Helper()
	var expected []firing
	for _, alert := range want.ExpAlerts {
		expected = append(expected, firing(alert))
	}
	order := cmpopts.SortSlices(func(a, b firing) bool {
		return a.Labels["severity"]+a.Labels["certificate"] < b.Labels["severity"]+b.Labels["certificate"]
	})
	if diff := cmp.Diff(expected, got, order, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s after %s (- expected, + fires):\n%s", want.AlertName, want.EvalTime, diff)
	}
}

// TestEveryAlertIsTested finds an alert that no test makes fire, or that none sees silent on a healthy service.
func TestEveryAlertIsTested(t *testing.T) {
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range readRuleTests(t).Tests {
		for _, want := range test.AlertRuleTests {
			for _, alert := range want.ExpAlerts {
				fires[want.AlertName+" "+alert.Labels["severity"]] = true
			}
			if test.Name == "healthy" && len(want.ExpAlerts) == 0 {
				silent[want.AlertName] = true
			}
		}
	}
	for _, a := range readAlerts(t) {
		name := a.rule.Alert + " " + a.rule.Labels["severity"]
		if !fires[name] || !silent[a.rule.Alert] {
			t.Errorf("%s: one test must make it fire (of those: %v), and the healthy one not", name, slices.Sorted(maps.Keys(fires)))
		}
	}
}

// TestPromtool has the same done by promtool itself, where there is one: TestRules must not be kinder than it.
func TestPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool here; TestRules does the same with Prometheus' libraries")
	}
	for _, args := range [][]string{{"check", "rules", rulesFile}, {"test", "rules", ruleTestsFile}} {
		if output, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, output)
		}
	}
}
