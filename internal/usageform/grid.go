package usageform

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// A column is as wide as its widest cell.
type column struct {
	cells []string // the first is the title
	right bool     // numbers are aligned to the right
}

func (c column) width() int {
	widest := 0
	for _, cell := range c.cells {
		widest = max(widest, displayWidth(cell))
	}
	return widest
}

// A grid is a table of columns.
type grid []column

// gap stands between columns.
const gap = "  "

func newGrid(rows []zone, bars bool) grid {
	plans, names := column{cells: []string{"RATE PLAN"}}, column{cells: []string{"ZONE"}}
	for _, row := range rows {
		plans.cells, names.cells = append(plans.cells, row.plan), append(names.cells, row.name)
	}
	g := grid{plans, names}
	for _, kind := range kinds {
		numbers, shares := column{cells: []string{kind.title}, right: true}, column{cells: []string{""}}
		var largest int64
		for _, row := range rows {
			if n := kind.of(row.usage); n != nil && !row.total {
				largest = max(largest, *n)
			}
		}
		for _, row := range rows {
			n := kind.of(row.usage)
			numbers.cells = append(numbers.cells, number(kind.text, n))
			if n == nil || row.total {
				n = new(int64)
			}
			shares.cells = append(shares.cells, bar(*n, largest))
		}
		g = append(g, numbers)
		if bars && largest > 0 {
			g = append(g, shares)
		}
	}
	return g
}

func (g grid) width() int {
	sum := len(gap) * (len(g) - 1)
	for _, c := range g {
		sum += c.width()
	}
	return sum
}

// text is the text of the grid, without spaces at the ends of lines.
func (g grid) text(style Style) string {
	widths := make([]int, len(g))
	for i, c := range g {
		widths[i] = c.width()
	}
	var text strings.Builder
	for row := range g[0].cells {
		var line strings.Builder
		for i, c := range g {
			cell, padding := c.cells[row], strings.Repeat(" ", widths[i]-displayWidth(c.cells[row]))
			if c.right {
				line.WriteString(padding + cell)
			} else {
				line.WriteString(cell + padding)
			}
			line.WriteString(gap)
		}
		trimmed := strings.TrimRight(line.String(), " ")
		if row == 0 {
			trimmed = style.bold(trimmed)
		}
		text.WriteString(trimmed + "\n")
	}
	return text.String()
}

// barWidth is the length of the longest bar.
const barWidth = 8

// bar shows the ratio of n to the largest number, in eighths of a character. Any number above 0 has a bar.
func bar(n, largest int64) string {
	if n <= 0 || largest <= 0 {
		return ""
	}
	const full = 8
	eighths := max(1, int(float64(n)/float64(largest)*barWidth*full+0.5))
	text := strings.Repeat("█", eighths/full)
	if part := eighths % full; part > 0 {
		text += string([]rune(" ▏▎▍▌▋▊▉")[part])
	}
	return text
}

// displayWidth is how many columns of a terminal the text takes.
func displayWidth(text string) int {
	columns := 0
	for _, r := range text {
		switch kind := width.LookupRune(r).Kind(); {
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case kind == width.EastAsianWide || kind == width.EastAsianFullwidth:
			columns += 2
		default:
			columns++
		}
	}
	return columns
}
