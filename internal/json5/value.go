package json5

import (
	"bytes"
	"slices"
	"sort"
	"unicode/utf8"
)

// Kind is the type of a Value.
type Kind uint8

// The kinds of a JSON5 value.
const (
	Null Kind = iota + 1
	Bool
	Number
	String
	Array
	Object
)

// String gives the name that validation messages use.
func (k Kind) String() string {
	switch k {
	case Null:
		return "null"
	case Bool:
		return "boolean"
	case Number:
		return "number"
	case String:
		return "string"
	case Array:
		return "array"
	case Object:
		return "object"
	}
	return "undefined"
}

// A Document is one parsed source. It must not be changed after Parse.
type Document struct {
	// Name is the file name as given to Parse; error texts show it.
	Name string
	// Source is what was parsed, byte for byte.
	Source []byte
	// Root is the one value of the source.
	Root *Value

	lines []int // offset at which each line begins
}

// A Value is one node of the tree.
type Value struct {
	Kind Kind
	// Text is the decoded text of a String, the literal of a Number as written,
	// and "true", "false" or "null" otherwise. Objects and arrays have none.
	Text string
	// Members are an Object's members in source order. A key may occur twice; the
	// last one counts, as in JavaScript.
	Members []Member
	// Elements are an Array's values.
	Elements []*Value

	// Doc is the document that Start and End are offsets into: Doc.Source[Start:End]
	// is the value as written. A value made by a program has no Doc.
	Doc        *Document
	Start, End int

	commas []int // offset of the comma after each member or element, -1 if none

	// What stands between the brackets of a container: Doc.Source[inner:innerEnd]. A
	// root without braces has its members there all the same.
	inner, innerEnd int
}

// A Member is one key and value of an Object.
type Member struct {
	Key              string
	KeyStart, KeyEnd int // the key as written, quotes included
	Value            *Value
}

// Get returns the value of a key, the last one if it occurs twice, or nil. It may be
// called on a nil Value and on other kinds.
func (v *Value) Get(key string) *Value {
	if i := v.index(key); i >= 0 {
		return v.Members[i].Value
	}
	return nil
}

func (v *Value) index(key string) int {
	if v == nil {
		return -1
	}
	for i, m := range slices.Backward(v.Members) {
		if m.Key == key {
			return i
		}
	}
	return -1
}

// At follows a path of keys and indexes from v and returns what it finds, or nil.
func (v *Value) At(path ...Step) *Value {
	for _, s := range path {
		switch {
		case v == nil:
			return nil
		case !s.isIndex:
			v = v.Get(s.key)
		case v.Kind == Array && s.index >= 0 && s.index < len(v.Elements):
			v = v.Elements[s.index]
		default:
			return nil
		}
	}
	return v
}

// A Step is one step of a path: a key of an object or an index of an array.
type Step struct {
	key     string
	index   int
	isIndex bool
}

// Key is the step to the member of that name.
func Key(name string) Step { return Step{key: name} }

// Index is the step to element i, counted from 0.
func Index(i int) Step { return Step{index: i, isIndex: true} }

// Index returns the element number of an Index step.
func (s Step) Index() (int, bool) { return s.index, s.isIndex }

// Key returns the name of a Key step.
func (s Step) Key() (string, bool) { return s.key, !s.isIndex }

// Line is the line, counted from 1, on which v begins; 0 for a value without Doc.
func (v *Value) Line() int {
	if v == nil || v.Doc == nil {
		return 0
	}
	line, _ := v.Doc.Position(v.Start)
	return line
}

// Raw is the value as written, or nil for a value without Doc.
func (v *Value) Raw() []byte {
	if v.Doc == nil {
		return nil
	}
	return v.Doc.Source[v.Start:v.End]
}

// Position turns an offset into a line and a column, both counted from 1; the column
// counts characters, not bytes.
func (d *Document) Position(offset int) (line, column int) {
	i := sort.Search(len(d.lines), func(i int) bool { return d.lines[i] > offset }) - 1
	if i < 0 {
		return 1, 1
	}
	begin := d.lines[i]
	if begin == 0 && bytes.HasPrefix(d.Source, bom) && offset >= len(bom) {
		begin = len(bom)
	}
	return i + 1, utf8.RuneCount(d.Source[begin:min(offset, len(d.Source))]) + 1
}

// lineText is the text of a line without its end.
func (d *Document) lineText(line int) []byte {
	begin, end := d.lines[line-1], len(d.Source)
	if line < len(d.lines) {
		end = d.lines[line]
	}
	return bytes.TrimRight(bytes.TrimPrefix(d.Source[begin:end], bom), "\r\n")
}

var bom = []byte("\ufeff")

// lineStarts finds the lines of src. Only \n, \r\n and a lone \r end a line here:
// that is how editors count.
func lineStarts(src []byte) []int {
	starts := []int{0}
	for i := 0; i < len(src); i++ {
		switch src[i] {
		case '\r':
			if i+1 < len(src) && src[i+1] == '\n' {
				i++
			}
			starts = append(starts, i+1)
		case '\n':
			starts = append(starts, i+1)
		}
	}
	return starts
}
