package service

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zoneusage/zoneusage/jasperclient"
)

// What surrounds an ICCID is nothing of the log's: a caller could write lines of its own.
func TestTheICCIDInALineIsDigits(t *testing.T) {
	for _, sent := range []string{"8988217755520000031", "8988217755520000031F", "\n\n\n\n8988217755520000031\n\n\n\n", "8988217755520000031\u3000\u0085"} {
		line := logLine{}
		line.call(&record{iccid: sent}, time.Now(), nil)
		if got := decoded(t, line.text)["iccid"]; got != "…0031" || bytes.Count(line.text, []byte("\n")) != 1 {
			t.Errorf("%q is %q in %q", sent, got, line.text)
		}
	}
}

// A line is what slog's own handler writes of the same attributes, whatever callers send.
func TestALineIsAsSlogWritesIt(t *testing.T) {
	start := time.Now().Add(-1500 * time.Microsecond).Round(0)
	ended := start.Add(1234567 * time.Nanosecond)
	for _, text := range []string{
		"plain", `"quoted\"`, "two\nlines", "Größe €", "\xff", "<html>&", "\u2028", strings.Repeat("x", 300), strings.Repeat("é", maxAttr),
		"8988217755520000031", "a 8988217755520000031 b 898821775552000003", "12345678901234567", "",
	} {
		for _, fullICCIDs := range []bool{false, true} {
			rec := &record{
				start: start, requestID: text, method: "/a/b", door: doorREST, peer: text, caller: text, subject: text, iccid: text, account: text,
				source: sourceLive, traceID: "abc", bulk: true, waited: 2 * time.Second, attempts: 2, deadline: start.Add(30 * time.Second),
			}
			failed := fail(t.Context(), &jasperclient.UnavailableError{Err: errors.New(text)}, jasperclient.UsageQuery{})
			line := logLine{fullICCIDs: fullICCIDs}
			line.call(rec, ended, failed)

			var out bytes.Buffer
			replace := MaskICCIDs
			if fullICCIDs {
				replace = BoundAttrs
			}
			r := slog.NewRecord(ended, slog.LevelWarn, "call", 0)
			for _, attr := range []slog.Attr{
				slog.String("request_id", text), slog.String("code", "Unavailable"), slog.Float64("duration_ms", 1.234),
				slog.String("method", "/a/b"), slog.String("door", "rest"), slog.String("peer", text), slog.String("caller", text),
				slog.String("subject", text), slog.String("iccid", text), slog.String("account", text), slog.String("source", "live"),
				slog.String("trace_id", "abc"), slog.Float64("timeout_ms", 30000), slog.String("class", "bulk"),
				slog.Float64("waited_ms", 2000), slog.Int("attempts", 2), slog.String("reason", "UPSTREAM_UNAVAILABLE"),
				slog.String("cause", failed.Error()),
			} {
				if attr.Value.String() != "" {
					r.AddAttrs(attr)
				}
			}
			if err := slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: replace}).Handle(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decoded(t, out.Bytes()), decoded(t, line.text)); diff != "" {
				t.Errorf("%.40q, fullICCIDs %v (-slog +line)\n%s", text, fullICCIDs, diff)
			}
			if bytes.Count(line.text, []byte("\n")) != 1 || !bytes.HasSuffix(line.text, []byte("}\n")) {
				t.Errorf("%.40q: it is no line: %q", text, line.text)
			}
		}
	}
}

func decoded(t *testing.T, line []byte) map[string]any {
	t.Helper()
	var attrs map[string]any
	if err := json.Unmarshal(line, &attrs); err != nil {
		t.Fatalf("%v: %q", err, line)
	}
	return attrs
}
