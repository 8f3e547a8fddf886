package escape

import (
	"strings"
	"unicode"
)

// Plain gives foreign words (a server's error, the name of a model or a file) as one line of
// text: what drives a terminal, ends a line or changes the order of what stands around it is
// a space, a run of white space is one, and invalid bytes are U+FFFD. Letters of any script
// stay, with what joins them.
func Plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if drives(r) || reorders(r) {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// Text gives a text of several lines without what drives a terminal, as Terminal writes it.
func Text(s string) string {
	return strings.Map(func(r rune) rune {
		if drives(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
}

// drives reports whether a terminal takes r for more than a sign: the controls of ASCII, DEL,
// and those of U+0080 to U+009F, which stand for a whole sequence.
func drives(r rune) bool { return unicode.IsControl(r) }

// reorders reports whether r ends a line, or changes the order of what is shown around it.
func reorders(r rune) bool { return r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 }
