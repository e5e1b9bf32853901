package usageform

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protojson"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// JSON has one document on each line, as the REST door answers.
var JSON = Form{Append: appendJSON, held: heldJSON, part: partJSON}

// documents writes JSON as the REST door does: with empty lists, but without unset optional fields, which differ from 0.
var documents = protojson.MarshalOptions{EmitDefaultValues: true}

func appendJSON(text []byte, resp *usagev1.GetDeviceUsageInZoneResponse) ([]byte, error) {
	document, err := documents.Marshal(resp)
	if err != nil {
		return nil, err
	}
	line := bytes.NewBuffer(text)
	if err := json.Compact(line, document); err != nil { // protojson adds spaces, and not always the same
		return nil, err
	}
	line.WriteByte('\n')
	return line.Bytes(), nil
}

// heldJSON takes an answer as complete if its line ends in a line feed.
func heldJSON(text io.Reader, _ int64, tell func(string) error) (end int64, err error) {
	lines := bufio.NewReader(text)
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return end, nil
		}
		if err != nil {
			return 0, err
		}
		var document struct {
			ICCID string `json:"iccid"`
		}
		if err := json.Unmarshal(line, &document); err != nil {
			return 0, fmt.Errorf("line %d: %w", number, err)
		}
		if err := tell(document.ICCID); err != nil {
			return 0, fmt.Errorf("line %d: %w", number, err)
		}
		end += int64(len(line))
	}
}

// partJSON refuses a tail that is a whole document but not an answer. If it is an answer, only the line feed is missing.
func partJSON(tail string) (jasperclient.ICCID, error) {
	if json.Valid([]byte(tail)) {
		if err := protojson.Unmarshal([]byte(tail), &usagev1.GetDeviceUsageInZoneResponse{}); err != nil {
			return "", fmt.Errorf("its last line: %w", err)
		}
	}
	return partOf(tail, `{"iccid":"`, `","timestamp":"`)
}
