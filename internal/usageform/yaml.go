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

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// The beginning and the end of each answer in YAML. The end is YAML's own mark for the end of a document: an answer with it
// is complete.
const (
	yamlBeginning = "---\niccid: \""
	yamlEnd       = "...\n"
)

// YAML has one document for each device, with the same content as in JSON.
var YAML = Form{Append: appendYAML, held: heldYAML, part: partYAML}

func appendYAML(text []byte, resp *usagev1.GetDeviceUsageInZoneResponse) ([]byte, error) {
	document, err := documents.Marshal(resp)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber() // a float is not exact
	node, err := yamlNode(decoder)
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

// yamlNode converts a value of JSON. The fields keep their order.
func yamlNode(from *json.Decoder) (*yaml.Node, error) {
	token, err := from.Token()
	if err != nil {
		return nil, err
	}
	node := &yaml.Node{}
	delimiter, nested := token.(json.Delim)
	switch {
	case !nested:
		return yamlScalar(token), nil
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
			key.Style = 0 // the fields' names need no quotes
			node.Content = append(node.Content, key)
		}
		value, err := yamlNode(from)
		if err != nil {
			return nil, err
		}
		node.Content = append(node.Content, value)
	}
	_, err = from.Token() // the closing delimiter
	return node, err
}

// yamlScalar makes a number without quotes, or a text in quotes: parsers do not agree which texts need none.
func yamlScalar(token json.Token) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(token)}
	if _, text := token.(string); text {
		node.Style = yaml.DoubleQuotedStyle
	}
	return node
}

// heldYAML takes a document as complete if it has the mark of its end.
func heldYAML(text io.Reader, _ int64, tell func(string) error) (end int64, err error) {
	lines := bufio.NewReader(text)
	document := "" // the first two lines of the present document
	for at, number := int64(0), 1; ; number++ {
		line, err := lines.ReadString('\n')
		at += int64(len(line))
		if strings.Count(document, "\n") < 2 {
			document += line
		}
		if errors.Is(err, io.EOF) {
			return end, nil
		}
		if err != nil {
			return 0, err
		}
		if line != yamlEnd {
			continue
		}
		if err := tellYAML(document, tell); err != nil {
			return 0, fmt.Errorf("line %d: the document that ends there: %w", number, err)
		}
		document, end = "", at
	}
}

// tellYAML calls tell with the ICCID at the beginning of a document.
func tellYAML(document string, tell func(string) error) error {
	if !strings.HasPrefix(document, yamlBeginning) {
		return errors.New("it does not begin with an ICCID")
	}
	var answer struct {
		ICCID string `yaml:"iccid"`
	}
	if err := yaml.Unmarshal([]byte(document), &answer); err != nil {
		return err
	}
	return tell(answer.ICCID)
}

// partYAML refuses a tail with several documents: another program has rewritten the file without the marks of their ends.
func partYAML(tail string) (jasperclient.ICCID, error) {
	if strings.Contains(tail, "\n---\n") {
		return "", fmt.Errorf("a document has no %q behind it", yamlEnd)
	}
	return partOf(tail, yamlBeginning, "\"\ntimestamp: \"")
}
