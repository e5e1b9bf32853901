package usageform

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

// What stands around each answer in YAML. The end is a mark of YAML's, so that a document that has it is whole.
const (
	yamlBeginning = "---\niccid: "
	yamlEnd       = "...\n"
)

// YAML is one document a device, the same that JSON has.
var YAML = Form{Append: appendYAML, held: heldYAML}

func appendYAML(text []byte, resp *usagev1.GetDeviceUsageInZoneResponse) ([]byte, error) {
	document, err := protojson.Marshal(resp)
	if err != nil {
		return nil, err
	}
	node, err := yamlNode(json.NewDecoder(bytes.NewReader(document)))
	if err != nil {
		return nil, err
	}
	buffer := bytes.NewBuffer(append(text, "---\n"...))
	encoder := yaml.NewEncoder(buffer)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(node), encoder.Close()); err != nil {
		return nil, err
	}
	return append(buffer.Bytes(), yamlEnd...), nil
}

// yamlNode takes over a value of JSON as it is, with the fields in their order.
func yamlNode(from *json.Decoder) (*yaml.Node, error) {
	token, err := from.Token()
	if err != nil {
		return nil, err
	}
	node := &yaml.Node{}
	delimiter, nested := token.(json.Delim)
	switch {
	case !nested:
		return node, node.Encode(token)
	case delimiter == '{':
		node.Kind = yaml.MappingNode
	default:
		node.Kind = yaml.SequenceNode
	}
	for from.More() {
		if node.Kind == yaml.MappingNode {
			key, err := yamlNode(from)
			if err != nil {
				return nil, err
			}
			node.Content = append(node.Content, key)
		}
		value, err := yamlNode(from)
		if err != nil {
			return nil, err
		}
		node.Content = append(node.Content, value)
	}
	_, err = from.Token() // the end of it
	return node, err
}

// heldYAML takes a document for whole that has the mark of its end.
func heldYAML(text io.Reader, _ int64, tell func(string) error) (end int64, err error) {
	lines := bufio.NewReader(text)
	var document bytes.Buffer
	for at := int64(0); ; {
		line, err := lines.ReadString('\n')
		at += int64(len(line))
		document.WriteString(line)
		if errors.Is(err, io.EOF) {
			return end, torn(document.String(), yamlBeginning)
		}
		if err != nil {
			return 0, err
		}
		if line != yamlEnd {
			continue
		}
		var answer struct {
			ICCID string `yaml:"iccid"`
		}
		if !strings.HasPrefix(document.String(), yamlBeginning) {
			return 0, fmt.Errorf("at byte %d there is no answer", end)
		}
		if err := yaml.Unmarshal(document.Bytes(), &answer); err != nil {
			return 0, fmt.Errorf("at byte %d: %w", end, err)
		}
		if err := tell(answer.ICCID); err != nil {
			return 0, fmt.Errorf("at byte %d: %w", end, err)
		}
		document.Reset()
		end = at
	}
}
