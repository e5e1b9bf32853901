package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/alecthomas/kong"
)

// The linker sets these in a release and in the image, which are built without Go's own stamps of version control: the stamps
// would differ for the same source if git is missing or has another state.
var version, commit, commitDate string

// A build says where a program comes from. Unknown fields are empty.
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

// versionName is the version of the release, or of the module if `go install` built the program.
func versionName() string { return thisBuild().version }

// revision is the commit; empty if unknown.
func revision() string { return thisBuild().commit }

// thisBuild returns what the linker has set, and for the rest what Go has recorded.
func thisBuild() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return build{version: version, commit: commit, commitDate: commitDate}.or(info)
}

// or fills in unknown fields from what Go has recorded. If Go found changed files, the commit is marked in the same way as Go
// marks the version.
func (b build) or(info *debug.BuildInfo) build {
	if info.Main.Version != "(devel)" {
		b.version = cmp.Or(b.version, info.Main.Version)
	}
	b.version = cmp.Or(b.version, "devel")
	if b.commit != "" {
		return b // Go's date could be that of another commit
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
