package reload

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFilesAreReadAgainWhenTheyChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
		write := func(file, content string) {
			t.Helper()
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write(first, "1")
		var log bytes.Buffer
		var failing atomic.Bool
		var loads, others atomic.Int32
		var ended []error
		hangup := make(chan os.Signal)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			Run(ctx, slog.New(slog.NewTextHandler(&log, nil)), hangup,
				func(source string, err error) {
					if source == "these" {
						ended = append(ended, err)
					}
				},
				Source{
					Name: "these", Files: func() []string { return []string{first, second} },
					Load: func() error {
						loads.Add(1)
						if failing.Load() {
							return errors.New("half of it")
						}
						return nil
					},
				},
				Source{Name: "others", Files: func() []string { return nil }, Load: func() error { others.Add(1); return nil }})
		})
		check := func(what string, want int32) {
			t.Helper()
			time.Sleep(5 * time.Second) // so soon is a replaced certificate to be served
			synctest.Wait()
			if got := loads.Load(); got != want {
				t.Errorf("%s: read %d times, want %d", what, got, want)
			}
		}
		check("nothing changes", 0)
		write(first, "2")
		check("a change", 1)
		write(second, "2")
		check("a file that was not there", 2)
		if err := os.Remove(second); err != nil {
			t.Fatal(err)
		}
		failing.Store(true)
		check("a file that is gone", 3)
		check("it stays away", 3)
		failing.Store(false)
		write(second, "3")
		check("it is back", 4)
		write(second, "2")
		write(second, "3")
		check("the same as before", 4)
		if got := others.Load(); got != 0 {
			t.Errorf("what did not change was read %d times", got)
		}
		hangup <- os.Interrupt
		check("a signal", 5)
		if got := others.Load(); got != 1 {
			t.Errorf("at a signal the others were read %d times, want once", got)
		}
		cancel()
		running.Wait()
		if len(ended) != 6 || ended[3] == nil || errors.Join(ended[0], ended[1], ended[2], ended[4], ended[5]) != nil {
			t.Errorf("told %v", ended)
		}
		if got := strings.Count(log.String(), "file=these"); got != 5 || !strings.Contains(log.String(), "half of it") {
			t.Errorf("want a line a time, and why it failed, in\n%s", log.String())
		}
	})
}
