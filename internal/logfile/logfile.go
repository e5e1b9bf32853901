// Package logfile writes a log's lines: those of calls, of which there are tens of thousands a second, some at a time, and all
// others at once.
package logfile

import (
	"context"
	"io"
	"sync"
	"time"
)

const (
	// latest is how long a line of a call may wait for others.
	latest = 100 * time.Millisecond
	// most is how many bytes of them wait.
	most = 64 << 10
)

// A Log is the lines of one process, in the order in which they are written.
type Log struct {
	out io.Writer

	mu      sync.Mutex
	waiting []byte
	more    chan struct{} // receives when a line waits
}

// New makes a log that writes to out.
func New(out io.Writer) *Log {
	return &Log{out: out, waiting: make([]byte, 0, most), more: make(chan struct{}, 1)}
}

// Write implements io.Writer: the line is written when it returns, and those that wait before it.
func (l *Log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.flush(); err != nil {
		return 0, err
	}
	return l.out.Write(line)
}

// Calls is a writer for the lines of calls, which wait until Run writes them, or there are many. What waits is lost only when the
// process is killed.
func (l *Log) Calls() io.Writer { return calls{l} }

type calls struct{ *Log }

// Write implements io.Writer.
func (c calls) Write(line []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting)+len(line) > most {
		if err := c.flush(); err != nil {
			return 0, err
		}
	}
	if len(c.waiting) == 0 {
		select {
		case c.more <- struct{}{}:
		default: // it is told already
		}
	}
	c.waiting = append(c.waiting, line...)
	return len(line), nil
}

// flush writes what waits. Where that fails it is lost: there is no other place for it.
func (l *Log) flush() error {
	if len(l.waiting) == 0 {
		return nil
	}
	_, err := l.out.Write(l.waiting)
	l.waiting = l.waiting[:0]
	return err
}

// Run writes the lines that wait, until ctx ends and they are all written.
func (l *Log) Run(ctx context.Context) {
	timer := time.NewTimer(latest)
	defer timer.Stop()
	for ended := false; !ended; {
		select {
		case <-l.more:
			timer.Reset(latest)
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		case <-ctx.Done():
			ended = true
		}
		l.mu.Lock()
		_ = l.flush() // the next line tells, if there is one
		l.mu.Unlock()
	}
}
