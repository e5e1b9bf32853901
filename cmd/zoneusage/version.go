package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/alecthomas/kong"
)

// Set by the linker in a release and in the image, which are built without Go's own stamps of version control: those
// would say something else of the same source where git is missing or has another state.
var version, commit, commitDate string

// A build is where a program comes from; what is not known is empty.
type build struct {
	version    string
	commit     string
	commitDate string // RFC 3339
}

type versionCommand struct{}

// Run prints the version, the commit and its date, the Go version and the platform.
func (versionCommand) Run(app *kong.Kong) error {
	b := thisBuild()
	_, err := fmt.Fprintf(app.Stdout, "zoneusage %s\ncommit %s\ncommit date %s\ngo %s\nplatform %s/%s\n",
		b.version, cmp.Or(b.commit, "unknown"), cmp.Or(b.commitDate, "unknown"),
		runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// versionName is the release's, or the module's where `go install` built it.
func versionName() string { return thisBuild().version }

// revision is the commit; empty where it is not known.
func revision() string { return thisBuild().commit }

// thisBuild is what the linker was told, else what Go knows.
func thisBuild() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return build{version: version, commit: commit, commitDate: commitDate}.or(info)
}

// or fills in what is not known from what Go recorded. A commit that Go found changed files in is marked as Go marks
// the version then.
func (b build) or(info *debug.BuildInfo) build {
	if info.Main.Version != "(devel)" {
		b.version = cmp.Or(b.version, info.Main.Version)
	}
	b.version = cmp.Or(b.version, "devel")
	if b.commit != "" {
		return b // Go's date would be another commit's
	}
	settings := make(map[string]string, len(info.Settings))
	for _, setting := range info.Settings {
		settings[setting.Key] = setting.Value
	}
	b.commit, b.commitDate = settings["vcs.revision"], settings["vcs.time"]
	if settings["vcs.modified"] == "true" {
		b.commit += "+dirty"
	}
	return b
}
