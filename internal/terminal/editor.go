package terminal

import (
	"context"
	"errors"
	"io"
	"strings"

	"golang.org/x/term"
)

// ErrInterrupted is how a question ends that was answered with Ctrl-C, and for whoever turns
// that key's signal into the end of a context, its cause.
var ErrInterrupted = errors.New("interrupted")

// Config says which terminal lines are edited at.
type Config struct {
	In     io.Reader
	Screen io.Writer // takes control characters
	FD     int       // of the terminal, which is put into raw mode
	Dumb   bool      // it knows no control sequences
}

// Editor edits lines at a terminal: history, and a paste of many lines is one message. The
// terminal is raw only while a line is being edited, so that Ctrl-C at other times is a
// signal. One goroutine uses it at a time.
type Editor struct {
	c       Config
	in      *Input
	edit    *term.Terminal
	keys    *keys
	history *history
}

// New makes an editor with an empty history.
func New(c Config) *Editor {
	e := &Editor{c: c, in: NewInput(c.In), keys: &keys{}, history: &history{}}
	e.begin()
	return e
}

// begin makes a new editor. One that has given io.EOF gives it for ever.
func (e *Editor) begin() {
	e.edit = term.NewTerminal(screen{e.keys, e.c.Screen}, "")
	e.edit.History = e.history
}

// Next gives the next message, or io.EOF, or the cause of ctx. It leaves on the second of
// two Ctrl-C, the first of which empties the line. One that stopped a turn counts as the
// first.
func (e *Editor) Next(ctx context.Context, prompt string) (string, error) {
	e.keys.in = e.in.Under(ctx)
	message, err := e.read(e.edit, prompt)
	if err != nil {
		e.begin()
		return "", err
	}
	e.keys.again = false
	e.history.remember(message)
	return message, nil
}

// Answer gives the answer to a question, or io.EOF, the cause of ctx, or ErrInterrupted on
// Ctrl-C. It takes nothing that was typed before the question was to be seen, in whatever
// buffer it waits: a yes must mean this question.
func (e *Editor) Answer(ctx context.Context, question string) (string, error) {
	dropTyped(e.c.FD)
	e.in.Drop()
	keys := &keys{in: e.in.Under(ctx), again: true, always: true}
	edit := term.NewTerminal(screen{keys, e.c.Screen}, "")
	edit.History = &history{}
	answer, err := e.read(edit, question)
	if err != nil && keys.left {
		e.keys.again = true
		err = ErrInterrupted
	}
	return answer, err
}

func (e *Editor) read(edit *term.Terminal, prompt string) (string, error) {
	raw, err := term.MakeRaw(e.c.FD)
	if err != nil {
		return "", err
	}
	defer func() { _ = term.Restore(e.c.FD, raw) }() // nothing better can be done with a terminal that went away
	if w, h, err := term.GetSize(e.c.FD); err == nil && w > 0 {
		_ = edit.SetSize(w, h) // an odd size only makes long lines wrap oddly
	}
	edit.SetPrompt(prompt)
	if !e.c.Dumb {
		edit.SetBracketedPasteMode(true)
		defer edit.SetBracketedPasteMode(false)
	}
	var pasted []string
	for {
		line, err := edit.ReadLine()
		line = strings.ReplaceAll(line, lineBreak, "\n")
		if errors.Is(err, term.ErrPasteIndicator) {
			pasted = append(pasted, line)
			edit.SetPrompt("… ")
			continue
		}
		if err != nil {
			return "", err
		}
		return strings.Join(append(pasted, line), "\n"), nil
	}
}

// Stopped says that Ctrl-C has just stopped what ran: the next one leaves.
func (e *Editor) Stopped() { e.keys.again = true }

// lineBreak stands for a line break in a message that the arrow keys brought back: the
// editor knows lines only.
const lineBreak = "↵"

// history is what the arrow keys bring back: whole messages, and no answers.
type history struct{ all []string } // newest last

// Add is the editor's, which would keep the lines of a paste one by one.
func (h *history) Add(string) {}

func (h *history) Len() int { return len(h.all) }

func (h *history) At(i int) string { return h.all[len(h.all)-1-i] }

func (h *history) remember(message string) {
	message = strings.ReplaceAll(message, "\n", lineBreak)
	if message != "" && (len(h.all) == 0 || h.all[len(h.all)-1] != message) {
		h.all = append(h.all, message)
	}
}

// keys makes the first Ctrl-C of a line clear it and the next one leave.
type keys struct {
	in     io.Reader
	again  bool   // the last key was a Ctrl-C
	always bool   // the first Ctrl-C leaves
	left   bool   // it did
	rest   []byte // read, changed, and not handed on yet
}

const (
	keyInterrupt = 3  // Ctrl-C
	keyLast      = 5  // Ctrl-E, which goes to the end of the line
	keyClear     = 21 // Ctrl-U, which clears the line before the cursor
)

func (k *keys) Read(b []byte) (int, error) {
	if len(k.rest) == 0 {
		n, err := k.in.Read(b)
		if err != nil {
			return n, err
		}
		k.rest = k.changed(b[:n])
	}
	n := copy(b, k.rest)
	k.rest = k.rest[n:]
	return n, nil
}

// changed gives typed keys as the editor is to see them.
func (k *keys) changed(typed []byte) (out []byte) {
	for _, key := range typed {
		switch {
		case key != keyInterrupt:
			k.again = false
			out = append(out, key)
		case k.again || k.always:
			k.left = true
			out = append(out, keyInterrupt) // the editor takes it as the end
		default:
			k.again = true
			out = append(out, keyLast, keyClear)
		}
	}
	return out
}

// screen is a terminal that is read at one place and written to at another.
type screen struct {
	io.Reader
	io.Writer
}
