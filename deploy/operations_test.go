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
	_, help, _ := strings.Cut(strings.Join(strings.Fields(serveHelp(t)), " "), "Flags:")
	text := string(read(t, operationsFile))
	parts := regexp.MustCompile(`^([a-z-]+)(?:="?([^" ]*)"?)? .*\(\$(ZONEUSAGE_\w+)\)`)
	placeholder := regexp.MustCompile(`^[A-Z]*$`) // stands for a value where there is no default
	flags := strings.Split(help, " --")[2:]       // after -h and --help
	for _, flag := range flags {
		found := parts.FindStringSubmatch(flag)
		if found == nil {
			t.Fatalf("not understood: %s", flag)
		}
		name, value, variable := "--"+found[1], strings.TrimSuffix(found[2], ",..."), found[3] // dots: a list
		row := regexp.MustCompile("(?m)^\\| `" + name + "` \\| `" + variable + "` \\| (.*?) \\|").FindStringSubmatch(text)
		if row == nil {
			t.Errorf("%s has no row of %s and %s", operationsFile, name, variable)
			continue
		}
		if !placeholder.MatchString(value) && !strings.Contains(row[1], "`"+value+"`") {
			t.Errorf("%s: the default is %s, but the table says %s", name, value, row[1])
		}
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `(--[a-z-]+)` \\|").FindAllStringSubmatch(text, -1) {
		if !strings.Contains(help, " "+row[1]+" ") && !strings.Contains(help, " "+row[1]+"=") {
			t.Errorf("serve has no %s", row[1])
		}
	}
}
