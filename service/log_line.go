package service

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/zoneusage/zoneusage/internal/errordetail"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// A logLine is a line as slog.JSONHandler would write it. slog takes several times as long, which is more than everything
// else that a kept answer passes.
type logLine struct {
	text       []byte
	fullICCIDs bool // ICCIDs are not masked
}

// call writes the line of a call that ended with err (nil: success).
func (l *logLine) call(rec *record, ended time.Time, err error) {
	code := codes.OK
	if err != nil {
		code = status.Code(err)
	}
	l.text = append(l.text, `{"time":"`...)
	l.text = ended.AppendFormat(l.text, time.RFC3339Nano)
	l.text = append(l.text, '"')
	l.constant(`,"level":"`, levelOf(code).String())
	l.constant(`,"msg":"`, "call")
	l.string(`,"request_id":"`, rec.requestID)
	l.constant(`,"code":"`, code.String())
	l.milliseconds(`,"duration_ms":`, ended.Sub(rec.start))
	l.constant(`,"method":"`, rec.method)
	l.constant(`,"door":"`, rec.door)
	l.string(`,"peer":"`, rec.peer)
	l.string(`,"caller":"`, rec.caller)
	l.string(`,"subject":"`, rec.subject)
	l.iccid(`,"iccid":"`, rec.iccid)
	l.string(`,"account":"`, rec.account)
	l.constant(`,"source":"`, rec.source)
	l.constant(`,"trace_id":"`, rec.traceID)
	if !rec.deadline.IsZero() {
		l.milliseconds(`,"timeout_ms":`, rec.deadline.Sub(rec.start).Round(time.Millisecond))
	}
	if rec.bulk {
		l.constant(`,"class":"`, classBulk)
	}
	if rec.attempts > 0 || rec.waited > 0 {
		l.milliseconds(`,"waited_ms":`, rec.waited)
		l.text = append(l.text, `,"attempts":`...)
		l.text = strconv.AppendInt(l.text, int64(rec.attempts), 10)
	}
	if err != nil {
		l.failure(err)
	}
	l.text = append(l.text, "}\n"...)
}

// failure adds why the call failed.
func (l *logLine) failure(err error) {
	if info, ok := errordetail.Of[*errdetails.ErrorInfo](status.Convert(err)); ok {
		l.constant(`,"reason":"`, info.GetReason())
		l.string(`,"upstream_code":"`, info.GetMetadata()["upstream_code"])
	}
	if failed, ok := errors.AsType[*callError](err); ok {
		l.string(`,"cause":"`, failed.Error())
	}
}

// constant adds an attribute whose value is the service's own, unless it is empty. The key reaches from the comma to the
// opening quote.
func (l *logLine) constant(key, value string) {
	if value == "" {
		return
	}
	l.text = append(append(append(l.text, key...), value...), '"')
}

// string adds an attribute whose value comes from elsewhere.
func (l *logLine) string(key, value string) {
	if isPlain(value) {
		l.constant(key, value)
		return
	}
	if !l.fullICCIDs {
		value = maskICCIDs(value)
	}
	quoted, _ := json.Marshal(bounded(value)) // it cannot fail for a string
	l.constant(key, string(quoted[1:len(quoted)-1]))
}

// isPlain reports whether a value can stand in a line unchanged.
func isPlain(value string) bool {
	const short = 256
	digits := 0
	for i := range len(value) {
		switch c := value[i]; {
		case c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf:
			return false
		case c < '0' || c > '9':
			digits = 0
		default:
			digits++
		}
		if digits == iccidDigits {
			return false
		}
	}
	return len(value) <= short
}

// iccid adds what the caller sent as an ICCID, which mostly is an ICCID.
func (l *logLine) iccid(key, sent string) {
	if iccid, err := jasperclient.ParseICCID(sent); err == nil && !l.fullICCIDs {
		l.text = append(append(l.text, key...), masked...)
		l.constant("", string(iccid[len(iccid)-shownDigits:])) // the parsed digits: the text sent may end with lines of spaces
		return
	}
	if !l.fullICCIDs {
		sent = maskICCID(sent)
	}
	l.string(key, sent)
}

// milliseconds adds a duration in milliseconds, to the microsecond.
func (l *logLine) milliseconds(key string, d time.Duration) {
	l.text = append(l.text, key...)
	l.text = strconv.AppendInt(l.text, d.Milliseconds(), 10)
	if micros := d.Microseconds() % 1000; micros > 0 {
		l.text = append(l.text, '.', byte('0'+micros/100), byte('0'+micros/10%10), byte('0'+micros%10))
	}
}

// milliseconds is a duration as slog gets it.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
