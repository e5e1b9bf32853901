// Package usageform writes what devices used as tables, JSON, CSV and YAML, a device at a time, and finds out which devices
// a file of them holds.
package usageform

import (
	"fmt"
	"io"
	"os"
	"strings"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/iccids"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// A Form is a way to write answers.
type Form struct {
	// Header begins the text.
	Header string
	// Append adds an answer to the text.
	Append func(text []byte, resp *usagev1.GetDeviceUsageInZoneResponse) ([]byte, error)
	// held tells the devices that a text of so many bytes, after the header, holds whole, and where the last of them ends; nil
	// for a form that nobody reads back.
	held func(text io.Reader, size int64, tell func(iccid string) error) (end int64, err error)
}

// Resumes reports whether a file of this form can be gone on with.
func (f Form) Resumes() bool { return f.held != nil }

// Resume makes a file ready to be gone on with. It adds to the set the devices that the file holds whole, and cuts off what
// comes after them: whoever wrote it may have been killed in the middle of a write.
func (f Form) Resume(file *os.File, known *iccids.Set) error {
	end, err := f.end(file, known)
	if err != nil {
		return fmt.Errorf("%s is not what an earlier call wrote, so it is left as it is: %w", file.Name(), err)
	}
	if err := file.Truncate(end); err != nil {
		return err
	}
	if _, err := file.Seek(end, io.SeekStart); err != nil || end > 0 {
		return err
	}
	_, err = file.WriteString(f.Header)
	return err
}

// end is where the last device ends that the file holds whole; 0 where not even the header is.
func (f Form) end(file *os.File, known *iccids.Set) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	header := make([]byte, min(int64(len(f.Header)), info.Size()))
	if _, err := io.ReadFull(file, header); err != nil {
		return 0, err
	}
	if !strings.HasPrefix(f.Header, string(header)) {
		return 0, fmt.Errorf("it does not begin with %s", strings.TrimSpace(f.Header))
	}
	if len(header) < len(f.Header) {
		return 0, nil
	}
	begin := int64(len(header))
	end, err := f.held(file, info.Size()-begin, func(text string) error {
		iccid, err := jasperclient.ParseICCID(text)
		if err != nil {
			return err
		}
		if !known.Add(iccid) {
			return fmt.Errorf("it holds the device %s twice", iccid)
		}
		return nil
	})
	return begin + end, err
}

// torn fails for an end that is not the beginning of an answer, each of which begins so.
func torn(end, beginning string) error {
	if n := min(len(end), len(beginning)); end[:n] != beginning[:n] {
		return fmt.Errorf("it ends with %.40q", end)
	}
	return nil
}
