package json5

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// blank returns the length of the blank or line break that src begins with, or 0.
// JSON5 counts the byte order mark as a blank anywhere.
func blank(src []byte) int {
	if src[0] < utf8.RuneSelf {
		switch src[0] {
		case ' ', '\t', '\n', '\r', '\v', '\f':
			return 1
		}
		return 0
	}
	r, size := utf8.DecodeRune(src)
	if r == '\u00a0' || r == '\ufeff' || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Zs, r) {
		return size
	}
	return 0
}

// lineBreak returns the length of the line break that src begins with, or 0.
func lineBreak(src []byte) int {
	switch {
	case src[0] == '\n':
		return 1
	case src[0] == '\r':
		if len(src) > 1 && src[1] == '\n' {
			return 2
		}
		return 1
	case len(src) > 2 && src[0] == 0xe2 && src[1] == 0x80 && (src[2] == 0xa8 || src[2] == 0xa9):
		return 3
	}
	return 0
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

func isHex(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F'
}

func isIdentStart(r rune) bool {
	return r == '$' || r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nl, r)
}

func isIdentPart(r rune) bool {
	return isIdentStart(r) || isDigit(r) || r == '\u200c' || r == '\u200d' ||
		unicode.In(r, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc)
}

// IsIdentifier reports whether a key may stand without quotes.
func IsIdentifier(s string) bool {
	for i, r := range s {
		if r == utf8.RuneError || !isIdentPart(r) || i == 0 && !isIdentStart(r) {
			return false
		}
	}
	return s != ""
}

// identifier reads an unquoted key, with its \u escapes.
func (p *parser) identifier() string {
	var b strings.Builder
	for {
		r, size := p.peek()
		at := p.pos
		if r == '\\' {
			if size = 6; p.pos+6 > len(p.src) || p.src[p.pos+1] != 'u' {
				p.fail(at, "only \\uXXXX escapes may stand in a key without quotes")
				return ""
			}
			p.pos += 2
			r = p.hex(4)
			p.pos = at
		}
		if size == 0 || !isIdentPart(r) || b.Len() == 0 && !isIdentStart(r) {
			break
		}
		b.WriteRune(r)
		p.pos += size
	}
	if b.Len() == 0 {
		p.fail(p.pos, "%s where a key should be", p.describe())
	}
	return b.String()
}

// str reads a quoted string and returns its decoded text. Bytes that are not UTF-8
// become U+FFFD, as encoding/json does it.
func (p *parser) str() string {
	open, quote := p.pos, p.src[p.pos]
	p.pos++
	var b strings.Builder
	for {
		r, size := p.peek()
		switch {
		case size == 0 || r == '\n' || r == '\r':
			p.fail(open, "the string that begins here is not closed on its line")
			return ""
		case r == rune(quote):
			p.pos++
			return b.String()
		case r == '\\':
			p.escape(&b)
		default:
			b.WriteRune(r)
			p.pos += size
		}
		if p.err != nil {
			return ""
		}
	}
}

// escape reads one backslash sequence of a string.
func (p *parser) escape(b *strings.Builder) {
	at := p.pos
	p.pos++
	r, size := p.peek()
	if size == 0 {
		p.fail(at, "the file ends inside a string")
		return
	}
	if n := lineBreak(p.src[p.pos:]); n > 0 {
		p.pos += n // a line continuation adds nothing to the text
		return
	}
	p.pos += size
	switch {
	case r == 'u':
		p.unicodeEscape(b)
	case r == 'x':
		b.WriteRune(p.hex(2))
	case r == '0':
		if next, n := p.peek(); n > 0 && isDigit(next) {
			p.fail(at, "octal escapes are not part of JSON5")
		}
		b.WriteByte(0)
	case '1' <= r && r <= '9':
		p.fail(at, "unknown escape \\%c", r)
	default:
		if i := strings.IndexRune("bfnrtv", r); i >= 0 {
			r = rune("\b\f\n\r\t\v"[i])
		}
		b.WriteRune(r)
	}
}

// unicodeEscape reads the digits of \u and joins a surrogate pair; half a pair
// becomes U+FFFD.
func (p *parser) unicodeEscape(b *strings.Builder) {
	r := p.hex(4)
	const high, low, end = 0xd800, 0xdc00, 0xe000
	if high <= r && r < low && p.pos+6 <= len(p.src) && p.src[p.pos] == '\\' && p.src[p.pos+1] == 'u' {
		back := p.pos
		p.pos += 2
		second := p.hex(4)
		if p.err == nil && low <= second && second < end {
			b.WriteRune((r-high)<<10 + (second - low) + 0x10000)
			return
		}
		p.pos = back
	}
	b.WriteRune(r) // strings.Builder writes half a pair as U+FFFD
}

// hex reads n hexadecimal digits.
func (p *parser) hex(n int) rune {
	var r rune
	for range n {
		if p.pos >= len(p.src) || !isHex(p.src[p.pos]) {
			p.fail(p.pos, "%d hexadecimal digits should follow", n)
			return 0
		}
		r = r<<4 | rune(hexDigit(p.src[p.pos]))
		p.pos++
	}
	return r
}

func hexDigit(b byte) byte {
	if b <= '9' {
		return b - '0'
	}
	return b | 0x20 - 'a' + 10
}

// number reads a number literal and keeps it as written.
func (p *parser) number() *Value {
	start := p.pos
	if p.is('+') || p.is('-') {
		p.pos++
	}
	switch rest := string(p.src[p.pos:min(len(p.src), p.pos+8)]); {
	case rest == "Infinity":
		p.pos += 8
	case strings.HasPrefix(rest, "NaN"):
		p.pos += 3
	case strings.HasPrefix(rest, "0x") || strings.HasPrefix(rest, "0X"):
		p.pos += 2
		if p.run(isHex) == 0 {
			p.fail(start, "hexadecimal digits should follow 0x")
		}
	default:
		p.decimal(start)
	}
	if r, size := p.peek(); p.err == nil && size > 0 && isIdentPart(r) {
		p.fail(start, "this is not a number; text needs quotes")
	}
	return p.scalar(Number, string(p.src[start:p.pos]), start)
}

func (p *parser) decimal(start int) {
	digit := func(b byte) bool { return isDigit(rune(b)) }
	first := p.pos
	whole := p.run(digit)
	if whole > 1 && p.src[first] == '0' {
		p.fail(start, "a number may not begin with 0")
	}
	if p.is('.') {
		p.pos++
		whole += p.run(digit)
	}
	if whole == 0 {
		p.fail(start, "digits are missing in this number")
	}
	if p.is('e') || p.is('E') {
		p.pos++
		if p.is('+') || p.is('-') {
			p.pos++
		}
		if p.run(digit) == 0 {
			p.fail(start, "digits are missing after the exponent")
		}
	}
}

// run moves over bytes of a class and counts them.
func (p *parser) run(class func(byte) bool) int {
	start := p.pos
	for p.pos < len(p.src) && class(p.src[p.pos]) {
		p.pos++
	}
	return p.pos - start
}
