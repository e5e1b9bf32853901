package deploy

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	grafana "github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/prometheus/prometheus/promql/parser"
)

const dashboardFile = "grafana/zoneusage.json"

// A classicBoard is a dashboard in the form that every Grafana imports; the second version of it needs a new one.
type classicBoard = dashboard.Dashboard //nolint:staticcheck // deprecated for that second version

// readDashboard reads it by Grafana's own schema, where an unknown field is an error.
func readDashboard(t *testing.T) classicBoard {
	t.Helper()
	known := cog.NewRuntime()
	known.RegisterPanelcfgVariant(timeseries.VariantConfig())
	known.RegisterPanelcfgVariant(stat.VariantConfig())
	known.RegisterPanelcfgVariant(statetimeline.VariantConfig())
	known.RegisterDataqueryVariant(grafana.VariantConfig())
	content := read(t, dashboardFile)
	var checked, decoded classicBoard
	// It gives an error where there is none, one without text, and then leaves out the panel.
	if err := checked.UnmarshalJSONStrict(content); err != nil && err.Error() != "" {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &decoded); err != nil {
		t.Fatal(err)
	}
	if len(panels(decoded)) == 0 {
		t.Fatal("it has no panel")
	}
	return decoded
}

// panels are those of a dashboard without the rows.
func panels(all classicBoard) []dashboard.Panel {
	var found []dashboard.Panel
	for _, panel := range all.Panels {
		if panel.Panel != nil {
			found = append(found, *panel.Panel)
		}
	}
	return found
}

func TestDashboard(t *testing.T) {
	board := readDashboard(t)
	if newest := dashboard.NewDashboard().SchemaVersion; board.SchemaVersion != newest {
		t.Errorf("schema version %d, but the newest is %d", board.SchemaVersion, newest)
	}
	if err := board.Validate(); err != nil {
		t.Error(err)
	}
	var names []string
	for _, variable := range board.Templating.List {
		names = append(names, variable.Name)
	}
	if want := []string{"datasource", "namespace", "account"}; !slices.Equal(names, want) {
		t.Errorf("variables %v, want %v", names, want)
	}
	ids, taken := map[uint32]bool{}, map[[2]uint32]string{}
	for _, panel := range panels(board) {
		if panel.Type == "" || ids[*panel.Id] {
			t.Errorf("panel %q: type %q, id %d", *panel.Title, panel.Type, *panel.Id)
		}
		ids[*panel.Id] = true
		place := panel.GridPos
		for x := place.X; x < place.X+place.W; x++ {
			for y := place.Y; y < place.Y+place.H; y++ {
				if other := taken[[2]uint32{x, y}]; other != "" || x >= 24 {
					t.Fatalf("panel %q is outside, or lies on %q", *panel.Title, other)
				}
				taken[[2]uint32{x, y}] = *panel.Title
			}
		}
	}
}

// TestDashboardsDataSource finds one that is not the variable's: it would exist in one Grafana alone.
func TestDashboardsDataSource(t *testing.T) {
	var board any
	if err := json.Unmarshal(read(t, dashboardFile), &board); err != nil {
		t.Fatal(err)
	}
	found := 0
	var walk func(any)
	walk = func(value any) {
		switch value := value.(type) {
		case []any:
			for _, element := range value {
				walk(element)
			}
		case map[string]any:
			if source, ok := value["datasource"].(map[string]any); ok {
				found++
				if source["type"] != "prometheus" || source["uid"] != "${datasource}" {
					t.Errorf("datasource %v", source)
				}
			}
			for _, element := range value {
				walk(element)
			}
		}
	}
	walk(board)
	if found < 2*len(panels(readDashboard(t))) {
		t.Errorf("%d datasources are fewer than one a panel and one a query", found)
	}
}

// grafanaVariables stand in the queries for what a viewer has chosen.
func grafanaVariables() *strings.Replacer {
	return strings.NewReplacer("$__rate_interval", "2m", "$namespace", ".*", "$account", ".*")
}

// TestDashboardsQueries asks each query of what a Prometheus has of a server with some load: it names what there is,
// it gives something, and the legend's labels are there.
func TestDashboardsQueries(t *testing.T) {
	s := serve(t, "--calls-per-second=100")
	stored, times := observe(t, s, 10, func(scrape int) {
		s.lightLoad(t)
		if scrape == 9 { // tried again, refused at last, and then the lane is too slow for a quick question
			s.ask(t, rateLimitedDevice, "", "2S")
			s.ask(t, goodDevice, "?maxAge=0s", "5m")
		}
	})
	deployed, target := startDeployment(t).scrape(t), targetLabels() // for what comes with TLS and files
	target["instance"] = "deployed:9091"
	addFamilies(stored, deployed, target, times[len(times)-1])
	known := newExported(s.scrape(t), deployed)
	legendLabel := regexp.MustCompile(`\{\{(\w+)\}\}`)
	for _, panel := range panels(readDashboard(t)) {
		if len(panel.Targets) == 0 {
			t.Errorf("panel %q asks nothing", *panel.Title)
		}
		for _, target := range panel.Targets {
			asked, ok := target.(*grafana.Dataquery)
			if !ok {
				t.Fatalf("panel %q: %T", *panel.Title, target)
			}
			expr := grafanaVariables().Replace(asked.Expr)
			known.check(t, expr)
			answer, err := query(t.Context(), newEngine(), stored, expr, times[len(times)-1])
			if err != nil || len(answer) == 0 {
				t.Errorf("panel %q: %s: %d series, %v", *panel.Title, expr, len(answer), err)
			}
			for _, label := range legendLabel.FindAllStringSubmatch(*asked.LegendFormat, -1) {
				for _, series := range answer {
					if !series.Metric.Has(label[1]) {
						t.Errorf("panel %q: %s has no label %s for its legend", *panel.Title, expr, label[1])
					}
				}
			}
		}
	}
}

func TestDashboardsVariables(t *testing.T) {
	known := whatIsExported(t)
	labelValues := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)
	for _, variable := range readDashboard(t).Templating.List {
		if variable.Type != dashboard.VariableTypeQuery {
			continue
		}
		parts := labelValues.FindStringSubmatch(*variable.Definition)
		if parts == nil {
			t.Fatalf("%s: %s", variable.Name, *variable.Definition)
		}
		expr := grafanaVariables().Replace(parts[1])
		known.check(t, expr)
		parsed, err := newParser().ParseExpr(expr)
		if selector, ok := parsed.(*parser.VectorSelector); err != nil || !ok || known[selector.Name][parts[2]] == nil {
			t.Errorf("%s: nothing in %s has the label %s, %v", variable.Name, expr, parts[2], err)
		}
	}
}
