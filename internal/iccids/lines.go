package iccids

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// byteOrderMark is at the beginning of the text files of some programs.
const byteOrderMark = "\ufeff"

// maxLineBytes is far above the length of a line with one ICCID.
const maxLineBytes = 4096

// readLines yields the ICCID on each line. It skips empty lines, lines that begin with #, and a first line that names the
// column.
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

// nextLine reads a line. It returns no text of a line that is too long.
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
