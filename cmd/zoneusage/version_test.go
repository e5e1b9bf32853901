package main

import (
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestVersion(t *testing.T) {
	code, output := run(t, nil, "version")
	// What Go knows of a test's build depends on how the test is run.
	want := fmt.Sprintf("^zoneusage .+\ncommit .+\ncommit date .+\ngo %s\nplatform %s\n$",
		regexp.QuoteMeta(runtime.Version()), runtime.GOOS+"/"+runtime.GOARCH)
	if code != 0 || !regexp.MustCompile(want).MatchString(output) {
		t.Errorf("status %d, printed\n%swant\n%s", code, output, want)
	}
}

func TestBuild(t *testing.T) {
	const hash, date = "0123456789abcdef0123456789abcdef01234567", "2026-11-25T12:00:00Z"
	released := build{version: "1.2.3", commit: hash, commitDate: date}
	stamped := func(version, modified string) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.time", Value: "2026-11-24T00:00:00Z"}, {Key: "vcs.modified", Value: modified}}}
	}
	for name, test := range map[string]struct {
		linked build
		info   *debug.BuildInfo
		want   build
	}{
		"nothing is known": {build{}, &debug.BuildInfo{}, build{version: "devel"}},
		"go run":           {build{}, &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, build{version: "devel"}},
		"go install":       {build{}, &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, build{version: "v1.2.3"}},
		"go build":         {build{}, stamped("v1.2.4-0.2026", "false"), build{"v1.2.4-0.2026", "abc", "2026-11-24T00:00:00Z"}},
		"files changed":    {build{}, stamped("v1.2.4-0.2026+dirty", "true"), build{"v1.2.4-0.2026+dirty", "abc+dirty", "2026-11-24T00:00:00Z"}},
		"a release":        {released, &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, released},
		"linked and stamped": {build{version: "1.2.3", commit: hash}, stamped("v1.2.4-0.2026", "true"),
			build{version: "1.2.3", commit: hash}},
		"only a version linked": {build{version: "1.2.3"}, stamped("v1.2.4-0.2026", "false"), build{"1.2.3", "abc", "2026-11-24T00:00:00Z"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.linked.or(test.info); got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}
