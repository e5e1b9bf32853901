package service

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// Every reason has a code and a text, and stands in the table of docs/errors.md.
func TestEveryReasonIsPublic(t *testing.T) {
	table, err := os.ReadFile("../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	for number, name := range usagev1.ErrorReason_name {
		reason := usagev1.ErrorReason(number)
		if reason == usagev1.ErrorReason_ERROR_REASON_UNSPECIFIED {
			continue
		}
		if seen, ok := publicStatus[reason]; !ok || seen.code == 0 || seen.text == "" {
			t.Errorf("%s: %v", name, seen)
		}
		if row := "| `" + strings.TrimPrefix(name, "ERROR_REASON_") + "` |"; !strings.Contains(string(table), row) {
			t.Errorf("docs/errors.md has no row %s", row)
		}
	}
}

// A call that the client's own timeout ends is Control Center's failure, not the caller's deadline.
func TestErrorsOfTheClient(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		code codes.Code
		wait time.Duration
	}{
		"its timeout":      {&jasperclient.UnavailableError{Err: context.DeadlineExceeded}, codes.Unavailable, 5 * time.Second},
		"part of a second": {&jasperclient.APIError{HTTPStatus: http.StatusTooManyRequests, RetryAfter: 1500 * time.Millisecond}, codes.ResourceExhausted, 1500 * time.Millisecond},
		"no turn in time":  {&jasperclient.BusyError{Wait: 61 * time.Second}, codes.ResourceExhausted, 61 * time.Second},
		"anything else":    {errors.New("a defect"), codes.Internal, 0},
	} {
		st := toStatus(test.err, jasperclient.UsageQuery{})
		if wait, told := retryDelay(st); st.Code() != test.code || wait != test.wait || told != (test.wait > 0) {
			t.Errorf("%s: %v, told to wait %v", name, st, wait)
		}
	}
}
