// Package progress draws the progress of a long task on one line of a terminal.
package progress

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// A Bar is a progress bar, which is redrawn in its place. Only one goroutine may use it.
type Bar struct {
	to    io.Writer
	width func() int // the columns of the terminal
	total int        // 0: unknown
	begun time.Time
	drawn time.Time
	now   Count
}

// A Count says how far the task is.
type Count struct {
	Passed int // how many items of the total are finished
	Worked int // how many of Passed took work: skipped items say nothing about the speed
	Failed int
}

// interval is the least time between two drawings.
const interval = 100 * time.Millisecond

// NewBar makes a bar at the beginning of a task, and draws it.
func NewBar(to io.Writer, width func() int, total int) *Bar {
	b := &Bar{to: to, width: width, total: total, begun: time.Now()}
	b.draw()
	return b
}

// Set updates the bar.
func (b *Bar) Set(now Count) {
	b.now = now
	if time.Since(b.drawn) >= interval {
		b.draw()
	}
}

// Above writes lines above the bar. They must end in a line feed.
func (b *Bar) Above(lines string) {
	_, _ = io.WriteString(b.to, anew+lines) // fails if the terminal is gone, which does not matter
	b.draw()
}

// Close draws the bar for the last time, and leaves it on the terminal.
func (b *Bar) Close() {
	b.draw()
	_, _ = io.WriteString(b.to, "\n")
}

// anew moves the cursor to the beginning of the line, and clears the line.
const anew = "\r\x1b[K"

func (b *Bar) draw() {
	b.drawn = time.Now()
	_, _ = io.WriteString(b.to, anew+b.line(b.drawn.Sub(b.begun), b.width()-1)) // some terminals wrap after the last column
}

// line is the text of the bar for a number of columns.
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
