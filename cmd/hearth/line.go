package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"

	"golang.org/x/term"
)

// lines reads what a person types.
type lines interface {
	// next gives the next message. It ends with io.EOF, and with the cause of ctx.
	next(ctx context.Context, prompt string) (string, error)
	// answer gives the answer to a question. It ends with io.EOF, with the cause of ctx,
	// and with errInterrupted on Ctrl-C.
	answer(ctx context.Context, question string) (string, error)
	// stopped says that Ctrl-C has just stopped a turn: another one leaves.
	stopped()
}

// pipedLines reads one message a line from a pipe or a file, which ends with the context
// that it was opened with.
type pipedLines struct{ r *bufio.Reader }

func (p pipedLines) next(context.Context, string) (string, error) {
	s, err := p.r.ReadString('\n')
	if s != "" {
		return strings.TrimRight(s, "\r\n"), nil
	}
	return "", err
}

// terminalLines edits lines at a terminal: history, and a paste of many lines is one
// message. The terminal is raw only while a line is being edited, so that Ctrl-C during
// a turn is a signal.
type terminalLines struct {
	s       streams
	in      *input
	edit    *term.Terminal
	keys    *keys
	history *history
}

func newTerminalLines(s streams) *terminalLines {
	t := &terminalLines{s: s, in: &input{in: s.in}, keys: &keys{}, history: &history{}}
	t.begin()
	return t
}

// begin makes a new editor. One that has given io.EOF gives it for ever.
func (t *terminalLines) begin() {
	t.edit = term.NewTerminal(both{t.keys, t.s.screen}, "")
	t.edit.History = t.history
}

// next leaves on the second of two Ctrl-C, the first of which empties the line. One that
// stopped a turn counts as the first.
func (t *terminalLines) next(ctx context.Context, prompt string) (string, error) {
	t.keys.in = t.in.under(ctx)
	message, err := t.read(t.edit, prompt)
	if err != nil {
		t.begin()
		return "", err
	}
	t.keys.again = false
	t.history.remember(message)
	return message, nil
}

// answer takes nothing that was typed before the question was to be seen, in whatever
// buffer it waits: a yes must mean this question.
func (t *terminalLines) answer(ctx context.Context, question string) (string, error) {
	dropTyped(t.s.terminal)
	t.in.drop()
	keys := &keys{in: t.in.under(ctx), again: true, always: true}
	edit := term.NewTerminal(both{keys, t.s.screen}, "")
	edit.History = &history{}
	answer, err := t.read(edit, question)
	if err != nil && keys.left {
		t.keys.again = true
		err = errInterrupted
	}
	return answer, err
}

func (t *terminalLines) read(edit *term.Terminal, prompt string) (string, error) {
	raw, err := term.MakeRaw(t.s.terminal)
	if err != nil {
		return "", err
	}
	defer func() { _ = term.Restore(t.s.terminal, raw) }() // nothing better can be done with a terminal that went away
	if w, h, err := term.GetSize(t.s.terminal); err == nil && w > 0 {
		_ = edit.SetSize(w, h) // an odd size only makes long lines wrap oddly
	}
	edit.SetPrompt(prompt)
	if !t.s.dumb {
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

func (t *terminalLines) stopped() { t.keys.again = true }

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
