//go:build unix

package terminal

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// editing makes an editor at a terminal of its own, whose keys come from in.
func editing(t *testing.T, in io.Reader, columns uint16) (*Editor, *strings.Builder) {
	t.Helper()
	person, tty, err := pty.Open()
	if err != nil {
		t.Skip("no terminal can be opened: ", err)
	}
	t.Cleanup(func() { _, _ = person.Close(), tty.Close() })
	if err := pty.Setsize(person, &pty.Winsize{Rows: 24, Cols: columns}); err != nil {
		t.Fatal(err)
	}
	screen := &strings.Builder{}
	return New(Config{In: in, Screen: screen, FD: int(tty.Fd())}), screen
}

func TestEditing(t *testing.T) {
	const (
		home, end, left = "\x1b[1~", "\x1b[4~", "\x1b[D"
		up, down        = "\x1b[A", "\x1b[B"
		ctrlU, ctrlW    = "\x15", "\x17"
	)
	for _, row := range []struct {
		name, typed string
		want        []string // the messages
		err         error    // what ended them
	}{
		{"words", "hello\r", []string{"hello"}, io.EOF},
		{"in the middle", "hello" + home + "oh, " + end + "!\r", []string{"oh, hello!"}, io.EOF},
		{"wide characters", "日本語" + left + "x\r", []string{"日本x語"}, io.EOF},
		{"Ctrl-U takes what is before the cursor", "日本語" + left + ctrlU + "x\r", []string{"x語"}, io.EOF},
		{"Ctrl-W takes a word", "one two  " + ctrlW + "three\r", []string{"one three"}, io.EOF},
		{"backspace takes what is seen as one character", "a👩\u200d👩\u200d👧\x7fe\u0301\x7fb\r", []string{"ab"}, io.EOF},
		{"a paste is one message", "\x1b[200~one\rtwo\x1b[201~ and three\r", []string{"one\ntwo and three"}, io.EOF},
		{"what was typed ahead is the next message", "one\rtwo\r", []string{"one", "two"}, io.EOF},
		{"the arrows bring back what was said", "one\rtwo\r" + up + up + "!\r", []string{"one", "two", "one!"}, io.EOF},
		{"also of many lines", "\x1b[200~a\rb\x1b[201~\r" + up + "\r", []string{"a\nb", "a\nb"}, io.EOF},
		{"and what was begun", "one\rnew" + up + down + "er\r", []string{"one", "newer"}, io.EOF},
		{"Ctrl-D leaves an empty line", "one\r\x04two\r", []string{"one"}, io.EOF},
		{"Ctrl-D takes the character at the cursor", "abc" + home + "\x04\r", []string{"bc"}, io.EOF},
		{"one Ctrl-C clears the line", "ab\x03c\r", []string{"c"}, io.EOF},
		{"a second one leaves", "one\rab\x03\x03two\r", []string{"one"}, io.EOF},
		{"a key between them begins anew", "\x03a\x03b\r", []string{"b"}, io.EOF},
		{"keys that nobody knows do nothing", "a\x1b[15~\x1bOP\x00b\r", []string{"ab"}, io.EOF},
	} {
		t.Run(row.name, func(t *testing.T) {
			e, screen := editing(t, strings.NewReader(row.typed), 40)
			var got []string
			var err error
			for err == nil {
				var message string
				if message, err = e.Next(t.Context(), "› "); err == nil {
					got = append(got, message)
				}
			}
			if strings.Join(got, "|") != strings.Join(row.want, "|") || !errors.Is(err, row.err) {
				t.Errorf("%q, %v; want %q, %v", got, err, row.want, row.err)
			}
			if on, off := strings.Count(screen.String(), pasteOn), strings.Count(screen.String(), pasteOff); on != off {
				t.Errorf("bracketed paste was switched on %d times and off %d times", on, off)
			}
		})
	}
}

func TestCtrlCThatStoppedATurnIsTheFirst(t *testing.T) {
	e, _ := editing(t, strings.NewReader("\x03one\r"), 40)
	e.Stopped()
	if message, err := e.Next(t.Context(), "› "); !errors.Is(err, io.EOF) {
		t.Errorf("%q, %v", message, err)
	}
}

func TestAQuestion(t *testing.T) {
	for _, row := range []struct {
		name, typed, want string
		err               error
	}{
		{"an answer", "y\r", "y", nil},
		{"Ctrl-C is one", "y\x03", "", ErrInterrupted},
		{"Ctrl-D is none", "\x04", "", io.EOF},
	} {
		t.Run(row.name, func(t *testing.T) {
			e, _ := editing(t, strings.NewReader(row.typed), 40)
			if answer, err := e.Answer(t.Context(), "Really? "); answer != row.want || !errors.Is(err, row.err) {
				t.Errorf("%q, %v", answer, err)
			}
		})
	}
}

// What a person types while nobody waits for a message stays for the one who does.
func TestAWaitThatEnds(t *testing.T) {
	r, w := io.Pipe()
	e, _ := editing(t, r, 40)
	over := errors.New("over")
	ctx, end := context.WithCancelCause(t.Context())
	end(over)
	if _, err := e.Next(ctx, "› "); !errors.Is(err, over) {
		t.Fatalf("it ends with %v", err)
	}
	go func() { _, _ = io.WriteString(w, "still here\r") }() // the reader sees what is wrong
	if message, err := e.Next(t.Context(), "› "); message != "still here" || err != nil {
		t.Errorf("%q, %v", message, err)
	}
}
