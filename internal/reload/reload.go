// Package reload reads files again when they change, or when it is told to.
package reload

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"os"
	"time"
)

// interval is how often the files are looked at. Their content is compared, because notifications such as inotify miss some
// of the ways in which files are replaced, for example Kubernetes' symbolic links and network drives.
const interval = 2 * time.Second

// A Source is what is read from files.
type Source struct {
	// Name is the name of the source in the log.
	Name string
	// Files returns the files that the source is read from at present.
	Files func() []string
	// Load reads the files. If it fails, it must leave in force what they held before.
	Load func() error
}

// Run loads the sources whose files change, and all sources when hangup receives a signal, until ctx ends. The first content
// is taken as loaded already. It calls loaded once at first, without an error, and after each load with its result.
func Run(ctx context.Context, log *slog.Logger, hangup <-chan os.Signal, loaded func(source string, err error), sources ...Source) {
	seen := make([][sha256.Size]byte, len(sources))
	for i, source := range sources {
		seen[i] = digest(source.Files())
		loaded(source.Name, nil)
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		asked := false
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			asked = true
		case <-ticker.C:
		}
		for i, source := range sources {
			// The digest is taken before the load, so that a change in the meantime is seen the next time.
			now := digest(source.Files())
			if now == seen[i] && !asked {
				continue
			}
			seen[i] = now
			err := source.Load()
			loaded(source.Name, err)
			source.logResult(log, err)
		}
	}
}

func (s Source) logResult(log *slog.Logger, err error) {
	if err != nil {
		log.Error("the file could not be reloaded; its last good content stays in force", "file", s.Name, "cause", err.Error())
		return
	}
	log.Info("the file was reloaded", "file", s.Name)
}

// digest hashes the content of the files. For a file that cannot be read it hashes the error in its place.
func digest(files []string) [sha256.Size]byte {
	all := sha256.New()
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			content = []byte(err.Error())
		}
		one := sha256.Sum256(content)
		all.Write(one[:])
	}
	return [sha256.Size]byte(all.Sum(nil))
}
