// Package iccids reads lists of ICCIDs from arguments, files, standard input or a column of a CSV file.
package iccids

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"

	"github.com/zoneusage/zoneusage/jasperclient"
)

// ErrDuplicate is the Err of an entry whose ICCID came earlier in the list, or is known from elsewhere.
var ErrDuplicate = errors.New("the ICCID is known already")

// An Entry is an entry of a list: an ICCID or an error.
type Entry struct {
	ICCID jasperclient.ICCID
	Err   error // what is wrong, and in which place; nil for a good entry
}

// A List is a list of ICCIDs. Each method reads it anew, a piece at a time, so that it may be long.
type List struct {
	First   jasperclient.ICCID // comes before the sources; empty for none
	Sources []string           // each an ICCID, @FILE, or - for Stdin
	Column  string             // the column of CSV, whose first row names the columns; empty: one ICCID a line
	Stdin   io.Reader          // can be read only once
}

// All yields the entries in their order. Anything that cannot be read is an entry with an error, and does not end the list.
func (l List) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		if l.First != "" && !yield(Entry{ICCID: l.First}) {
			return
		}
		for i, source := range l.Sources {
			if !l.read(i, source, yield) {
				return
			}
		}
	}
}

// MarkDuplicates yields all entries, and sets the Err of an entry to ErrDuplicate if its ICCID is in the set or came earlier.
// It adds the ICCIDs to the set.
func (l List) MarkDuplicates(known *Set) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for entry := range l.All() {
			if entry.Err == nil && !known.Add(entry.ICCID) {
				entry.Err = ErrDuplicate
			}
			if !yield(entry) {
				return
			}
		}
	}
}

// Count is the number of entries. ok is false if they cannot be counted without using them up.
func (l List) Count() (n int, ok bool) {
	for _, source := range l.Sources {
		if info, err := l.stat(source); source == "-" || (err == nil && !info.Mode().IsRegular()) {
			return 0, false
		}
	}
	for range l.All() {
		n++
	}
	return n, true
}

// Reads reports whether a file is one of the sources, under any name.
func (l List) Reads(file os.FileInfo) bool {
	return slices.ContainsFunc(l.Sources, func(source string) bool {
		info, err := l.stat(source)
		return err == nil && os.SameFile(info, file)
	})
}

// stat returns the information about the file of a source. It fails if the source is not a file.
func (l List) stat(source string) (os.FileInfo, error) {
	if name, named := strings.CutPrefix(source, "@"); named {
		return os.Stat(name)
	}
	if file, ok := l.Stdin.(*os.File); ok && source == "-" {
		return file.Stat()
	}
	return nil, os.ErrNotExist
}

// read yields the entries of one source. Like yield, it returns false when no more are wanted.
func (l List) read(i int, source string, yield func(Entry) bool) bool {
	if source == "-" {
		return l.readFrom("standard input", l.Stdin, yield)
	}
	if name, named := strings.CutPrefix(source, "@"); named {
		file, err := os.Open(name)
		if err != nil {
			return yield(Entry{Err: err})
		}
		defer func() { _ = file.Close() }() // nothing was written
		return l.readFrom(name, file, yield)
	}
	entry := parse(fmt.Sprintf("argument %d", i+1), source)
	if entry.Err != nil {
		if _, err := os.Stat(source); err == nil {
			entry.Err = fmt.Errorf("%w; @%s reads the file of this name", entry.Err, source)
		}
	}
	return yield(entry)
}

func (l List) readFrom(name string, r io.Reader, yield func(Entry) bool) bool {
	if l.Column != "" {
		return readColumn(name, l.Column, r, yield)
	}
	return readLines(name, r, yield)
}

// parse reads one ICCID. Its errors begin with the place.
func parse(place, text string) Entry {
	iccid, err := jasperclient.ParseICCID(text)
	if err != nil {
		return Entry{Err: fmt.Errorf("%s: %w", place, err)}
	}
	return Entry{ICCID: iccid}
}
