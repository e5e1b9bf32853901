package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// call asks a sandbox about the vendor's example.
func call(t *testing.T, url, username, apiKey string) (status int, body string) {
	t.Helper()
	req := request(t, url+"/rws/api/v1/devices/8988217755520000031/usageInZone")
	req.SetBasicAuth(username, apiKey)
	return get(t, req)
}

// statuses are those of so many calls.
func statuses(t *testing.T, url string, calls int) []int {
	t.Helper()
	all := make([]int, calls)
	for i := range all {
		all[i], _ = call(t, url, "sandbox", "sandbox")
	}
	return all
}

func put(t *testing.T, url, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return get(t, req)
}

func TestSandboxFaultFlags(t *testing.T) {
	url := startSandbox(t, nil, "--fault=unavailable=1", "--fault", "bad-gateway", "--fault=none", "--fault=server-error,delay=1ms,jitter=1ms")
	if got, want := statuses(t, url, 5), []int{502, 200, 500, 503, 503}; !slices.Equal(got, want) {
		t.Errorf("statuses %v, want %v", got, want)
	}
	for name, test := range map[string]struct {
		env, args []string
		want      string
	}{
		"none": {nil, nil, `[]`},
		"flags": {nil, []string{"--fault=hang=0.01", "--fault=slow-body=0.05,over=2s", "--fault=none=0.5,jitter=0.5s,delay=1s"},
			`[{"kind":"hang","share":0.01},{"kind":"slow-body","share":0.05,"over":"2s"},{"kind":"none","share":0.5,"delay":"1s","jitter":"500ms"}]`},
		"the variable": {[]string{"ZONEUSAGE_FAULT=hang=0.01;reset,delay=1m"}, nil, `[{"kind":"reset","delay":"1m0s"},{"kind":"hang","share":0.01}]`},
	} {
		t.Run(name, func(t *testing.T) {
			url := startSandbox(t, test.env, test.args...)
			if status, body := get(t, request(t, url+"/faults")); status != http.StatusOK || strings.TrimSpace(body) != test.want {
				t.Errorf("HTTP status %d\n%s\nwant\n%s", status, body, test.want)
			}
		})
	}
}

func TestSandboxFaultFlagsThatAreNone(t *testing.T) {
	const kinds = "; the kinds are [none server-error bad-gateway unavailable reset reset-in-body truncated-body gzip slow-body wrong-charset malformed-json huge-body wrong-iccid hang]"
	for flag, want := range map[string]string{
		"fire=0.1":               `--fault: no kind "fire"` + kinds,
		"=0.1":                   `--fault: no kind ""` + kinds,
		"hang=often":             `--fault: hang: "often" is not a valid share of the calls, which is above 0 and up to 1; leave =SHARE out for the next call alone`,
		"hang=0":                 `--fault: hang: "0" is not a valid share of the calls`,
		"hang=1.5":               `share 1.5 is not between 0 and 1`,
		"hang=0.6;reset=0.6":     `their shares are 1.2 together`,
		"hang=0.1,delay=1":       `--fault: hang: delay: "1" is not a valid duration such as 1s or 500ms`,
		"hang=0.1,late=1s":       `--fault: hang: no setting "late=1s"; there are delay=1s, jitter=500ms and over=2s`,
		"hang=0.1,":              `--fault: hang: no setting ""`,
		"hang,delay=1s,delay=2s": `--fault: hang: delay is given twice`,
		"none,delay=-1s":         `"none": a duration is negative`,
		"slow-body=0.1":          `"slow-body": over is missing`,
		"hang=0.1,over=2s":       `"hang": leave over out`,
	} {
		if code, output := run(t, nil, "sandbox", "--addr=127.0.0.1:0", "--fault="+flag); code == 0 || !strings.Contains(output, want) {
			t.Errorf("%s: exit status %d, want another than 0 and %q in\n%s", flag, code, want, output)
		}
	}
}

func TestSandboxHelpNamesTheFaults(t *testing.T) {
	_, output := run(t, nil, "sandbox", "--help")
	for _, word := range []string{"--fault=KIND", "server-error", "wrong-iccid", "/faults"} {
		if !strings.Contains(output, word) {
			t.Errorf("no %s in\n%s", word, output)
		}
	}
}

// The faults are the command's alone, and need no credentials.
func TestSandboxFaultsAtRunTime(t *testing.T) {
	url := startSandbox(t, nil, "--fault=bad-gateway=1")
	for _, test := range []struct {
		set, inForce string
		statuses     []int
	}{
		{`[{"kind":"unavailable","share":1},{"kind":"bad-gateway","delay":"0.001s"},{"kind":"none"}]`,
			`[{"kind":"bad-gateway","delay":"1ms"},{"kind":"none"},{"kind":"unavailable","share":1}]`, []int{502, 200, 503}},
		{` [] `, `[]`, []int{200}},
		{`[{"kind":"server-error"}]` + strings.Repeat(" ", 64<<10-25), `[{"kind":"server-error"}]`, []int{500, 200}},
	} {
		if status, body := put(t, url+"/faults", test.set); status != http.StatusOK || strings.TrimSpace(body) != test.inForce {
			t.Errorf("HTTP status %d\n%s\nwant\n%s", status, body, test.inForce)
		}
		if got := statuses(t, url, len(test.statuses)); !slices.Equal(got, test.statuses) {
			t.Errorf("%.80s: statuses %v, want %v", test.set, got, test.statuses)
		}
	}
	if _, body := get(t, request(t, url+"/faults")); strings.TrimSpace(body) != "[]" {
		t.Errorf("in force after their calls: %s", body)
	}
	for _, other := range []string{"/faults/", "//faults"} { // the vendor's, not redirected
		if status, _ := put(t, url+other, "[]"); status != http.StatusNotFound {
			t.Errorf("%s: HTTP status %d", other, status)
		}
	}
}

func TestSandboxRefusesFaultsAtRunTime(t *testing.T) {
	url := startSandbox(t, nil, "--fault=bad-gateway=1")
	const array = `{"error":"the body is not an array of faults, such as [{\"kind\":\"hang\",\"share\":0.1}]; [] ends all faults"}`
	for body, want := range map[string]string{
		``:                                    `{"error":"the body is not valid JSON: `,
		`[] []`:                               `{"error":"the body is not valid JSON: `,
		`[{"kind":"hang"},`:                   `{"error":"the body is not valid JSON: unexpected end of JSON input, at byte 17"}`,
		`null`:                                array,
		`{"kind":"hang"}`:                     array,
		`[{"kind":"none"},{"kind":"fire"}]`:   `{"error":"fault 1: no kind \"fire\"; the kinds are [none server-error `,
		`[{"kind":"hang","chance":0.1}]`:      `{"error":"fault 0: json: unknown field \"chance\"; write a fault like {`,
		`[{"kind":"hang","share":2}]`:         `{"error":"fault 0: \"hang\": share 2 is not between 0 and 1"}`,
		`[null]`:                              `{"error":"fault 0: a kind is missing`,
		"[" + strings.Repeat(" ", 64<<10):     `{"error":"the body is more than 65536 bytes"}`,
		`[{"kind":"hang","delay":"forever"}]`: `{"error":"fault 0: \"forever\" is no duration such as 1s or 500ms; `,
	} {
		if status, answer := put(t, url+"/faults", body); status != http.StatusBadRequest || !strings.HasPrefix(answer, want) {
			t.Errorf("%.80s: HTTP status %d\n%s\nwant\n%s", body, status, answer, want)
		}
	}
	if got := statuses(t, url, 1); got[0] != http.StatusBadGateway {
		t.Errorf("what was refused changed the faults: status %d", got[0])
	}
}

func TestMethodsOfTheSandboxsFaults(t *testing.T) {
	url := startSandbox(t, nil)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for method, want := range map[string]int{
		http.MethodHead: 200, http.MethodPost: 405, http.MethodDelete: 405, http.MethodPatch: 405, http.MethodOptions: 405,
	} {
		req := request(t, url+"/faults")
		req.Method = method
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		header := resp.Header
		if resp.StatusCode != want || (header.Get("Allow") == "GET, HEAD, PUT") != (want == 405) || header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: HTTP status %d, %v", method, resp.StatusCode, header)
		}
	}
}
