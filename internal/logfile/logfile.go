// Package logfile writes the lines of a log. The lines of calls, tens of thousands a second, are collected and written
// together; every other line is written at once.
package logfile

import (
	"context"
	"io"
	"sync"
	"time"
)

const (
	// maxDelay is how long the line of a call may wait for others.
	maxDelay = 100 * time.Millisecond
	// flushBytes is how many waiting bytes are written without further delay.
	flushBytes = 64 << 10
	// maxPending is how many bytes may wait while writing is slow. The caller that adds a line beyond it writes them all
	// itself.
	maxPending = 1 << 20
)

// A Log is the lines of one process, in the order in which they are written.
type Log struct {
	mu      sync.Mutex // guards waiting; never held during a write
	waiting []byte

	writing sync.Mutex // guards out and spare; locked before mu
	out     io.Writer
	spare   []byte // the buffer that replaces waiting at the next flush

	pending chan struct{} // receives when a first line waits
	full    chan struct{} // receives when flushBytes wait
}

// New makes a log that writes to out.
func New(out io.Writer) *Log {
	return &Log{out: out, pending: make(chan struct{}, 1), full: make(chan struct{}, 1)}
}

// Write implements io.Writer. It first writes the lines that wait, and the line is written when it returns.
func (l *Log) Write(line []byte) (int, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.flush(); err != nil {
		return 0, err
	}
	return l.out.Write(line)
}

// Calls returns a writer for the lines of calls, which wait until Run writes them. They are lost only if the process is
// killed.
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
	case now > maxPending:
		c.writing.Lock()
		defer c.writing.Unlock()
		if err := c.flush(); err != nil {
			return 0, err
		}
	case before == 0:
		signal(c.pending)
	case before < flushBytes && now >= flushBytes:
		signal(c.full)
	}
	return len(line), nil
}

// signal sends, unless the previous signal is still there.
func signal(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// flush writes the lines that wait. If that fails, they are lost: there is no other place for them.
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
	timer := time.NewTimer(maxDelay)
	defer timer.Stop()
	for ended := false; !ended; {
		select {
		case <-l.pending:
			timer.Reset(maxDelay)
			select {
			case <-timer.C:
			case <-l.full:
			case <-ctx.Done():
			}
		case <-ctx.Done():
			ended = true
		}
		l.writing.Lock()
		_ = l.flush() // the Write of the next line reports it
		l.writing.Unlock()
	}
}
