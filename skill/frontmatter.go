package skill

import (
	"errors"
	"strings"

	"hearth/internal/json5"
)

// The front matter of a skill is YAML by name. What people write is a small part of it,
// and not always right: keys with a plain or quoted text, which may hold a colon; texts
// over several lines, with > or | before them or without; and below metadata JSON on one
// line or many, or nested keys and lists. That part is read here. There are no anchors,
// tags or types: every scalar is a text. Whatever is written, something comes out.

// frontMatter gives the lines between a first line of three dashes and the next such.
func frontMatter(text string) ([]string, error) {
	text = strings.TrimPrefix(text, "\uFEFF")
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	if strings.TrimRight(lines[0], " \t") != "---" {
		return nil, errors.New("it does not begin with front matter")
	}
	for i, line := range lines[1:] {
		if line = strings.TrimRight(line, " \t"); line == "---" || line == "..." {
			return lines[1 : i+1], nil
		}
	}
	return nil, errors.New("its front matter has no end")
}

// maxDepth bounds what stands inside one another.
const maxDepth = 20

// block reads what is structured by indentation.
type block struct {
	lines []string
	at    int
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// more goes to the next line that says something, and reports whether it is indented so
// far at least.
func (b *block) more(indent int) bool {
	for ; b.at < len(b.lines); b.at++ {
		if said := strings.TrimSpace(b.lines[b.at]); said != "" && said[0] != '#' {
			return indentOf(b.lines[b.at]) >= indent
		}
	}
	return false
}

// mapping reads keys that are indented so far. Lines that are none are passed over.
func (b *block) mapping(indent, depth int) *json5.Value {
	v := &json5.Value{Kind: json5.Object}
	for b.more(indent) {
		line := b.lines[b.at]
		b.at++
		if indentOf(line) > indent || isItem(line[indent:]) {
			continue
		}
		if key, rest, ok := cutKey(line[indent:]); ok {
			v.Members = append(v.Members, json5.Member{Key: key, Value: b.value(rest, indent, depth)})
		}
	}
	return v
}

// isItem reports whether a line without its indentation is one of a list.
func isItem(line string) bool { return line == "-" || strings.HasPrefix(line, "- ") }

// cutKey takes a line apart at the colon behind its key.
func cutKey(line string) (key, rest string, ok bool) {
	if line != "" && (line[0] == '"' || line[0] == '\'') {
		f := &flow{text: line}
		key = f.quoted().Text
		rest, ok = strings.CutPrefix(strings.TrimLeft(line[f.at:], " \t"), ":")
		return key, rest, ok
	}
	for i := range len(line) {
		if line[i] == ':' && (i+1 == len(line) || line[i+1] == ' ' || line[i+1] == '\t') {
			return strings.TrimSpace(line[:i]), line[i+1:], i > 0
		}
	}
	return "", "", false
}

// value reads what stands behind a key or a dash that is indented so far: rest, and the
// lines below that are indented further.
func (b *block) value(rest string, indent, depth int) *json5.Value {
	rest = strings.TrimSpace(rest)
	if rest == "" || rest[0] == '#' {
		return b.below(indent, depth)
	}
	switch rest[0] {
	case '|', '>':
		return &json5.Value{Kind: json5.String, Text: b.literal(indent)}
	case '{', '[', '"', '\'':
		return (&flow{text: b.joined(rest, indent)}).value(depth)
	}
	return b.plain(rest, indent)
}

// below reads a value that begins on the next line.
func (b *block) below(indent, depth int) *json5.Value {
	if depth >= maxDepth || !b.more(indent) {
		return nil
	}
	in := indentOf(b.lines[b.at])
	line := b.lines[b.at][in:]
	if isItem(line) {
		return b.list(in, depth+1)
	}
	if in <= indent {
		return nil
	}
	if strings.ContainsRune("{[", rune(line[0])) {
		b.at++
		return (&flow{text: b.joined(line, indent)}).value(depth)
	}
	if _, _, ok := cutKey(line); ok {
		return b.mapping(in, depth+1)
	}
	b.at++
	return b.value(line, indent, depth)
}

// list reads items whose dashes are indented so far.
func (b *block) list(indent, depth int) *json5.Value {
	v := &json5.Value{Kind: json5.Array}
	for b.more(indent) {
		line := b.lines[b.at]
		in := indentOf(line)
		if in == indent && !isItem(line[in:]) {
			break
		}
		if in > indent {
			b.at++
			continue
		}
		rest := strings.TrimLeft(line[in+1:], " ")
		if _, _, ok := cutKey(rest); ok && depth < maxDepth { // its first key stands behind the dash
			at := len(line) - len(rest)
			b.lines[b.at] = strings.Repeat(" ", at) + rest
			v.Elements = append(v.Elements, b.mapping(at, depth+1))
			continue
		}
		b.at++
		if e := b.value(rest, indent, depth); e != nil {
			v.Elements = append(v.Elements, e)
		}
	}
	return v
}

// literal reads the lines of a text that is kept as it is; a line of it may begin with #.
func (b *block) literal(indent int) string {
	from := b.at
	for b.at < len(b.lines) && (indentOf(b.lines[b.at]) > indent || strings.TrimSpace(b.lines[b.at]) == "") {
		b.at++
	}
	return strings.Join(b.lines[from:b.at], "\n")
}

// joined adds to the beginning of a bracket or a quote the lines that may belong to it.
func (b *block) joined(rest string, indent int) string {
	from := b.at
	for b.at < len(b.lines) {
		line := b.lines[b.at]
		said := strings.TrimSpace(line)
		closes := said != "" && strings.ContainsRune("}]", rune(said[0])) && indentOf(line) >= indent
		if said != "" && indentOf(line) <= indent && !closes {
			break
		}
		b.at++
	}
	return rest + "\n" + strings.Join(b.lines[from:b.at], "\n")
}

// plain reads a text without quotes, which goes on in lines that are indented further.
func (b *block) plain(rest string, indent int) *json5.Value {
	words := []string{uncommented(rest)}
	for b.more(indent + 1) {
		words = append(words, uncommented(strings.TrimSpace(b.lines[b.at])))
		b.at++
	}
	return &json5.Value{Kind: json5.String, Text: strings.Join(words, " ")}
}

func uncommented(s string) string {
	s, _, _ = strings.Cut(s, " #")
	return strings.TrimSpace(s)
}

// flow reads what is structured by brackets: JSON, and what looks like it.
type flow struct {
	text string
	at   int
}

// skip goes over blanks, line ends and comments.
func (f *flow) skip() {
	for f.at < len(f.text) {
		rest := f.text[f.at:]
		switch {
		case strings.ContainsRune(" \t\n", rune(rest[0])):
			f.at++
		case rest[0] == '#', strings.HasPrefix(rest, "//"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			f.at += end
		default:
			return
		}
	}
}

// next goes to the next character that says something, and gives it; 0 at the end.
func (f *flow) next() byte {
	f.skip()
	if f.at >= len(f.text) {
		return 0
	}
	return f.text[f.at]
}

// value reads one value. What is not closed ends with the text.
func (f *flow) value(depth int) *json5.Value {
	c := f.next()
	switch {
	case c == '"', c == '\'':
		return f.quoted()
	case c != '{' && c != '[':
		return f.plain()
	case depth >= maxDepth:
		f.at = len(f.text)
		return nil
	}
	f.at++
	if c == '{' {
		return f.object(depth)
	}
	v := &json5.Value{Kind: json5.Array}
	for !f.closed(']') {
		if e := f.value(depth + 1); e != nil {
			v.Elements = append(v.Elements, e)
		}
	}
	return v
}

func (f *flow) object(depth int) *json5.Value {
	v := &json5.Value{Kind: json5.Object}
	for !f.closed('}') {
		m := json5.Member{Key: f.key()}
		if f.next() == ':' {
			f.at++
			if c := f.next(); c != ',' && c != '}' {
				m.Value = f.value(depth + 1)
			}
		}
		v.Members = append(v.Members, m)
	}
	return v
}

// closed goes over commas and reports whether a container ends here. A bracket of the
// other kind is passed over.
func (f *flow) closed(by byte) bool {
	for {
		switch c := f.next(); c {
		case 0:
			return true
		case by:
			f.at++
			return true
		case ',', ']', '}':
			f.at++
		default:
			return false
		}
	}
}

func (f *flow) key() string {
	if c := f.next(); c == '"' || c == '\'' {
		return f.quoted().Text
	}
	return f.until(":,]}\n")
}

func (f *flow) plain() *json5.Value {
	return &json5.Value{Kind: json5.String, Text: f.until(",]}\n")}
}

// until reads up to one of some characters, and at least one character.
func (f *flow) until(stops string) string {
	from := f.at
	for f.at < len(f.text) && (f.at == from || !strings.ContainsRune(stops, rune(f.text[f.at]))) {
		f.at++
	}
	return strings.TrimSpace(f.text[from:f.at])
}

// quoted reads a text in the quotes that stand here. In double ones escapes are JSON's, in
// single ones the quote is written twice.
func (f *flow) quoted() *json5.Value {
	quote := f.text[f.at]
	from := f.at + 1
	v := &json5.Value{Kind: json5.String}
	var b strings.Builder
	for f.at = from; f.at < len(f.text); f.at++ {
		c := f.text[f.at]
		switch {
		case c == '\\' && quote == '"' && f.at+1 < len(f.text):
			f.at++
			b.WriteString(f.text[f.at-1 : f.at+1])
		case c == quote && quote == '\'' && strings.HasPrefix(f.text[f.at:], "''"):
			f.at++
			b.WriteByte(quote)
		case c == quote:
			f.at++
			v.Text = unescaped(b.String(), quote)
			return v
		default:
			b.WriteByte(c)
		}
	}
	v.Text = unescaped(b.String(), quote)
	return v
}

// unescaped gives what the inside of quotes stands for.
func unescaped(s string, quote byte) string {
	if quote != '"' || !strings.Contains(s, `\`) {
		return s
	}
	d, err := json5.Parse("", []byte(`"`+strings.ReplaceAll(s, "\n", " ")+`"`))
	if err != nil || d.Root == nil || d.Root.Kind != json5.String {
		return s
	}
	return d.Root.Text
}
