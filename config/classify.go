package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"hearth/internal/json5"
)

// extra judges a member that no struct has a field for: OpenClaw's, but unused here,
// or known to nobody.
func (d *decoder) extra(parent string, m json5.Member, fields map[string]field) {
	node := d.keysAt(parent)
	if c := node.child(m.Key); c != nil {
		path := joinKey(parent, m.Key)
		d.unused = append(d.unused, path)
		d.walkUnused(path, m.Value, c)
		return
	}
	candidates := slices.Collect(maps.Keys(fields))
	if node != nil {
		candidates = slices.AppendSeq(candidates, maps.Keys(node.children))
	}
	d.unknown(parent, m, candidates)
}

func (d *decoder) unknown(parent string, m json5.Member, candidates []string) {
	path := joinKey(parent, m.Key)
	soft := path + " is not a key that Hearth or OpenClaw knows"
	if now := d.movedTo(parent, m.Key); now != "" {
		soft += ": it is " + now + " now"
	} else if near := nearest(m.Key, candidates); near != "" && near != "*" {
		soft += ": did you mean " + joinKey(parent, near) + "?"
	} else if other := d.elsewhere(m.Key); other != "" {
		soft += "; there is " + other
	}
	d.report(finding{
		kind: UnknownKey, path: parent, full: path, at: m.Value,
		strict: fmt.Sprintf("Unrecognized key: %q", m.Key), soft: soft,
	})
}

// movedTo says where a block of the first configs went, which had agents and channels at the
// top.
func (d *decoder) movedTo(parent, key string) string {
	switch {
	case parent != "":
		return ""
	case key == "agent":
		return "agents.defaults"
	case d.keysAt("channels").children[key] != nil:
		return "channels." + key
	}
	return ""
}

// walkUnused looks through a part of the file that only OpenClaw uses.
func (d *decoder) walkUnused(path string, v *json5.Value, node *keyNode) {
	if ok, want := node.accepts(v); !ok {
		d.report(finding{
			kind: WrongType, path: path, full: path, at: v, unused: true,
			strict: invalidInput(want, v),
		})
		return
	}
	switch v.Kind {
	case json5.Object:
		for _, m := range v.Unique() {
			if c := node.child(m.Key); c != nil {
				d.walkUnused(joinKey(path, m.Key), m.Value, c)
				continue
			}
			d.unknown(path, m, slices.Collect(maps.Keys(node.children)))
		}
	case json5.Array:
		for i, e := range v.Elements {
			d.walkUnused(formatIndex(path, i), e, node.element())
		}
	default:
	}
}

// keysAt finds what OpenClaw knows below a path; nil when it does not know the path.
func (d *decoder) keysAt(path string) *keyNode {
	if d.keys == nil {
		d.keys = parseKeys(keysText)
	}
	steps, err := ParsePath(path)
	if path == "" {
		steps, err = nil, nil
	}
	if err != nil {
		return nil
	}
	return d.keys.follow(steps)
}

// elsewhere finds the one place at which a key of that name does exist, for a person
// who put a right key into a wrong block.
func (d *decoder) elsewhere(key string) string {
	var found []string
	var walk func(n *keyNode, path string)
	walk = func(n *keyNode, path string) {
		for name, c := range n.children {
			below := path + "." + name
			if name == key {
				found = append(found, strings.TrimPrefix(below, "."))
			}
			walk(c, below)
		}
	}
	walk(d.keys, "")
	if len(found) == 0 {
		return ""
	}
	slices.SortFunc(found, func(a, b string) int {
		return strings.Compare(fmt.Sprintf("%d %03d %s", preference(a), len(a), a), fmt.Sprintf("%d %03d %s", preference(b), len(b), b))
	})
	best := strings.ReplaceAll(found[0], ".[]", "[]")
	return strings.ReplaceAll(best, ".*", ".<id>")
}

// preference puts the blocks first that most people edit.
func preference(path string) int {
	for i, block := range []string{"agents.defaults.", "models.", "tools.", "session."} {
		if strings.HasPrefix(path, block) {
			return i
		}
	}
	return 9
}
