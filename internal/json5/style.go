package json5

import (
	"bytes"
	"strings"
)

// A style is how new text is written so that it looks like what is there.
type style struct {
	newline  string
	unit     string // one step of indentation
	multi    bool   // containers go over several lines
	trailing bool   // a comma after the last child of such a container
	inline   bool   // small containers may stay on one line
	pad      string // inside the braces of an object on one line
	bare     bool   // keys without quotes where possible
	keyQuote byte
	quote    byte
	colon    string // between key and value
}

// Containers up to this width may stay on one line.
const inlineWidth = 60

// styleAt looks at the whole document, and at the children of v first.
func (d *Document) styleAt(v *Value) style {
	st := style{newline: "\n", unit: "  ", pad: " ", colon: ": "}
	if i := bytes.IndexAny(d.Source, "\r\n"); i >= 0 {
		st.newline = string(d.Source[i : i+lineBreak(d.Source[i:])])
	}
	seen := &survey{doc: d}
	seen.keys(v)
	seen.walk(d.Root)
	st.multi = seen.multi != nil || len(d.Root.items()) == 0
	if seen.multi != nil {
		st.trailing = seen.trailing
	}
	if seen.unit != nil {
		st.unit = *seen.unit
	}
	st.keyQuote, st.quote = '"', '"'
	if seen.keyQuote != 0 {
		st.keyQuote, st.quote = seen.keyQuote, seen.keyQuote
	}
	if seen.quote != 0 {
		st.quote = seen.quote
		if seen.keyQuote == 0 {
			st.keyQuote = seen.quote
		}
	}
	st.bare = seen.bare != nil && *seen.bare
	st.inline = seen.inline || st.bare
	if seen.colon != "" {
		st.colon = seen.colon
		if st.colon == ":" {
			st.pad = ""
		}
	}
	if seen.pad != nil {
		st.pad = *seen.pad
	}
	return st
}

// A survey collects how a document is written; what is found first counts.
type survey struct {
	doc      *Document
	multi    *Value // the first container over several lines
	unit     *string
	trailing bool
	inline   bool
	pad      *string
	bare     *bool
	keyQuote byte
	quote    byte
	colon    string
}

// keys looks at the keys of one object.
func (s *survey) keys(v *Value) {
	for _, m := range v.Members {
		raw := s.doc.Source[m.KeyStart]
		quoted := raw == '"' || raw == '\''
		if quoted && s.keyQuote == 0 {
			s.keyQuote = raw
		}
		if s.bare == nil && IsIdentifier(m.Key) {
			bare := !quoted
			s.bare = &bare
		}
		if between := string(s.doc.Source[m.KeyEnd:m.Value.Start]); s.colon == "" && strings.Trim(between, " \t") == ":" {
			s.colon = between
		}
	}
}

func (s *survey) walk(v *Value) {
	if v.Kind == String && s.quote == 0 {
		s.quote = s.doc.Source[v.Start]
	}
	if items := v.items(); len(items) > 0 {
		s.container(v, items)
	}
	s.keys(v)
	for _, m := range v.Members {
		s.walk(m.Value)
	}
	for _, e := range v.Elements {
		s.walk(e)
	}
}

func (s *survey) container(v *Value, items []item) {
	d := s.doc
	switch {
	case d.ownLine(v, items, 0):
		if s.multi == nil {
			s.multi = v
			s.trailing = items[len(items)-1].comma >= 0
		}
		if s.unit == nil && v.inner > 0 { // a root without braces has no step
			unit := strings.TrimPrefix(d.indentAt(items[0].start), d.indentAt(v.Start))
			s.unit = &unit
		}
	case !containsBreak(d.Source[v.Start:v.End]):
		s.inline = true
		if v.Kind == Object && s.pad == nil {
			pad := string(d.Source[v.inner:items[0].start])
			if strings.Trim(pad, " \t") == "" {
				s.pad = &pad
			}
		}
	}
}

// indentAt is the blank text at the start of the line that holds offset.
func (d *Document) indentAt(offset int) string {
	begin := bytes.LastIndexAny(d.Source[:offset], "\r\n") + 1
	if begin == 0 && bytes.HasPrefix(d.Source, bom) {
		begin = min(len(bom), offset)
	}
	end := begin
	for end < offset && (d.Source[end] == ' ' || d.Source[end] == '\t') {
		end++
	}
	return string(d.Source[begin:end])
}

// inlineSeparator is what stands between two children on one line.
func (d *Document) inlineSeparator(items []item, st style) string {
	if n := len(items) - 1; n > 0 {
		sep := string(d.Source[items[n-1].comma+1 : items[n].start])
		if strings.Trim(sep, " \t") == "" {
			return sep
		}
	}
	if st.colon == ":" {
		return ""
	}
	return " "
}

func (st style) padding(k Kind) string {
	if k == Object {
		return st.pad
	}
	return ""
}

// item writes a member or an element whose line is indented by indent.
func (st style) item(s Step, v *Value, indent string) string {
	if s.isIndex {
		return string(st.value(nil, v, indent))
	}
	return string(st.value([]byte(st.key(s.key)+st.colon), v, indent))
}

func (st style) key(k string) string {
	if st.bare && IsIdentifier(k) {
		return k
	}
	return string(appendString(nil, k, st.keyQuote))
}

// value appends v as text.
func (st style) value(dst []byte, v *Value, indent string) []byte {
	switch {
	case v.Kind == String:
		return appendString(dst, v.Text, st.quote)
	case v.Kind != Array && v.Kind != Object:
		return append(dst, v.Text...)
	}
	open, shut := byte('{'), byte('}')
	if v.Kind == Array {
		open, shut = '[', ']'
	}
	children := len(v.Elements) + len(v.Unique())
	dst = append(dst, open)
	switch {
	case children == 0:
	case st.onOneLine(v):
		flat := st
		flat.multi = false
		dst = append(dst, st.padding(v.Kind)...)
		dst = flat.children(dst, v, "", ",")
		dst = append(dst, st.padding(v.Kind)...)
	default:
		dst = st.children(dst, v, indent+st.unit, ","+st.newline+indent+st.unit)
		if st.trailing {
			dst = append(dst, ',')
		}
		dst = append(append(dst, st.newline...), indent...)
	}
	return append(dst, shut)
}

// children appends the children with sep between them. On one line the blank after
// the comma follows the colon's.
func (st style) children(dst []byte, v *Value, indent, sep string) []byte {
	if st.multi {
		dst = append(dst, sep[1:]...)
	} else if st.colon != ":" {
		sep += " "
	}
	for i, e := range v.Elements {
		if i > 0 {
			dst = append(dst, sep...)
		}
		dst = st.value(dst, e, indent)
	}
	for i, m := range v.Unique() {
		if i > 0 {
			dst = append(dst, sep...)
		}
		dst = append(dst, st.item(Key(m.Key), m.Value, indent)...)
	}
	return dst
}

// onOneLine decides for small containers of plain values, where the document has such
// too.
func (st style) onOneLine(v *Value) bool {
	if !st.multi {
		return true
	}
	if !st.inline {
		return false
	}
	width := 0
	for _, e := range v.Elements {
		if e.Kind == Object || e.Kind == Array {
			return false
		}
		width += len(e.Text) + 4
	}
	for _, m := range v.Members {
		if m.Value.Kind == Object || m.Value.Kind == Array {
			return false
		}
		width += len(m.Key) + len(m.Value.Text) + 6
	}
	return width <= inlineWidth
}
