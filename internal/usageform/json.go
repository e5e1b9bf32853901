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

// JSON is one document a line, as the REST door answers.
var JSON = Form{Append: appendJSON, held: heldJSON, part: partJSON}

// documents are written as the REST door does: an empty list as one, and an unset optional field, which is no 0, not at all.
var documents = protojson.MarshalOptions{EmitDefaultValues: true}

func appendJSON(text []byte, resp *usagev1.GetDeviceUsageInZoneResponse) ([]byte, error) {
	document, err := documents.Marshal(resp)
	if err != nil {
		return nil, err
	}
	line := bytes.NewBuffer(text)
	if err := json.Compact(line, document); err != nil { // protojson puts spaces in, and not always the same
		return nil, err
	}
	line.WriteByte('\n')
	return line.Bytes(), nil
}

// heldJSON takes a line for whole that has an end.
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

// partJSON refuses a whole document that no answer of ours could be; one that is lacks its line feed alone.
func partJSON(tail string) (jasperclient.ICCID, error) {
	if json.Valid([]byte(tail)) {
		if err := protojson.Unmarshal([]byte(tail), &usagev1.GetDeviceUsageInZoneResponse{}); err != nil {
			return "", fmt.Errorf("its last line: %w", err)
		}
	}
	return partOf(tail, `{"iccid":"`, `","timestamp":"`)
}
