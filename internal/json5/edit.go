package json5

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// ErrNotFound is returned by Unset for a path that leads nowhere.
var ErrNotFound = errors.New("path not found")

// A Parser reads a source. Edits call it after every splice, so a source that needs
// help to be read (see ParseBare) can be edited too; its offsets must count in the
// bytes it was given.
type Parser func(src []byte) (*Document, error)

// Set makes the value at path equal to v and returns the new source. Only bytes that
// must change do: a member that is there is changed in place, an object inside it
// member by member; a new one comes last and looks like its neighbours. Missing
// parents are made. An index may be one past the end. When nothing differs, src comes
// back.
func Set(parse Parser, src []byte, path []Step, v *Value) ([]byte, error) {
	if len(path) == 0 {
		return nil, errors.New("an empty path names nothing")
	}
	if !validUTF8(v) || slices.ContainsFunc(path, func(s Step) bool { return !utf8.ValidString(s.key) }) {
		return nil, errors.New("a key or a text is not UTF-8")
	}
	// Every round makes one splice and leaves one difference fewer.
	for range countNodes(v) + len(src) + 1 {
		doc, err := parse(src)
		if err != nil {
			return nil, err
		}
		splices, err := nextSplice(doc, path, v)
		if err != nil || len(splices) == 0 {
			return src, err
		}
		src = apply(src, splices)
	}
	return nil, errors.New("edit does not settle") // a bug of this package, never a wrong file
}

// Unset removes the member or element at path and returns the new source. Comments
// stay, but for those inside the value. A key that occurs twice is removed twice.
func Unset(parse Parser, src []byte, path []Step) ([]byte, error) {
	if len(path) == 0 {
		return nil, errors.New("an empty path names nothing")
	}
	last := path[len(path)-1]
	for found := false; ; found = true {
		doc, err := parse(src)
		if err != nil {
			return nil, err
		}
		parent := doc.Root.At(path[:len(path)-1]...)
		i := parent.position(last)
		if i < 0 || last.isIndex && found {
			if !found {
				return nil, ErrNotFound
			}
			return src, nil
		}
		src = apply(src, doc.remove(parent, i))
	}
}

// position is the number of the member or element that a step leads to, or -1.
func (v *Value) position(s Step) int {
	switch {
	case v == nil:
		return -1
	case !s.isIndex:
		return v.index(s.key)
	case v.Kind == Array && s.index >= 0 && s.index < len(v.Elements):
		return s.index
	}
	return -1
}

func validUTF8(v *Value) bool {
	return utf8.ValidString(v.Text) &&
		!slices.ContainsFunc(v.Members, func(m Member) bool { return !utf8.ValidString(m.Key) || !validUTF8(m.Value) }) &&
		!slices.ContainsFunc(v.Elements, func(e *Value) bool { return !validUTF8(e) })
}

func countNodes(v *Value) int {
	n := 1
	for _, m := range v.Members {
		n += countNodes(m.Value)
	}
	for _, e := range v.Elements {
		n += countNodes(e)
	}
	return n
}

// nextSplice finds the first thing to do to make the value at path equal to v.
func nextSplice(doc *Document, path []Step, v *Value) ([]splice, error) {
	at := doc.Root
	for i, s := range path {
		next := at.At(s)
		if next == nil && at.Kind == Null {
			made, err := nest(path[i:], v)
			if err != nil {
				return nil, err
			}
			return doc.replace(at, made), nil
		}
		if next == nil {
			if err := mayHold(at, s); err != nil {
				return nil, fmt.Errorf("%w at step %d of the path", err, i+1)
			}
			made, err := nest(path[i+1:], v)
			if err != nil {
				return nil, err
			}
			return doc.insert(at, s, made), nil
		}
		at = next
	}
	return doc.difference(at, v), nil
}

// mayHold says why a container cannot take a new child at a step.
func mayHold(at *Value, s Step) error {
	switch {
	case !s.isIndex && at.Kind != Object:
		return fmt.Errorf("key %q asks for an object, but this is %s", s.key, at.Kind)
	case s.isIndex && at.Kind != Array:
		return fmt.Errorf("index %d asks for an array, but this is %s", s.index, at.Kind)
	case s.isIndex && s.index != len(at.Elements):
		return fmt.Errorf("index %d is beyond the end of %d elements", s.index, len(at.Elements))
	}
	return nil
}

// nest wraps v into the containers that the rest of a path asks for.
func nest(path []Step, v *Value) (*Value, error) {
	for _, s := range slices.Backward(path) {
		switch {
		case !s.isIndex:
			v = &Value{Kind: Object, Members: []Member{{Key: s.key, Value: v}}}
		case s.index == 0:
			v = &Value{Kind: Array, Elements: []*Value{v}}
		default:
			return nil, fmt.Errorf("index %d is beyond the end of 0 elements", s.index)
		}
	}
	return v, nil
}

// difference finds one splice that brings old nearer to v; none when they are equal.
// What is new comes before what goes, so that a container never loses all neighbours
// that show its style.
func (d *Document) difference(old, v *Value) []splice {
	switch {
	case Equal(old, v):
		return nil
	case old.Kind == Object && v.Kind == Object && len(old.Members) > 0:
		for _, m := range v.Unique() {
			had := old.Get(m.Key)
			if had == nil {
				return d.insert(old, Key(m.Key), m.Value)
			}
			if s := d.difference(had, m.Value); s != nil {
				return s
			}
		}
		for i, m := range old.Members {
			if v.Get(m.Key) == nil {
				return d.remove(old, i)
			}
		}
	case old.Kind == Array && v.Kind == Array && len(old.Elements) > 0 && len(v.Elements) > 0:
		return d.arrayDifference(old, v)
	}
	return d.replace(old, v)
}

func (d *Document) arrayDifference(old, v *Value) []splice {
	if gone := firstGone(old.Elements, v.Elements); gone >= 0 {
		return d.remove(old, gone)
	}
	for i, e := range v.Elements {
		if i == len(old.Elements) {
			return d.insert(old, Index(i), e)
		}
		if s := d.difference(old.Elements[i], e); s != nil {
			return s
		}
	}
	return d.remove(old, len(old.Elements)-1)
}

// firstGone is the first element that is missing when left is what is left of all; -1
// when left holds anything else.
func firstGone(all, left []*Value) int {
	gone, j := -1, 0
	for i, e := range all {
		switch {
		case j < len(left) && Equal(e, left[j]):
			j++
		case gone < 0:
			gone = i
		}
	}
	if j < len(left) {
		return -1
	}
	return gone
}

// Equal reports whether two values mean the same: members in any order, of a key that
// occurs twice the last one. Numbers are the same when their JSON is, or their value
// where that is exact.
func Equal(a, b *Value) bool {
	if a.Kind != b.Kind {
		return false
	}
	switch a.Kind {
	case Number:
		return a.Text == b.Text || equalNumbers(a, b)
	case Array:
		return slices.EqualFunc(a.Elements, b.Elements, Equal)
	case Object:
		ma, mb := a.Unique(), b.Unique()
		if len(ma) != len(mb) {
			return false
		}
		for _, m := range ma {
			if other := b.Get(m.Key); other == nil || !Equal(m.Value, other) {
				return false
			}
		}
		return true
	default:
		return a.Text == b.Text
	}
}

func equalNumbers(a, b *Value) bool {
	x, errX := jsonNumber(a.Text)
	y, errY := jsonNumber(b.Text)
	if errX != nil || errY != nil {
		return false
	}
	if x == y {
		return true
	}
	i, okI := a.Int()
	j, okJ := b.Int()
	return okI && okJ && i == j
}
