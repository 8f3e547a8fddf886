package json5

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// A splice replaces the bytes from start to end. Splices of one edit do not overlap;
// of two at one place the first comes first.
type splice struct {
	start, end int
	text       string
}

// apply makes the splices, which count in src. A source whose quotes were read as
// something narrower than they are (see Parser) is cut at whole characters.
func apply(src []byte, splices []splice) []byte {
	slices.SortStableFunc(splices, func(a, b splice) int { return a.start - b.start })
	var out []byte
	pos := 0
	for _, s := range splices {
		start, end := s.start, s.end
		for start < end && start > pos && !utf8.RuneStart(src[start]) {
			start--
		}
		for end < len(src) && !utf8.RuneStart(src[end]) {
			end++
		}
		if s.start == s.end {
			start = end
		}
		start = max(start, pos)
		out = append(out, src[pos:start]...)
		out = append(out, s.text...)
		pos = max(pos, end)
	}
	return append(out, src[pos:]...)
}

// An item is a member or an element, as far as brackets and commas are concerned.
type item struct{ start, end, comma int }

func (v *Value) items() []item {
	out := make([]item, 0, len(v.commas))
	for i, m := range v.Members {
		out = append(out, item{m.KeyStart, m.Value.End, v.commas[i]})
	}
	for i, e := range v.Elements {
		out = append(out, item{e.Start, e.End, v.commas[i]})
	}
	return out
}

// before is the offset at which the trivia in front of item i begins.
func (v *Value) before(items []item, i int) int {
	if i == 0 {
		return v.inner
	}
	return items[i-1].comma + 1
}

// insert makes a splice that adds a new last child.
func (d *Document) insert(parent *Value, s Step, v *Value) []splice {
	items := parent.items()
	if len(items) == 0 {
		return d.insertFirst(parent, s, v)
	}
	st := d.styleAt(parent)
	n := len(items) - 1
	last := items[n]
	own := d.ownLine(parent, items, n)
	from := last.end
	if last.comma >= 0 {
		from = last.comma + 1
	}
	tail, endsLine := d.lineTail(from, parent.innerEnd)
	var sep, indent string
	if own || endsLine {
		indent = d.indentAt(last.start)
		if !own {
			indent = d.indentAt(parent.Start) + st.unit
		}
		sep = st.newline + indent
	} else {
		st.multi = false
		sep = d.inlineSeparator(items, st)
	}
	text := sep + st.item(s, v, indent)
	switch {
	case last.comma >= 0:
		return []splice{{tail, tail, text + ","}}
	case own || endsLine:
		return []splice{{last.end, last.end, ","}, {tail, tail, text}}
	}
	return []splice{{tail, tail, "," + text}}
}

// insertFirst fills an empty container.
func (d *Document) insertFirst(parent *Value, s Step, v *Value) []splice {
	st := d.styleAt(parent)
	outer := d.indentAt(parent.Start)
	inner := d.Source[parent.inner:parent.innerEnd]
	comma := ""
	if st.trailing {
		comma = ","
	}
	if end := d.lastComment(parent.inner, parent.innerEnd); end > parent.inner {
		if containsBreak(inner) {
			return []splice{{end, end, st.newline + outer + st.unit + st.item(s, v, outer+st.unit) + comma}}
		}
		st.multi = false
		return []splice{{end, end, " " + st.item(s, v, "")}}
	}
	if st.multi {
		text := st.newline + outer + st.unit + st.item(s, v, outer+st.unit) + comma + st.newline + outer
		return []splice{{parent.inner, parent.innerEnd, text}}
	}
	pad := st.padding(parent.Kind)
	return []splice{{parent.inner, parent.innerEnd, pad + st.item(s, v, "") + pad}}
}

// remove makes the splices that take child i out. It is the inverse of insert.
func (d *Document) remove(parent *Value, i int) []splice {
	items := parent.items()
	it := items[i]
	begin := d.lastComment(parent.before(items, i), it.start)
	after := it.end
	if it.comma >= 0 {
		after = it.comma + 1
	}
	commented := d.ownLine(parent, items, i) && d.commentFollows(after, parent.innerEnd)
	if commented {
		begin = it.start // the comment behind it keeps the line
	}
	if len(items) == 1 && d.emptyBut(parent, it) {
		return []splice{{parent.inner, parent.innerEnd, ""}}
	}
	cuts := []splice{{begin, it.end, ""}}
	switch {
	case it.comma >= 0:
		cuts = append(cuts, splice{it.comma, after, ""})
	case i > 0:
		cuts = append(cuts, splice{items[i-1].comma, items[i-1].comma + 1, ""})
	}
	if commented || i == 0 && len(items) > 1 && begin == it.start {
		// What follows moves up to where the item began.
		end := after
		for end < parent.innerEnd && (d.Source[end] == ' ' || d.Source[end] == '\t') {
			end++
		}
		cuts = append(cuts, splice{after, end, ""})
	}
	return cuts
}

// emptyBut reports whether a container with one child holds no comment.
func (d *Document) emptyBut(parent *Value, it item) bool {
	return d.lastComment(parent.inner, it.start) == parent.inner && !d.commentWithin(it.end, parent.innerEnd)
}

// replace writes a new value over an old one.
func (d *Document) replace(old, v *Value) []splice {
	st := d.styleAt(old)
	if old.Kind == String {
		st.quote = d.Source[old.Start]
	}
	if !containsBreak(d.Source) {
		st.multi = false
	}
	return []splice{{old.Start, old.End, string(st.value(nil, v, d.indentAt(old.Start)))}}
}

// ownLine reports whether item i is the first on its line.
func (d *Document) ownLine(parent *Value, items []item, i int) bool {
	from := parent.before(items, i)
	return from == 0 || containsBreak(d.Source[from:items[i].start]) // 0: a root without braces
}

func containsBreak(src []byte) bool { return bytes.ContainsAny(src, "\n\r") }

// lastComment is the end of the last comment in the trivia from..to, or from.
func (d *Document) lastComment(from, to int) int {
	end := from
	for pos := from; pos < to; {
		next, _ := skipComment(d.Source, pos) // what parsed has no comment without end
		if next > pos {
			pos, end = next, next
			continue
		}
		if next == pos {
			pos++
		}
	}
	return end
}

// commentWithin reports whether there is a comment between from and to, where nothing
// but trivia and a comma stands.
func (d *Document) commentWithin(from, to int) bool { return d.lastComment(from, to) > from }

// lineTail is the end of the comments that follow on the same line, or from; endsLine
// tells that the last one is a // comment.
func (d *Document) lineTail(from, limit int) (tail int, endsLine bool) {
	tail = from
	for pos := from; pos < limit && lineBreak(d.Source[pos:]) == 0; {
		next, _ := skipComment(d.Source, pos)
		if next == pos {
			pos += max(1, blank(d.Source[pos:]))
			continue
		}
		endsLine = d.Source[pos+1] == '/'
		pos, tail = next, next
	}
	return tail, endsLine
}

func (d *Document) commentFollows(from, limit int) bool {
	tail, _ := d.lineTail(from, limit)
	return tail > from
}
