package json5

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A SyntaxError says where a source stops being JSON5.
type SyntaxError struct {
	Name         string // the file
	Offset       int
	Line, Column int    // counted from 1; Column in characters
	Message      string // what is wrong there, without the place
	LineText     string // the whole line
	caret        int    // characters before the place in LineText
}

// Error gives one line: file, line, column and the message.
func (e *SyntaxError) Error() string {
	name := e.Name
	if name == "" {
		name = "json5"
	}
	return fmt.Sprintf("%s:%d:%d: %s", name, e.Line, e.Column, e.Message)
}

// Excerpt gives two lines: the line, shortened around the place when it is long, and, under
// it, a caret at the place. hide takes out of the whole line what must not be shown, and
// leaves as many characters as there were; nil hides nothing.
func (e *SyntaxError) Excerpt(hide func(line string) string) string {
	line, caret := e.LineText, e.caret
	if hide != nil {
		line = hide(line)
	}
	text := []rune(line)
	caret = min(caret, len(text))
	if len(text) > excerptWidth {
		from := max(0, min(caret-excerptWidth/2, len(text)-excerptWidth))
		text = text[from : from+excerptWidth]
		caret -= from
	}
	return string(text) + "\n" + strings.Repeat(" ", caret) + "^"
}

// excerptWidth is how much of a long line is shown.
const excerptWidth = 100

func (d *Document) errorAt(offset int, format string, args ...any) *SyntaxError {
	line, column := d.Position(offset)
	text := strings.Map(plainBlank, string(d.lineText(line)))
	return &SyntaxError{
		Name: d.Name, Offset: offset, Line: line, Column: column,
		Message: fmt.Sprintf(format, args...), LineText: text, caret: min(column-1, utf8.RuneCountInString(text)),
	}
}

// plainBlank keeps the caret under its character: a tab is as wide as the terminal
// likes, and control characters have no width.
func plainBlank(r rune) rune {
	if unicode.IsControl(r) || r == utf8.RuneError {
		return ' '
	}
	return r
}

// ErrorAt makes an error about a place of the document, for what parses but cannot be
// used.
func (d *Document) ErrorAt(offset int, format string, args ...any) *SyntaxError {
	return d.errorAt(offset, format, args...)
}
