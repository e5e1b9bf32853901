package yamlfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zoneusage/zoneusage/internal/yamlfile"
)

type settings struct {
	Rate  float64  `yaml:"rate"`
	Names []string `yaml:"names"`
}

func read(t *testing.T, content string) (settings, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	var read settings
	return read, yamlfile.Read(file, &read)
}

func TestRead(t *testing.T) {
	got, err := read(t, "rate: 0.5\nnames: [a, b]\n")
	if err != nil || got.Rate != 0.5 || len(got.Names) != 2 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestErrorsRepeatNoValue(t *testing.T) {
	for content, want := range map[string]string{
		"rate: hunter2":                     "line 1: cannot unmarshal !!str into float64",
		"names: hunter2-and-more":           "line 1: cannot unmarshal !!str into []string",
		"rate: hun`ter2":                    "line 1: cannot unmarshal !!str into float64",
		"rate: \"hunter2\\n` into x\"":      "line 1: cannot unmarshal !!str into float64",
		"rate: hunter2\nnames: hunter2":     "line 2: cannot unmarshal !!str into []string",
		"hunter2":                           "line 1: cannot unmarshal !!str into yamlfile_test.settings",
		"rate: \"hunter2":                   "found unexpected end of stream",
		"token: hunter2":                    `line 1: there is no setting "token"`,
		"rate: 1\n---\nrate: hunter2":       "more in it than one document",
		"names: [a, {b: hunter2}]\nrate: 1": "line 1: cannot unmarshal !!map into string",
	} {
		_, err := read(t, content)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "settings.yaml: ") || strings.Contains(err.Error(), "hun") {
			t.Errorf("%q: %v, want %q", content, err, want)
		}
	}
}
