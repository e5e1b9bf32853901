package main

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// mapping makes a mapping of pairs, each a key and its value, in this order.
func mapping(pairs ...any) *yaml.Node {
	m := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for i := 0; i < len(pairs); i += 2 {
		set(m, pairs[i].(string), encode(pairs[i+1]))
	}
	return m
}

// encode makes a node of the value.
func encode(value any) *yaml.Node {
	node := new(yaml.Node)
	if err := node.Encode(value); err != nil {
		panic(err) // only functions and channels have no YAML
	}
	return node
}

// get returns the value under a path of keys; nil if there is none.
func get(m *yaml.Node, path ...string) *yaml.Node {
	for _, key := range path {
		var found *yaml.Node
		for i := 0; m != nil && i < len(m.Content)-1; i += 2 {
			if m.Content[i].Value == key {
				found = m.Content[i+1]
			}
		}
		m = found
	}
	return m
}

// set sets the value of a key. A new key comes last.
func set(m *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			m.Content[i+1] = value
			return
		}
	}
	m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, value)
}

// merge adds the second mapping to the first. A key may be in both only if both values are mappings, which are merged too.
func merge(first, second *yaml.Node) (*yaml.Node, error) {
	for i := 0; i < len(second.Content); i += 2 {
		key, value := second.Content[i].Value, second.Content[i+1]
		if known := get(first, key); known != nil {
			if known.Kind != yaml.MappingNode || value.Kind != yaml.MappingNode {
				return nil, fmt.Errorf("frame.yaml, line %d: the contract says already what %s is", value.Line, key)
			}
			var err error
			if value, err = merge(known, value); err != nil {
				return nil, err
			}
		}
		set(first, key, value)
	}
	return first, nil
}

// plain removes comments, styles and aliases from the node.
func plain(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return plain(node.Alias)
	}
	clean := &yaml.Node{Kind: node.Kind, Tag: node.ShortTag(), Value: node.Value, Line: node.Line}
	for _, child := range node.Content {
		clean.Content = append(clean.Content, plain(child))
	}
	return clean
}
