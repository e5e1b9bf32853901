// Package usageform writes what devices used as tables, JSON, CSV and YAML, a device at a time, and finds out which devices
// a file of them holds.
package usageform

import (
	"io"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// A Form is a way to write answers. The last two are nil for one that nobody reads back: its files are new.
type Form struct {
	// Header begins the text.
	Header string
	// Append adds an answer to the text.
	Append func(text []byte, resp *usagev1.GetDeviceUsageInZoneResponse) ([]byte, error)
	// held tells the devices that a text of so many bytes, after the header, holds whole, and where the last of them ends.
	held func(text io.Reader, size int64, tell func(iccid string) error) (end int64, err error)
	// part is the device whose answer the tail behind them begins; empty where its ICCID is not whole there. It fails for a
	// tail that begins no answer.
	part func(tail string) (jasperclient.ICCID, error)
}
