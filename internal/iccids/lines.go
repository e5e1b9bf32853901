package iccids

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// byteOrderMark is what some programs begin a text file with.
const byteOrderMark = "\ufeff"

// maxLineBytes is above any line with one ICCID in it.
const maxLineBytes = 4096

// readLines gives an ICCID a line. Empty lines, those that begin with # and a first one that names the column are none.
func readLines(name string, r io.Reader, yield func(Entry) bool) bool {
	reader := bufio.NewReaderSize(r, maxLineBytes)
	for number := 1; ; number++ {
		line, tooLong, err := nextLine(reader)
		if err != nil && !errors.Is(err, io.EOF) {
			return yield(Entry{Err: fmt.Errorf("%s: line %d: %w", name, number, err)})
		}
		if entry, ok := parseLine(fmt.Sprintf("%s: line %d", name, number), line, tooLong, number == 1); ok && !yield(entry) {
			return false
		}
		if err != nil {
			return true
		}
	}
}

// nextLine reads a line, of one that is too long nothing.
func nextLine(reader *bufio.Reader) (line string, tooLong bool, err error) {
	text, err := reader.ReadSlice('\n')
	for errors.Is(err, bufio.ErrBufferFull) {
		tooLong = true
		_, err = reader.ReadSlice('\n')
	}
	if tooLong {
		return "", true, err
	}
	return string(text), false, err
}

func parseLine(place, line string, tooLong, first bool) (entry Entry, ok bool) {
	if tooLong {
		return Entry{Err: fmt.Errorf("%s: it is longer than %d bytes; write one ICCID a line", place, maxLineBytes)}, true
	}
	if first {
		line = strings.TrimPrefix(line, byteOrderMark)
	}
	line = strings.Trim(strings.TrimSpace(line), `"`)
	if line == "" || line[0] == '#' || (first && strings.EqualFold(line, "iccid")) {
		return Entry{}, false
	}
	if strings.ContainsAny(line, separators) {
		return Entry{Err: fmt.Errorf("%s: it has several values; write one ICCID a line, or name the column of CSV", place)}, true
	}
	return parse(place, line), true
}
