package deploy

import (
	"regexp"
	"strings"
	"testing"
)

const operationsFile = "../docs/operations.md"

// TestEveryAlertHasASection follows the alerts' links.
func TestEveryAlertHasASection(t *testing.T) {
	text := string(read(t, operationsFile))
	for _, a := range readAlerts(t) {
		for _, annotation := range []string{"summary", "description"} {
			if a.rule.Annotations[annotation] == "" {
				t.Errorf("%s has no %s", a.rule.Alert, annotation)
			}
		}
		if severity := a.rule.Labels["severity"]; severity != "warning" && severity != "critical" {
			t.Errorf("%s: severity %q", a.rule.Alert, severity)
		}
		if link := a.rule.Annotations["runbook_url"]; !strings.HasSuffix(link, "/docs/operations.md#"+strings.ToLower(a.rule.Alert)) {
			t.Errorf("%s: runbook_url %s", a.rule.Alert, link)
		}
		if !strings.Contains(text, "\n### "+a.rule.Alert+"\n") {
			t.Errorf("%s has no section for %s", operationsFile, a.rule.Alert)
		}
	}
}

// TestSettings compares the table of settings with what serve says of itself.
func TestSettings(t *testing.T) {
	help, text := strings.Join(strings.Fields(serveHelp(t)), " "), string(read(t, operationsFile))
	flags := regexp.MustCompile(` (--[a-z-]+)(?:="?([^" ]*)"?)? .*?\(\$(ZONEUSAGE_\w+)\)`).FindAllStringSubmatch(help, -1)
	if len(flags) < 15 {
		t.Fatalf("%d flags in\n%s", len(flags), help)
	}
	for _, flag := range flags {
		name, value, variable := flag[1], flag[2], flag[3]
		row := regexp.MustCompile("(?m)^\\| `" + name + "` \\| `" + variable + "` \\| (.*?) \\|").FindStringSubmatch(text)
		if row == nil {
			t.Errorf("%s has no row of %s and %s", operationsFile, name, variable)
			continue
		}
		// A default of capitals is what stands for a value in the help.
		if value != strings.ToUpper(value) && !strings.Contains(row[1], "`"+value+"`") {
			t.Errorf("%s: the default is %s, but the table says %s", name, value, row[1])
		}
	}
}
