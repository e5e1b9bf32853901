// Package progress draws how far a long task is, on one line of a terminal.
package progress

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// A Bar is redrawn in its place. It is for one goroutine.
type Bar struct {
	to    io.Writer
	width func() int // columns of the terminal
	total int        // 0: not known
	begun time.Time
	drawn time.Time
	now   Count
}

// A Count is how far the task is.
type Count struct {
	Passed int // of the total
	Worked int // of these, those that took work: what was skipped says nothing of the speed
	Failed int
}

// interval is the least time between two drawings.
const interval = 100 * time.Millisecond

// NewBar draws the beginning of a task.
func NewBar(to io.Writer, width func() int, total int) *Bar {
	b := &Bar{to: to, width: width, total: total, begun: time.Now()}
	b.draw()
	return b
}

// Set tells how far the task is.
func (b *Bar) Set(now Count) {
	b.now = now
	if time.Since(b.drawn) >= interval {
		b.draw()
	}
}

// Above writes lines, which end in a line feed, over the bar.
func (b *Bar) Above(lines string) {
	_, _ = io.WriteString(b.to, anew+lines) // a terminal that is gone shows nothing
	b.draw()
}

// Close leaves the bar as it is at the end.
func (b *Bar) Close() {
	b.draw()
	_, _ = io.WriteString(b.to, "\n")
}

// anew goes back to the beginning of the line and empties it.
const anew = "\r\x1b[K"

func (b *Bar) draw() {
	b.drawn = time.Now()
	_, _ = io.WriteString(b.to, anew+b.line(b.drawn.Sub(b.begun), b.width()-1)) // in the last column some terminals wrap
}

// line is the bar in a number of columns.
func (b *Bar) line(elapsed time.Duration, columns int) string {
	rate := float64(b.now.Worked) / max(elapsed.Seconds(), 0.001)
	before, after := fmt.Sprintf("%d asked ", b.now.Passed), fmt.Sprintf(" %.1f/s, %s", rate, elapsed.Round(time.Second))
	if b.total > 0 {
		before = fmt.Sprintf("%d of %d ", b.now.Passed, b.total)
		if left := b.total - b.now.Passed; left > 0 && rate > 0 {
			after = fmt.Sprintf(" %.1f/s, %s left", rate, time.Duration(float64(left)/rate*float64(time.Second)).Round(time.Second))
		}
	}
	if b.now.Failed > 0 {
		after += fmt.Sprintf(", %d failed", b.now.Failed)
	}
	const longest = 40
	room := min(columns-len(before)-len(after), longest)
	if b.total == 0 || room < 1 {
		line := before + strings.TrimSpace(after)
		return line[:max(0, min(len(line), columns))]
	}
	filled := min(room, room*b.now.Passed/b.total)
	return before + strings.Repeat("█", filled) + strings.Repeat("░", room-filled) + after
}
