package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

// faultFlag is a fault written as KIND=SHARE,delay=1s,jitter=500ms,over=2s. Only the kind is required.
type faultFlag sandbox.Fault

// UnmarshalText reads the value of --fault.
func (f *faultFlag) UnmarshalText(text []byte) error {
	call, times, timed := strings.Cut(string(text), ",")
	kind, share, shared := strings.Cut(call, "=")
	if err := f.Kind.UnmarshalText([]byte(kind)); err != nil {
		return err
	}
	if shared {
		var err error
		// A share of 0 would mean the next call, which is written without a share.
		if f.Share, err = strconv.ParseFloat(share, 64); err != nil || f.Share == 0 {
			return fmt.Errorf("%s: %q is not a valid share of the calls, which is above 0 and up to 1; leave =SHARE out for the next call alone", kind, share)
		}
	}
	if !timed {
		return nil
	}
	for setting := range strings.SplitSeq(times, ",") {
		if err := f.setTime(setting); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	return nil
}

func (f *faultFlag) setTime(setting string) error {
	name, value, _ := strings.Cut(setting, "=")
	to, ok := map[string]*time.Duration{"delay": &f.Delay, "jitter": &f.Jitter, "over": &f.Over}[name]
	if !ok {
		return fmt.Errorf("no setting %q; there are delay=1s, jitter=500ms and over=2s", setting)
	}
	if *to != 0 {
		return fmt.Errorf("%s is given twice", name)
	}
	duration, err := time.ParseDuration(value)
	if err != nil {
		return fmt.Errorf("%s: %q is not a valid duration such as 1s or 500ms", name, value)
	}
	*to = duration
	return nil
}

// maxFaultsBody is far more than a list of all faults needs.
const maxFaultsBody = 64 << 10

// serveFaults shows the faults in force and, at PUT, replaces them. Like the ledger it needs no credentials. A web page of
// another origin cannot PUT, because no CORS header allows it.
func serveFaults(w http.ResponseWriter, r *http.Request, control *sandbox.Sandbox) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPut:
		if err := putFaults(http.MaxBytesReader(w, r.Body, maxFaultsBody), control); err != nil {
			writeJSON(w, http.StatusBadRequest, errorBody{err.Error()})
			return
		}
	default:
		w.Header().Set("Allow", "GET, HEAD, PUT")
		writeJSON(w, http.StatusMethodNotAllowed, errorBody{"no method " + r.Method + "; GET shows the faults and PUT replaces them"})
		return
	}
	writeJSON(w, http.StatusOK, control.Faults())
}

func putFaults(body io.Reader, control *sandbox.Sandbox) error {
	text, err := io.ReadAll(body)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fmt.Errorf("the body is more than %d bytes", tooLarge.Limit)
	}
	if err != nil {
		return fmt.Errorf("the body cannot be read: %w", err)
	}
	faults, err := parseFaults(text)
	if err != nil {
		return err
	}
	return control.SetFaults(faults...)
}

// parseFaults refuses null, which json.Unmarshal would take for an empty array: only [] ends all faults.
func parseFaults(text []byte) ([]sandbox.Fault, error) {
	var each []json.RawMessage
	err := json.Unmarshal(text, &each)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, fmt.Errorf("the body is not valid JSON: %w, at byte %d", err, syntax.Offset)
	}
	if err != nil || each == nil {
		return nil, errors.New(`the body is not an array of faults, such as [{"kind":"hang","share":0.1}]; [] ends all faults`)
	}
	faults := make([]sandbox.Fault, len(each))
	for i := range each {
		if err := json.Unmarshal(each[i], &faults[i]); err != nil {
			return nil, fmt.Errorf("fault %d: %w", i, err)
		}
	}
	return faults, nil
}

// errorBody is the answer of a test tool to a request with a mistake.
type errorBody struct {
	Error string `json:"error"`
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails if the client has left, and then there is nobody to tell
}
