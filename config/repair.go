package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"unicode/utf8"

	"hearth/internal/json5"
)

// A Repair is one kind of damage that was read around. The file itself stays as it
// is: a repair only changes what the reader sees.
type Repair struct {
	Name  string // one of the Repaired... names
	Line  int    // the first line with it
	Count int
}

// The repairs, by name. Nothing else is repaired.
const (
	RepairedBOM         = "byte order mark"
	RepairedFence       = "Markdown code fence"
	RepairedPipes       = "lines that hold only |"
	RepairedQuotes      = "curly quotes"
	RepairedOpenBrace   = "missing opening brace"
	RepairedOuterBraces = "missing outer braces"
	RepairedBytes       = "bytes that are no UTF-8"
)

// String says the repair as a warning does.
func (r Repair) String() string {
	what := map[string]string{
		RepairedBOM:         "the file begins with a byte order mark: skipped",
		RepairedFence:       "Markdown code fences around the config: skipped",
		RepairedPipes:       "lines that hold only |: skipped",
		RepairedQuotes:      "curly quotes around keys or texts: read as plain quotes",
		RepairedOpenBrace:   "the opening { of the file is missing: read as if it were there",
		RepairedBytes:       "a text holds bytes that are no UTF-8: read as \ufffd; save the file as UTF-8",
		RepairedOuterBraces: "the outer { and } of the file are missing: read as if they were there",
	}[r.Name]
	if r.Count > 1 {
		return fmt.Sprintf("%s (%d times, first at line %d)", what, r.Count, r.Line)
	}
	return what
}

// read parses a config source, with the named repairs when it needs them. The tree's
// offsets count in src as it stands, so that an edit can splice it. The error is a
// *json5.SyntaxError about the best reading.
func read(name string, src []byte) (*json5.Document, []Repair, error) {
	doc, repairs, err := parse(name, src)
	if e, ok := errors.AsType[*json5.SyntaxError](err); ok {
		e.Message = hideInMessage(e.Message, e.LineText)
	}
	if err == nil && !utf8.Valid(src) {
		r := Repair{Name: RepairedBytes}
		r.foreign(doc.Root)
		if r.Count > 0 {
			repairs = append(repairs, r)
		}
	}
	return doc, repairs, err
}

// foreign counts the texts below v that hold bytes in another encoding.
func (r *Repair) foreign(v *json5.Value) {
	if v.Kind == json5.String && !utf8.Valid(v.Raw()) {
		if r.Count++; r.Count == 1 {
			r.Line = v.Line()
		}
	}
	for _, e := range v.Elements {
		r.foreign(e)
	}
	for _, m := range v.Members {
		r.foreign(m.Value)
	}
}

// parse is read without a look at the texts.
func parse(name string, src []byte) (*json5.Document, []Repair, error) {
	var repairs []Repair
	if bytes.HasPrefix(src, []byte("\ufeff")) {
		repairs = append(repairs, Repair{RepairedBOM, 1, 1})
	}
	doc, err := json5.Parse(name, src)
	if err == nil {
		return asObject(doc, repairs)
	}
	m := &mender{src: src, out: bytes.Clone(src)}
	m.mend()
	for _, name := range []string{RepairedFence, RepairedPipes, RepairedQuotes} {
		if r := m.found[name]; r.Count > 0 {
			repairs = append(repairs, r)
		}
	}
	doc, err = json5.Parse(name, m.out)
	if err == nil {
		return asObject(doc, repairs)
	}
	if m.first < 0 || bytes.IndexByte([]byte("{[]},"), m.out[m.first]) >= 0 {
		return nil, nil, err
	}
	line := 1 + bytes.Count(src[:m.first], []byte("\n"))
	doc, open := json5.ParseBare(name, m.out, true)
	if open == nil {
		return doc, append(repairs, Repair{RepairedOpenBrace, line, 1}), nil
	}
	doc, both := json5.ParseBare(name, m.out, false)
	if both == nil {
		return doc, append(repairs, Repair{RepairedOuterBraces, line, 1}), nil
	}
	return nil, nil, farthest(err, open, both)
}

// asObject refuses a file whose one value is no object.
func asObject(doc *json5.Document, repairs []Repair) (*json5.Document, []Repair, error) {
	if doc.Root.Kind == json5.Object {
		return doc, repairs, nil
	}
	return nil, nil, doc.ErrorAt(doc.Root.Start, "a config is an object in { }, this is %s", article(doc.Root.Kind.String()))
}

// farthest picks the reading that got furthest: its error is the real one.
func farthest(errs ...error) error {
	var best *json5.SyntaxError
	for _, err := range errs {
		if e, ok := errors.AsType[*json5.SyntaxError](err); ok && (best == nil || e.Offset > best.Offset) {
			best = e
		}
	}
	return best
}

// A mender overwrites what JSON5 does not know with blanks, byte for byte, so that
// offsets stay the same. It knows as much of the grammar as tells texts and comments
// from the rest.
type mender struct {
	src, out []byte
	pos      int
	line     int
	eol      int // see lineEnd
	first    int // offset of the first byte that is neither blank nor comment, or -1
	found    map[string]Repair
	// unclosed remembers line ends before which no closing quote was found, so that a
	// long line is not searched again for every quote in it.
	unclosed map[search]bool
}

// search names a search for a closing quote up to an offset.
type search struct {
	end         int
	quote       byte
	straightToo bool
}

var (
	fenceLine = regexp.MustCompile("^(```+|~~~+) *[A-Za-z0-9_+-]*$")
	pipeLine  = regexp.MustCompile(`^\|+$`)
)

func (m *mender) mend() {
	m.line, m.first, m.found, m.unclosed = 1, -1, map[string]Repair{}, map[search]bool{}
	fresh := true // nothing but blanks stands before pos on its line
	for m.pos < len(m.src) {
		c := m.src[m.pos]
		switch {
		case c == '\n':
			m.line++
			m.pos++
			fresh = true
			continue
		case fresh && m.skipLine():
			continue
		case c == ' ' || c == '\t' || c == '\r':
			m.pos++
			continue
		case bytes.HasPrefix(m.src[m.pos:], []byte("\ufeff")):
			m.pos += len("\ufeff")
			continue
		case m.comment():
			continue
		}
		fresh = false
		if m.first < 0 {
			m.first = m.pos
		}
		m.token(c)
	}
}

func (m *mender) note(name string) {
	r, ok := m.found[name]
	if !ok {
		r = Repair{Name: name, Line: m.line}
	}
	r.Count++
	m.found[name] = r
}

// lineEnd is the end of the line that pos is in. pos only grows, so the end is good
// until it is passed.
func (m *mender) lineEnd() int {
	if m.pos > m.eol || m.eol == 0 {
		m.eol = lineEnd(m.src, m.pos)
	}
	return m.eol
}

// lineEnd is the offset of the line break at or after from.
func lineEnd(src []byte, from int) int {
	if n := bytes.IndexByte(src[from:], '\n'); n >= 0 {
		return from + n
	}
	return len(src)
}

// skipLine blanks the rest of a line that is a code fence, a lone json5, or pipes.
func (m *mender) skipLine() bool {
	end := m.lineEnd()
	text := bytes.TrimSpace(m.src[m.pos:end])
	isKey := func() bool { return bytes.HasPrefix(bytes.TrimSpace(m.src[end:]), []byte(":")) }
	switch {
	case pipeLine.Match(text):
		m.note(RepairedPipes)
	case fenceLine.Match(text), string(text) == "json5" && !isKey():
		m.note(RepairedFence)
	default:
		return false
	}
	m.blank(m.pos, end)
	m.pos = end
	return true
}

func (m *mender) blank(from, to int) {
	for i := from; i < to; i++ {
		if m.out[i] != '\r' {
			m.out[i] = ' '
		}
	}
}

// comment skips a comment that begins here.
func (m *mender) comment() bool {
	rest := m.src[m.pos:]
	switch {
	case bytes.HasPrefix(rest, []byte("//")):
		m.pos = m.lineEnd()
	case bytes.HasPrefix(rest, []byte("/*")):
		n := bytes.Index(rest, []byte("*/"))
		if n < 0 {
			m.pos = len(m.src)
			return true
		}
		m.line += bytes.Count(rest[:n], []byte("\n"))
		m.pos += n + 2
	default:
		return false
	}
	return true
}

// token moves over a text, a curly one included, or over one other character.
func (m *mender) token(c byte) {
	if c == '"' || c == '\'' {
		m.straight(c)
		return
	}
	r, size := utf8.DecodeRune(m.src[m.pos:])
	if quote := plainQuote(r); quote != 0 {
		m.curly(quote, size)
		return
	}
	m.pos += size
}

// plainQuote gives the straight form of a curly quote, 0 for anything else.
func plainQuote(r rune) byte {
	switch r {
	case '“', '”', '„', '‟':
		return '"'
	case '‘', '’', '‚', '‛':
		return '\''
	}
	return 0
}

// straight moves over a text in plain quotes. One that is not closed on its line may
// have been closed by a curly quote.
func (m *mender) straight(quote byte) {
	end := m.lineEnd()
	for i := m.pos + 1; i < len(m.src); i++ {
		switch m.src[i] {
		case '\\':
			i++
			if bytes.HasPrefix(m.src[min(i, len(m.src)):], []byte("\r\n")) {
				i++
			}
			if i < len(m.src) && m.src[i] == '\n' { // a line continuation
				m.line++
				end = lineEnd(m.src, i+1)
			}
		case quote:
			m.pos = i + 1
			return
		case '\n':
			m.closeWithCurly(quote, end)
			return
		}
	}
	m.closeWithCurly(quote, end)
}

func (m *mender) closeWithCurly(quote byte, end int) {
	start := m.pos
	at, size := m.closing(m.pos+1, end, quote, false)
	m.pos = end
	if at < 0 {
		return
	}
	m.note(RepairedQuotes)
	m.replaceQuotes(start, start+1, at, at+size, quote)
	m.pos = at + size
}

// curly moves over a text that begins with a curly quote and gives it plain ones.
func (m *mender) curly(quote byte, size int) {
	start, end := m.pos, m.lineEnd()
	at, n := m.closing(start+size, end, quote, true)
	if at < 0 {
		m.pos += size
		return
	}
	m.note(RepairedQuotes)
	m.replaceQuotes(start, start+size, at, at+n, quote)
	m.pos = at + n
}

// closing finds the quote that ends a text: the first one of its kind with a comma, a
// colon, a bracket or the end of the line after it, so that curly quotes inside stay.
func (m *mender) closing(from, end int, quote byte, straightToo bool) (at, size int) {
	s := search{end, quote, straightToo}
	if m.unclosed[s] {
		return -1, 0
	}
	for i := from; i < end; {
		if m.src[i] == '\\' {
			i += 2
			continue
		}
		r, n := utf8.DecodeRune(m.src[i:end])
		ends := plainQuote(r) == quote || straightToo && r == rune(quote)
		if ends && endsValue(m.src[i+n:end]) {
			return i, n
		}
		i += n
	}
	m.unclosed[s] = true
	return -1, 0
}

func endsValue(rest []byte) bool {
	rest = bytes.TrimLeft(rest, " \t\r")
	return len(rest) == 0 || bytes.IndexByte([]byte(",:]}/"), rest[0]) >= 0
}

// replaceQuotes writes plain quotes over the quotes at [a,b) and [c,d), next to the
// text between them, and blanks the rest. A text that holds the plain quote itself
// gets the other kind; one that holds both is left for the parser to complain about.
func (m *mender) replaceQuotes(a, b, c, d int, quote byte) {
	inner := m.src[b:c]
	if bytes.IndexByte(inner, quote) >= 0 {
		if quote ^= '"' ^ '\''; bytes.IndexByte(inner, quote) >= 0 {
			return
		}
	}
	m.blank(a, b)
	m.blank(c, d)
	m.out[b-1], m.out[c] = quote, quote
}
