package body

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"hearth"
)

// Sorted gives the tools by name, whatever order they came in.
func Sorted(tools []hearth.ToolSpec) []hearth.ToolSpec {
	tools = slices.Clone(tools)
	slices.SortStableFunc(tools, func(a, b hearth.ToolSpec) int { return strings.Compare(a.Name, b.Name) })
	return tools
}

// maxDepth bounds nesting; what is deeper is left out.
const maxDepth = 32

// Schema reduces a tool's JSON Schema to what every server takes: type, description,
// enum, properties, required and items, in this order. Other keywords make some servers
// refuse the request, and a pattern has been seen to kill one; the richer rules are
// checked after the call. Keywords in refused are left out too. Properties keep their
// order.
func Schema(schema json.RawMessage, refused []string) []byte {
	members, err := Members(schema)
	if err != nil {
		members = nil // an empty schema takes anything
	}
	for _, m := range []Member{{"type", []byte(`"object"`)}, {"properties", []byte("{}")}} {
		if find(members, m.Name) == nil {
			members = append(members, m)
		}
	}
	return reduce(members, refused, maxDepth)
}

func reduce(members []Member, refused []string, depth int) []byte {
	var out []Member
	for _, keyword := range []string{"type", "description", "enum", "properties", "required", "items"} {
		value := find(members, keyword)
		if value == nil || slices.Contains(refused, keyword) && keyword != "type" && keyword != "properties" {
			continue
		}
		switch keyword {
		case "properties":
			value = properties(value, refused, depth-1)
		case "items":
			value = nested(value, refused, depth-1)
		case "required", "enum":
			if list := []json.RawMessage(nil); json.Unmarshal(value, &list) != nil || len(list) == 0 {
				continue // an empty list is refused by strict readers, and says nothing
			}
			value = compact(value)
		default:
			value = compact(value)
		}
		out = append(out, Member{keyword, value})
	}
	return Object(out...)
}

// nested reduces a schema inside a schema; true, false and lists of schemas take anything.
func nested(schema json.RawMessage, refused []string, depth int) []byte {
	members, err := Members(schema)
	if err != nil || depth == 0 {
		return []byte("{}")
	}
	return reduce(members, refused, depth)
}

func properties(object json.RawMessage, refused []string, depth int) []byte {
	members, err := Members(object)
	if err != nil || depth == 0 {
		return []byte("{}")
	}
	for i := range members {
		members[i].Value = nested(members[i].Value, refused, depth)
	}
	return Object(members...)
}

func find(members []Member, name string) []byte {
	for _, m := range members {
		if m.Name == name {
			return m.Value
		}
	}
	return nil
}

// compact writes a value that is valid JSON without blanks.
func compact(value json.RawMessage) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, value); err != nil {
		return []byte("null")
	}
	return b.Bytes()
}
