package usageform

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/zoneusage/zoneusage/jasperclient"
)

// heldCSV takes the answer of a device as complete if it has as many rows as its rows say.
func heldCSV(text io.Reader, size int64, tell func(string) error) (end int64, err error) {
	from := &lastByte{Reader: text}
	rows := csv.NewReader(from)
	rows.FieldsPerRecord = len(columns)
	rows.ReuseRecord = true
	device, count := "", 0 // the device of the present rows, and how many of them were read
	for {
		row, err := rows.Read()
		at := rows.InputOffset()
		torn := at == size && (from.byte != '\n' || errors.Is(err, csv.ErrQuote)) // a line feed in a name does not end the row
		switch {
		case torn || errors.Is(err, io.EOF):
			return end, nil
		case err != nil:
			return 0, err
		case count == 0:
			device = strings.Clone(row[0])
		case row[0] != device:
			return 0, fmt.Errorf("it has only %d rows of the device %s", count, device)
		}
		count++
		if row[len(row)-1] != strconv.Itoa(count) {
			continue
		}
		if err := tell(device); err != nil {
			return 0, err
		}
		end, count = at, 0
	}
}

// csvRow is the beginning of a row: a device, and a time of this century.
var csvRow = regexp.MustCompile(`(?m)^\d{18,22},20`)

// partCSV refuses a tail with rows of several devices: with a quote that is not closed, CSV takes them all for one name.
func partCSV(tail string) (jasperclient.ICCID, error) {
	iccid, err := partOf(tail, "", ",20")
	if err != nil {
		return "", err
	}
	for _, row := range csvRow.FindAllString(tail, -1) {
		if !strings.HasPrefix(row, string(iccid)+",") {
			return "", fmt.Errorf("a row of the device %s is not whole, and rows of others are behind it; is a quote not closed?", iccid)
		}
	}
	return iccid, nil
}

// A lastByte remembers the last byte that was read: if the file ends without a line feed, its last row is torn.
type lastByte struct {
	io.Reader
	byte byte
}

// Read implements io.Reader.
func (r *lastByte) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.byte = p[n-1]
	}
	return n, err
}
