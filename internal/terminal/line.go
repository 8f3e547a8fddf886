package terminal

import (
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// A line is a message that is being edited, and where in it the cursor stands. What a
// person sees as one character is one here: an accent belongs to its letter, and an emoji
// may be many code points.
type line struct{ before, after string }

func (l *line) text() string { return l.before + l.after }

// set replaces the message; the cursor stands at its end.
func (l *line) set(text string) { l.before, l.after = text, "" }

func (l *line) insert(text string) { l.before += text }

// last is the character before the cursor, or "".
func (l *line) last() (last string) {
	g := displaywidth.StringGraphemes(l.before)
	for g.Next() {
		last = g.Value()
	}
	return last
}

// first is the character at the cursor, or "".
func (l *line) first() string {
	g := displaywidth.StringGraphemes(l.after)
	if !g.Next() {
		return ""
	}
	return g.Value()
}

// word is what lies between the cursor and the beginning of the word before it.
func (l *line) word() string {
	bare := strings.TrimRight(l.before, " \n")
	return l.before[strings.LastIndexAny(bare, " \n")+1:]
}

// rest is what lies between the cursor and the beginning of the next word.
func (l *line) rest() string {
	end := strings.IndexAny(l.after, " \n")
	if end < 0 {
		return l.after
	}
	return l.after[:len(l.after)-len(strings.TrimLeft(l.after[end:], " \n"))]
}

// edit does what a key says, where it is one that edits.
func (l *line) edit(k key) {
	switch k.name {
	case keyText:
		l.insert(k.text)
	case keyBackspace:
		l.before = strings.TrimSuffix(l.before, l.last())
	case keyDelete, keyEnd:
		l.after = strings.TrimPrefix(l.after, l.first())
	case keyLeft:
		l.back(l.last())
	case keyRight:
		l.forth(l.first())
	case keyWordLeft:
		l.back(l.word())
	case keyWordRight:
		l.forth(l.rest())
	case keyHome:
		l.back(l.before)
	case keyLast:
		l.forth(l.after)
	case keyClearBefore:
		l.before = ""
	case keyClearAfter:
		l.after = ""
	case keyClearWord:
		l.before = strings.TrimSuffix(l.before, l.word())
	default: // not for the line
	}
}

// back moves the cursor before a text that ends there.
func (l *line) back(text string) {
	l.before, l.after = strings.TrimSuffix(l.before, text), text+l.after
}

// forth moves the cursor behind a text that begins there.
func (l *line) forth(text string) {
	l.before, l.after = l.before+text, strings.TrimPrefix(l.after, text)
}
