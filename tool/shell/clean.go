package shell

import (
	"bytes"
	"unicode/utf8"
)

// clean makes text for a model of what a program wrote for a terminal: colours and
// cursor movements go, a line that was overwritten keeps its last version, and what is
// not UTF-8 becomes U+FFFD, once for each run of it.
func clean(raw []byte) string {
	raw = bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	raw = bytes.TrimRight(raw, "\r")
	b := make([]byte, 0, len(raw))
	lineStart, wrong := 0, false
	for i := 0; i < len(raw); {
		c := raw[i]
		switch {
		case c == 0x1b:
			i += escapeLength(raw[i:])
			continue
		case c == '\r':
			b = b[:lineStart]
		case c == '\n':
			b = append(b, '\n')
			lineStart = len(b)
		case c == '\t', c >= ' ' && c < 0x7f:
			b = append(b, c)
		case c < utf8.RuneSelf: // another control character
		default:
			r, size := utf8.DecodeRune(raw[i:])
			if r != utf8.RuneError || size > 1 {
				b = append(b, raw[i:i+size]...)
			} else if !wrong {
				b = utf8.AppendRune(b, utf8.RuneError)
			}
			wrong = r == utf8.RuneError && size == 1
			i += size
			continue
		}
		wrong = false
		i++
	}
	return string(b)
}

// escapeLength is the length of the terminal escape that s begins with (ECMA-48: CSI,
// OSC and the other strings, and the two-byte ones). One that does not end is taken for
// the ESC alone.
func escapeLength(s []byte) int {
	if len(s) < 2 {
		return 1
	}
	const longest = 4096
	s = s[:min(len(s), longest)]
	switch s[1] {
	case '[':
		for i := 2; i < len(s); i++ {
			if s[i] >= 0x40 && s[i] <= 0x7e {
				return i + 1
			}
			if s[i] < 0x20 || s[i] > 0x7e {
				return 1
			}
		}
		return 1
	case ']', 'P', 'X', '^', '_':
		for i := 2; i < len(s); i++ {
			if s[i] == 0x07 {
				return i + 1
			}
			if s[i] == 0x1b && i+1 < len(s) && s[i+1] == '\\' {
				return i + 2
			}
		}
		return 1
	}
	if s[1] >= 0x20 && s[1] < 0x7f {
		return 2
	}
	return 1
}

// isBinary reports whether output is not meant to be read: NUL bytes in it, or mostly
// bytes that are no text.
func isBinary(raw []byte) bool {
	nul := bytes.Count(raw, []byte{0})
	if nul == 0 && utf8.Valid(raw) {
		return false
	}
	wrong := nul
	for i := 0; i < len(raw); {
		r, size := utf8.DecodeRune(raw[i:])
		if r == utf8.RuneError && size == 1 {
			wrong++
		}
		i += size
	}
	return nul*20 > len(raw) || wrong*3 > len(raw)
}
