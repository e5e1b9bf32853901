// Package usageform writes the usage of devices as tables, JSON, CSV and YAML, a device at a time, and finds out which
// devices such a file holds.
package usageform

import (
	"io"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// A Form is a way to write answers. held and part are nil for a form that cannot be read back: its files are always new.
type Form struct {
	// Header begins the text.
	Header string
	// Append adds an answer to the text.
	Append func(text []byte, resp *usagev1.GetDeviceUsageInZoneResponse) ([]byte, error)
	// held reads a text of this size, which follows the header. It calls tell for each device with a complete answer, and
	// returns where the last complete answer ends.
	held func(text io.Reader, size int64, tell func(iccid string) error) (end int64, err error)
	// part returns the device whose answer is in the tail after the complete answers in part; empty if the tail does not hold
	// the whole ICCID. It fails if the tail is not the beginning of an answer.
	part func(tail string) (jasperclient.ICCID, error)
}
