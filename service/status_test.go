package service

import (
	"os"
	"strings"
	"testing"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

// Every reason has a code and a text, and stands in the README's table.
func TestEveryReasonIsPublic(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for number, name := range usagev1.ErrorReason_name {
		reason := usagev1.ErrorReason(number)
		if reason == usagev1.ErrorReason_ERROR_REASON_UNSPECIFIED {
			continue
		}
		if seen, ok := public[reason]; !ok || seen.code == 0 || seen.text == "" {
			t.Errorf("%s: %v", name, seen)
		}
		if row := "| `" + strings.TrimPrefix(name, "ERROR_REASON_") + "` |"; !strings.Contains(string(readme), row) {
			t.Errorf("the README has no row %s", row)
		}
	}
}
