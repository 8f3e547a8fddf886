package terminal

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// A key is what a person typed or pasted: a name, or text.
type key struct {
	name keyName
	text string // of keyText; may be long
}

type keyName int

const (
	keyNone keyName = iota // nothing that is known here
	keyText
	keyEnter
	keyInterrupt
	keyEnd // of the input, or deletes the character at the cursor
	keySuspend
	keyBackspace
	keyDelete
	keyLeft
	keyRight
	keyWordLeft
	keyWordRight
	keyHome
	keyLast // the end of the line
	keyUp
	keyDown
	keyClearBefore
	keyClearAfter
	keyClearWord
	keyRedraw
	keyPaste
	keyPasted
)

// controls are the keys that are one byte.
var controls = map[byte]keyName{
	1: keyHome, 2: keyLeft, 3: keyInterrupt, 4: keyEnd, 5: keyLast, 6: keyRight, 8: keyBackspace,
	'\n': keyEnter, 11: keyClearAfter, 12: keyRedraw, '\r': keyEnter, 14: keyDown, 16: keyUp,
	21: keyClearBefore, 23: keyClearWord, 26: keySuspend, 127: keyBackspace,
}

// sequences are the keys that are an escape and more. Home and End have four spellings:
// xterm's, its application mode's, the VT220's, which tmux, screen, PuTTY and the Linux
// console send, and rxvt's.
var sequences = map[string]keyName{
	"[A": keyUp, "[B": keyDown, "[C": keyRight, "[D": keyLeft,
	"OA": keyUp, "OB": keyDown, "OC": keyRight, "OD": keyLeft,
	"[H": keyHome, "OH": keyHome, "[1~": keyHome, "[7~": keyHome,
	"[F": keyLast, "OF": keyLast, "[4~": keyLast, "[8~": keyLast,
	"[3~":   keyDelete,
	"[1;3C": keyWordRight, "[1;5C": keyWordRight, "f": keyWordRight,
	"[1;3D": keyWordLeft, "[1;5D": keyWordLeft, "b": keyWordLeft,
	"\x7f": keyClearWord, "\b": keyClearWord,
	"[200~": keyPaste, "[201~": keyPasted,
}

// maxSequence is how long an escape sequence may be. What is longer is none.
const maxSequence = 64

// nextKey takes the first key off what was typed: how many bytes it is, 0 when it is not
// whole yet. Within a paste all is text but its end and the ends of lines.
func nextKey(typed []byte, pasting bool) (k key, n int) {
	switch c := typed[0]; {
	case pasting && c == 3 && len(typed) == 1: // alone, it was typed: the end of the paste got lost
		return key{name: keyInterrupt}, 1
	case pasting && c == '\x1b':
		return pastedEscape(typed)
	case pasting && c == '\r' && len(typed) == 1:
		return key{}, 0 // something follows, if only the end of the paste
	case pasting && c == '\r' && typed[1] == '\n':
		return key{name: keyEnter}, 2
	case pasting && c != '\r' && c != '\n':
		return textKey(typed, func(c byte) bool { return c == '\r' || c == '\n' || c == '\x1b' })
	case c == '\x1b':
		return escapeKey(typed)
	case c < ' ' || c == 0x7f:
		return key{name: controls[c]}, 1
	}
	return textKey(typed, func(c byte) bool { return c < ' ' || c == 0x7f })
}

// textKey takes everything up to a byte that is no text. Bytes that are no UTF-8 are left
// out.
func textKey(typed []byte, ends func(byte) bool) (key, int) {
	n := 0
	var text []byte
	for n < len(typed) && !ends(typed[n]) {
		if !utf8.FullRune(typed[n:]) {
			break
		}
		r, size := utf8.DecodeRune(typed[n:])
		if r != utf8.RuneError || size > 1 {
			text = append(text, typed[n:n+size]...)
		}
		n += size
	}
	return key{keyText, string(text)}, n
}

const pasteEnd = "\x1b[201~"

// pastedEscape tells the end of a paste from an escape that was pasted.
func pastedEscape(typed []byte) (key, int) {
	switch {
	case bytes.HasPrefix(typed, []byte(pasteEnd)):
		return key{name: keyPasted}, len(pasteEnd)
	case strings.HasPrefix(pasteEnd, string(typed)):
		return key{}, 0
	}
	return key{keyText, "\x1b"}, 1
}

func escapeKey(typed []byte) (key, int) {
	if len(typed) == 1 {
		return key{}, 0
	}
	n := 2
	switch typed[1] {
	case '\x1b': // of a key that was pressed with Alt: the key itself follows
		return key{}, 1
	case 'O':
		n = 3
	case '[':
		for n < len(typed) && typed[n] >= ' ' && typed[n] <= '?' {
			n++
		}
		n++
		if n == 3 && len(typed) > 2 && typed[2] == '[' {
			n = 4 // a function key of the Linux console
		}
	default:
		if !utf8.FullRune(typed[1:]) {
			return key{}, 0
		}
		_, size := utf8.DecodeRune(typed[1:])
		n = 1 + size
	}
	switch {
	case n > maxSequence:
		return key{}, 1
	case n > len(typed):
		return key{}, 0
	}
	return key{name: sequences[string(typed[1:n])]}, n
}
