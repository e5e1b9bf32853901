package iccids

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// separators are the possible separators of CSV: spreadsheets write semicolons in countries with a decimal comma.
const separators = ",;\t"

// readColumn yields the ICCIDs in one column of CSV.
func readColumn(name, column string, r io.Reader, yield func(Entry) bool) bool {
	buffered := bufio.NewReader(r)
	rows := csv.NewReader(buffered)
	rows.FieldsPerRecord = -1 // parseRow reports rows that end early
	rows.ReuseRecord = true
	rows.Comma = separator(buffered)
	header, err := rows.Read()
	if err != nil {
		return yield(Entry{Err: fmt.Errorf("%s: its first row, which names the columns, cannot be read: %w", name, err)})
	}
	at, err := find(column, header)
	if err != nil {
		return yield(Entry{Err: fmt.Errorf("%s: %w", name, err)})
	}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return true
		}
		entry, goOn := parseRow(name, rows, row, at, err)
		if !yield(entry) {
			return false
		}
		if !goOn {
			return true
		}
	}
}

// find returns the index of a column among the titles.
func find(column string, titles []string) (at int, err error) {
	at = -1
	for i, title := range titles {
		switch {
		case !strings.EqualFold(strings.TrimSpace(title), column):
		case at >= 0:
			return 0, fmt.Errorf("its first row names two columns %q, number %d and %d; rename one", column, at+1, i+1)
		default:
			at = i
		}
	}
	if at < 0 {
		return 0, fmt.Errorf("its first row names no column %q, but %q", column, titles)
	}
	return at, nil
}

// parseRow reads the ICCID in a row. goOn is false after an error that is not about CSV, because no more rows can be read
// then.
func parseRow(name string, rows *csv.Reader, row []string, at int, err error) (entry Entry, goOn bool) {
	if malformed, ok := errors.AsType[*csv.ParseError](err); ok {
		return Entry{Err: fmt.Errorf("%s: line %d: %w", name, malformed.StartLine, malformed.Err)}, true
	}
	if err != nil {
		return Entry{Err: fmt.Errorf("%s: %w", name, err)}, false
	}
	line, _ := rows.FieldPos(0)
	if at >= len(row) {
		return Entry{Err: fmt.Errorf("%s: line %d: it ends before the column of ICCIDs", name, line)}, true
	}
	return parse(fmt.Sprintf("%s: line %d", name, line), row[at]), true
}

// separator finds out what separates the titles, and skips a byte order mark.
func separator(r *bufio.Reader) rune {
	if mark, _ := r.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		_, _ = r.Discard(len(byteOrderMark)) // cannot fail after Peek
	}
	quoted := false
	for i := 1; ; i++ {
		title, _ := r.Peek(i)
		switch {
		case len(title) < i:
			return ','
		case title[i-1] == '"':
			quoted = !quoted
		case quoted:
		case title[i-1] == '\n':
			return ','
		case strings.IndexByte(separators, title[i-1]) >= 0:
			return rune(title[i-1])
		}
	}
}
