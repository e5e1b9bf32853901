package sandbox_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

func TestFaultAsJSON(t *testing.T) {
	for text, want := range map[string]sandbox.Fault{
		`{"kind":"none"}`: {},
		`{"kind":"hang"}`: {Kind: sandbox.FaultHang},
		`{"kind":"slow-body","share":0.1,"delay":"1s","jitter":"500ms","over":"1m30s"}`: {
			Kind: sandbox.FaultSlowBody, Share: 0.1, Delay: time.Second, Jitter: 500 * time.Millisecond, Over: 90 * time.Second,
		},
	} {
		var got sandbox.Fault
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if got, err := json.Marshal(want); err != nil || string(got) != text {
			t.Errorf("%s, %v, want %s", got, err, text)
		}
	}
	var got sandbox.Fault
	if err := json.Unmarshal([]byte(`{"jitter":"0.5s","share":1e-3,"kind":"none"}`), &got); err != nil || got != (sandbox.Fault{Share: 0.001, Jitter: 500 * time.Millisecond}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFaultKindsAsText(t *testing.T) {
	kinds := sandbox.FaultKinds()
	if len(kinds) != 14 || kinds[0] != sandbox.FaultNone {
		t.Errorf("kinds %v", kinds)
	}
	for _, kind := range kinds {
		got := sandbox.FaultKind("?")
		if err := got.UnmarshalText([]byte(kind.String())); err != nil || got != kind {
			t.Errorf("%q: %q, %v", kind, got, err)
		}
	}
}

func TestFaultsThatAreNoJSON(t *testing.T) {
	const form = `; write a fault like {"kind":"slow-body","share":0.1,"delay":"1s","jitter":"0.5s","over":"2s"}`
	for text, want := range map[string]string{
		`{}`:                             `a kind is missing; the kinds are [none server-error `,
		`null`:                           `a kind is missing`,
		`{"kind":"fire"}`:                `no kind "fire"; the kinds are [none server-error `,
		`{"kind":""}`:                    `no kind ""`,
		`{"kind":1}`:                     `kind cannot be a number` + form,
		`"hang"`:                         `a fault cannot be a string` + form,
		`{"kind":"hang","chance":1}`:     `unknown field "chance"` + form,
		`{"kind":"hang","share":"0.1"}`:  `share cannot be a string` + form,
		`{"kind":"hang","share":0}`:      `"hang": a share of 0 is no call; leave share out`,
		`{"kind":"hang","delay":1}`:      `delay cannot be a number` + form,
		`{"kind":"hang","delay":"1"}`:    `"1" is no duration such as 1s or 500ms` + form,
		`{"kind":"slow-body","over":""}`: `"" is no duration`,
	} {
		fault := sandbox.Fault{Share: 0.5}
		if err := json.Unmarshal([]byte(text), &fault); err == nil || !strings.Contains(err.Error(), want) || fault != (sandbox.Fault{Share: 0.5}) {
			t.Errorf("%s: %v, %+v, want %s", text, err, fault, want)
		}
	}
}

func TestFaultsInForce(t *testing.T) {
	s := newSandbox(t)
	if got := s.Faults(); got == nil || len(got) != 0 {
		t.Errorf("%#v at first", got)
	}
	badGateway, none := sandbox.Fault{Kind: sandbox.FaultBadGateway}, sandbox.Fault{}
	unavailable := sandbox.Fault{Kind: sandbox.FaultUnavailable, Share: 1}
	if err := s.SetFaults(unavailable, badGateway, none); err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]sandbox.Fault{{badGateway, none, unavailable}, {none, unavailable}, {unavailable}, {unavailable}} {
		got := s.Faults()
		if !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		got[0].Kind = sandbox.FaultHang // of the copy alone
		ask(s, exampleDevice)
	}
}
