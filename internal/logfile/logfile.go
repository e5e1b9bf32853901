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
	// enough is how many bytes of them are worth a write.
	enough = 64 << 10
	// most is how many wait where writing is slow. Then who has one more writes them all.
	most = 1 << 20
)

// A Log is the lines of one process, in the order in which they are written.
type Log struct {
	mu      sync.Mutex // of waiting; it is held for no write
	waiting []byte

	writing sync.Mutex // of what follows, before mu
	out     io.Writer
	spare   []byte // takes the place of waiting

	some, many chan struct{} // receive when a line waits, and when enough do
}

// New makes a log that writes to out.
func New(out io.Writer) *Log {
	return &Log{out: out, some: make(chan struct{}, 1), many: make(chan struct{}, 1)}
}

// Write implements io.Writer: the line is written when it returns, and those that wait before it.
func (l *Log) Write(line []byte) (int, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.flush(); err != nil {
		return 0, err
	}
	return l.out.Write(line)
}

// Calls is a writer for the lines of calls, which wait until Run writes them. What waits is lost only when the process is killed.
func (l *Log) Calls() io.Writer { return calls{l} }

type calls struct{ *Log }

// Write implements io.Writer.
func (c calls) Write(line []byte) (int, error) {
	c.mu.Lock()
	before := len(c.waiting)
	c.waiting = append(c.waiting, line...)
	now := len(c.waiting)
	c.mu.Unlock()
	switch {
	case now > most:
		c.writing.Lock()
		defer c.writing.Unlock()
		if err := c.flush(); err != nil {
			return 0, err
		}
	case before == 0:
		tell(c.some)
	case before < enough && now >= enough:
		tell(c.many)
	}
	return len(line), nil
}

// tell sends, unless what is sent before was not received yet.
func tell(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// flush writes what waits. Where that fails it is lost: there is no other place for it.
func (l *Log) flush() error {
	l.mu.Lock()
	lines := l.waiting
	l.waiting = l.spare[:0]
	l.mu.Unlock()
	l.spare = lines
	if len(lines) == 0 {
		return nil
	}
	_, err := l.out.Write(lines)
	return err
}

// Run writes the lines that wait, until ctx ends and they are all written.
func (l *Log) Run(ctx context.Context) {
	timer := time.NewTimer(latest)
	defer timer.Stop()
	for ended := false; !ended; {
		select {
		case <-l.some:
			timer.Reset(latest)
			select {
			case <-timer.C:
			case <-l.many:
			case <-ctx.Done():
			}
		case <-ctx.Done():
			ended = true
		}
		l.writing.Lock()
		_ = l.flush() // the next line tells, if there is one
		l.writing.Unlock()
	}
}
