// Package escape makes text of a stranger safe to show to a person on one line.
//
// A command that a model wrote is shown in an approval question. Terminal escapes,
// line breaks and characters that reorder or hide text would let it look like another
// command, so they are shown as escapes instead.
package escape

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line gives s as one line in which every character is visible and in its place:
// control, format (bidi, zero-width), private-use, surrogate and unusual space
// characters become \n, \x1b, \u202e and the like, invalid bytes \xff. A backslash is
// doubled only when something was escaped, so that ordinary text stays as it is.
func Line(s string) string {
	if clean(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i])|0x100, 16)[1:])
		case r == '\\':
			b.WriteString(`\\`)
		case visible(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
		i += size
	}
	return b.String()
}

// Short is Line, cut in the middle to about n bytes with the number of characters left
// out, so that both ends of a long command are seen.
func Short(s string, n int) string {
	line := Line(s)
	if len(line) <= n || n < 40 {
		return line
	}
	head := utf8Floor(line, n*2/3)
	tail := utf8Ceil(line, len(line)-(n-n*2/3))
	left := utf8.RuneCountInString(line[head:tail])
	return line[:head] + " …[" + strconv.Itoa(left) + " characters not shown]… " + line[tail:]
}

func clean(s string) bool {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || !visible(r) {
			return false
		}
		i += size
	}
	return true
}

// visible reports whether r shows itself and changes nothing around it. Combining
// marks are letters' business and stay.
func visible(r rune) bool {
	return r == ' ' || unicode.IsGraphic(r) && !unicode.IsSpace(r) && !blank[r] && !unicode.Is(unicode.Variation_Selector, r)
}

// blank characters count as letters or symbols and show nothing.
var blank = map[rune]bool{
	'\u115f': true, '\u1160': true, '\u3164': true, '\uffa0': true, '\u2800': true, '\u034f': true,
}

func utf8Floor(s string, i int) int {
	for i > 0 && !utf8.RuneStart(s[i]) {
		i--
	}
	return i
}

func utf8Ceil(s string, i int) int {
	for i < len(s) && !utf8.RuneStart(s[i]) {
		i++
	}
	return i
}
