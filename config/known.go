package config

import (
	_ "embed"
	"slices"
	"strings"

	"hearth/internal/json5"
	"hearth/internal/spelling"
)

// keysText lists every config key of OpenClaw, one a line, indented below its parent:
// the name ("*" for any, "[]" for the elements of a list), a blank, and the types.
//
//go:embed keys.txt
var keysText string

// A keyNode is one key that OpenClaw knows.
type keyNode struct {
	types    string
	children map[string]*keyNode
}

// parseKeys reads the embedded list. It takes about a millisecond, so it is done only
// for a file that holds a key Hearth does not use.
func parseKeys(text string) *keyNode {
	root := &keyNode{children: map[string]*keyNode{}}
	stack := []*keyNode{root}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		rest := strings.TrimLeft(line, "\t")
		depth := len(line) - len(rest)
		name, types, ok := strings.Cut(rest, " ")
		if !ok {
			continue
		}
		n := &keyNode{types: types}
		parent := stack[depth]
		if parent.children == nil {
			parent.children = map[string]*keyNode{}
		}
		parent.children[name] = n
		stack = append(stack[:depth+1], n)
	}
	return root
}

// child follows one key; nil means that OpenClaw does not know it. Below a key
// without listed children everything is allowed.
func (n *keyNode) child(key string) *keyNode {
	if n == nil {
		return nil
	}
	if c := n.children[key]; c != nil {
		return c
	}
	if c := n.children["*"]; c != nil {
		return c
	}
	if len(n.children) == 0 && n.open() {
		return &keyNode{types: "any"}
	}
	return nil
}

func (n *keyNode) element() *keyNode {
	if n == nil {
		return nil
	}
	if c := n.children["[]"]; c != nil {
		return c
	}
	return &keyNode{types: "any"}
}

// follow goes down a path; nil when OpenClaw does not know it.
func (n *keyNode) follow(steps []json5.Step) *keyNode {
	for _, s := range steps {
		if n == nil {
			return nil
		}
		if key, ok := s.Key(); ok {
			n = n.child(key)
			continue
		}
		n = n.element()
	}
	return n
}

// open reports whether any key may stand below a node that lists none.
func (n *keyNode) open() bool {
	return strings.Contains(n.types, "object") || strings.Contains(n.types, "any")
}

// accepts reports whether v has one of the node's types, and otherwise names them.
// A shape such as ${NAME} may become anything, and a secret may stand for a string.
func (n *keyNode) accepts(v *json5.Value) (bool, string) {
	types := splitTypes(n.types)
	var names []string
	for _, t := range types {
		switch {
		case t == "any", t == v.Kind.String(), t == "integer" && isWhole(v):
			return true, ""
		default:
			if v.Kind == json5.String && t == `"`+v.Text+`"` || v.Kind == json5.Number && t == v.Text {
				return true, ""
			}
		}
		names = append(names, t)
	}
	return false, strings.Join(names, "|")
}

func splitTypes(s string) []string {
	if s == "" {
		return []string{"any"}
	}
	return strings.Split(s, "|")
}

func isWhole(v *json5.Value) bool {
	_, ok := v.Int()
	return ok
}

// nearest returns the candidate that key is most likely a slip of, or "".
func nearest(key string, candidates []string) string {
	best, bestAt := "", 2+len(key)/4
	candidates = slices.Clone(candidates)
	slices.Sort(candidates) // so that equal distances always give the same answer
	for _, c := range candidates {
		if d := spelling.Distance(strings.ToLower(key), strings.ToLower(c)); d < bestAt && d < len(c) {
			best, bestAt = c, d
		}
	}
	return best
}
