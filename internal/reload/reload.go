// Package reload reads files again when they change, or when it is told to.
package reload

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"os"
	"time"
)

// interval is how often files are looked at. Their content is compared: what tells of changes, such as inotify, does not see
// all the ways in which files are replaced, Kubernetes' symbolic links and network drives among them.
const interval = 2 * time.Second

// A Source is what is read from files.
type Source struct {
	// Name is the source's in the log.
	Name string
	// Files are those it is read from at present.
	Files func() []string
	// Load reads them. Where it fails, what they held before has to stay.
	Load func() error
}

// Run loads the sources whose files change, and all of them when hangup has something, until ctx ends. What they hold at
// first is taken to be loaded. Each time, and at first, loaded is told how it ended.
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
			// Before it is read: a change that comes meanwhile is seen the next time.
			now := digest(source.Files())
			if now == seen[i] && !asked {
				continue
			}
			seen[i] = now
			err := source.Load()
			loaded(source.Name, err)
			source.tell(log, err)
		}
	}
}

// tell logs how it was read.
func (s Source) tell(log *slog.Logger, err error) {
	if err != nil {
		log.Error("files cannot be read again, so what they held before stays", "file", s.Name, "cause", err.Error())
		return
	}
	log.Info("files are read again", "file", s.Name)
}

// digest is of the files' content; a file that cannot be read has none.
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
