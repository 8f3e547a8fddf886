package json5

import (
	"bytes"
	"unicode/utf8"
)

// Limits that keep a hostile or damaged file from exhausting memory or stack.
const (
	MaxBytes = 8 << 20
	MaxDepth = 500
)

// Parse reads one JSON5 value. Name is only used in errors, which are *SyntaxError.
// The document keeps src: the caller must not change it afterwards.
func Parse(name string, src []byte) (*Document, error) {
	d := &Document{Name: name, Source: src, lines: lineStarts(src)}
	if len(src) > MaxBytes {
		return nil, d.errorAt(0, "the file is larger than %d MB", MaxBytes>>20)
	}
	p := &parser{doc: d, src: src}
	p.trivia()
	if p.err == nil {
		d.Root = p.value(0)
	}
	return p.finish()
}

// ParseBare reads an object that lacks its opening brace, and its closing one too
// unless closed is set. Offsets count in src as it stands, so an edit works on it; the
// root begins at offset 0. At least one member must be there.
func ParseBare(name string, src []byte, closed bool) (*Document, error) {
	d := &Document{Name: name, Source: src, lines: lineStarts(src)}
	if len(src) > MaxBytes {
		return nil, d.errorAt(0, "the file is larger than %d MB", MaxBytes>>20)
	}
	p := &parser{doc: d, src: src, bare: !closed}
	d.Root = &Value{Kind: Object, Doc: d}
	p.members(d.Root, 0)
	if p.err == nil && len(d.Root.Members) == 0 {
		p.fail(p.pos, "%s where a key should be", p.describe())
	}
	d.Root.innerEnd = p.pos
	if p.err == nil && closed {
		p.pos++
	}
	d.Root.End = p.pos
	return p.finish()
}

// finish makes sure that nothing follows the value.
func (p *parser) finish() (*Document, error) {
	if p.err == nil {
		p.trivia()
	}
	if p.err == nil && p.pos < len(p.src) {
		p.fail(p.pos, "%s after the end of the value", p.describe())
	}
	if p.err != nil {
		return nil, p.err
	}
	return p.doc, nil
}

// parser walks the source once. The first error stops it: every step looks at err.
type parser struct {
	doc *Document
	src []byte
	pos int
	err error
	// bare is set while the root's members end with the file instead of a brace.
	bare bool
}

// fail keeps the first error. An error at the end of the file is shown behind its last
// character, not below the line breaks that follow it.
func (p *parser) fail(offset int, format string, args ...any) {
	if offset >= len(p.src) {
		offset = len(bytes.TrimRight(p.src, " \t\r\n"))
	}
	if p.err == nil {
		p.err = p.doc.errorAt(offset, format, args...)
	}
}

// peek returns the next character without moving; size 0 means the end.
func (p *parser) peek() (rune, int) {
	if p.pos >= len(p.src) {
		return 0, 0
	}
	if b := p.src[p.pos]; b < utf8.RuneSelf {
		return rune(b), 1
	}
	return utf8.DecodeRune(p.src[p.pos:])
}

func (p *parser) is(b byte) bool { return p.pos < len(p.src) && p.src[p.pos] == b }

// describe names what stands at the current position, for an error text.
func (p *parser) describe() string {
	r, size := p.peek()
	switch {
	case size == 0:
		return "the file ends"
	case r == utf8.RuneError && size == 1:
		return "a byte that is not UTF-8"
	case r == '“' || r == '”' || r == '‘' || r == '’':
		return "the curly quote " + string(r)
	case r == '\n' || r == '\r':
		return "the line ends"
	}
	return "unexpected " + quoteRune(r)
}

func quoteRune(r rune) string {
	if r < ' ' {
		return "control character"
	}
	return "'" + string(r) + "'"
}

// trivia skips blanks, line breaks and comments.
func (p *parser) trivia() {
	end, msg := skipTrivia(p.src, p.pos)
	if msg != "" {
		p.fail(end, "%s", msg)
		return
	}
	p.pos = end
}

// skipTrivia returns the offset of the next token at or after pos. A comment without
// an end gives its offset and a message.
func skipTrivia(src []byte, pos int) (int, string) {
	for pos < len(src) {
		if src[pos] == '/' {
			end, msg := skipComment(src, pos)
			if msg != "" || end == pos {
				return pos, msg
			}
			pos = end
			continue
		}
		n := blank(src[pos:])
		if n == 0 {
			break
		}
		pos += n
	}
	return pos, ""
}

// skipComment returns the offset after the comment that begins at pos, or pos when
// none begins there. The line break after a // comment is not part of it.
func skipComment(src []byte, pos int) (int, string) {
	switch {
	case bytes.HasPrefix(src[pos:], []byte("//")):
		for pos < len(src) && lineBreak(src[pos:]) == 0 {
			pos++
		}
	case bytes.HasPrefix(src[pos:], []byte("/*")):
		n := bytes.Index(src[pos+2:], []byte("*/"))
		if n < 0 {
			return pos, "this comment has no end (*/)"
		}
		pos += 2 + n + 2
	}
	return pos, ""
}

func (p *parser) value(depth int) *Value {
	if p.err != nil {
		return nil
	}
	if depth > MaxDepth {
		p.fail(p.pos, "nested deeper than %d levels", MaxDepth)
		return nil
	}
	r, _ := p.peek()
	switch {
	case r == '{':
		return p.object(depth)
	case r == '[':
		return p.array(depth)
	case r == '"' || r == '\'':
		start := p.pos
		text := p.str()
		return p.scalar(String, text, start)
	case r == '+' || r == '-' || r == '.' || isDigit(r):
		return p.number()
	}
	return p.word()
}

func (p *parser) scalar(k Kind, text string, start int) *Value {
	if p.err != nil {
		return nil
	}
	return &Value{Kind: k, Text: text, Doc: p.doc, Start: start, End: p.pos}
}

// word reads null, true, false, Infinity or NaN.
func (p *parser) word() *Value {
	start := p.pos
	for r, size := p.peek(); size > 0 && isIdentPart(r); r, size = p.peek() {
		p.pos += size
	}
	switch name := string(p.src[start:p.pos]); name {
	case "null":
		return p.scalar(Null, name, start)
	case "true", "false":
		return p.scalar(Bool, name, start)
	case "Infinity", "NaN":
		return p.scalar(Number, name, start)
	case "":
		p.fail(start, "%s where a value should be", p.describe())
	default:
		p.fail(start, "the text %s needs quotes", p.bareText(start))
	}
	return nil
}

// bareText is the text that somebody wrote without quotes: up to the end of the line
// or what looks like the end of the value.
func (p *parser) bareText(start int) string {
	const shown = 40
	end := start
	for end < len(p.src) && end-start < shown && !bytes.ContainsRune([]byte(" \t\r\n,:]}"), rune(p.src[end])) {
		end++
	}
	return string(bytes.ToValidUTF8(p.src[start:end], nil))
}

func (p *parser) object(depth int) *Value {
	v := &Value{Kind: Object, Doc: p.doc, Start: p.pos, inner: p.pos + 1}
	p.pos++
	p.members(v, depth)
	return p.closed(v)
}

// members reads up to the closing brace and leaves it.
func (p *parser) members(v *Value, depth int) {
	for p.trivia(); p.err == nil && !p.is('}') && !p.ended(depth); p.trivia() {
		if p.pos >= len(p.src) {
			p.unclosed(v)
			return
		}
		m := Member{KeyStart: p.pos}
		m.Key = p.key()
		m.KeyEnd = p.pos
		p.trivia()
		if p.err == nil && !p.is(':') {
			p.fail(p.pos, "%s where a ':' should follow the key %q", p.describe(), m.Key)
		}
		p.pos++
		p.trivia()
		m.Value = p.value(depth + 1)
		if !p.separator(v, depth, '}') {
			return
		}
		v.Members = append(v.Members, m)
	}
}

// ended reports whether a root without braces ends here.
func (p *parser) ended(depth int) bool {
	return p.bare && depth == 0 && p.pos >= len(p.src)
}

func (p *parser) array(depth int) *Value {
	v := &Value{Kind: Array, Doc: p.doc, Start: p.pos, inner: p.pos + 1}
	p.pos++
	for p.trivia(); p.err == nil && !p.is(']'); p.trivia() {
		if p.pos >= len(p.src) {
			p.unclosed(v)
			return nil
		}
		e := p.value(depth + 1)
		if !p.separator(v, depth+1, ']') {
			return nil
		}
		v.Elements = append(v.Elements, e)
	}
	return p.closed(v)
}

// separator reads the comma after an item, or stops before the closing bracket.
func (p *parser) separator(v *Value, depth int, closing byte) bool {
	before := p.pos
	p.trivia()
	switch {
	case p.err != nil:
		return false
	case p.is(','):
		v.commas = append(v.commas, p.pos)
		p.pos++
	case p.is(closing), p.ended(depth):
		v.commas = append(v.commas, -1)
	case p.pos >= len(p.src):
		p.unclosed(v)
	default:
		// The missing comma is where the item ended, not where the next one begins.
		at := before
		if line, _ := p.doc.Position(before); line == p.doc.lineOf(p.pos) {
			at = p.pos
		}
		p.fail(at, "a ',' or '%c' is missing here", closing)
	}
	return p.err == nil
}

func (d *Document) lineOf(offset int) int {
	line, _ := d.Position(offset)
	return line
}

func (p *parser) closed(v *Value) *Value {
	if p.err != nil {
		return nil
	}
	v.innerEnd = p.pos
	p.pos++
	v.End = p.pos
	return v
}

func (p *parser) unclosed(v *Value) {
	if v.inner == 0 { // a root without its opening brace
		p.fail(p.pos, "the file ends where a '}' should be")
		return
	}
	p.fail(p.pos, "the file ends, but the '%c' of line %d is still open", p.src[v.Start], p.doc.lineOf(v.Start))
}

// key reads a member's name: a string or an identifier.
func (p *parser) key() string {
	if p.is('"') || p.is('\'') {
		return p.str()
	}
	return p.identifier()
}
