package terminal

import (
	"context"
	"errors"
	"io"

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
	typed   []byte // behind the last message, for the next one
	history *history
	again   bool // the last key was a Ctrl-C
}

// New makes an editor with an empty history.
func New(c Config) *Editor { return &Editor{c: c, in: NewInput(c.In), history: &history{}} }

// Next gives the next message, or io.EOF, or the cause of ctx. It leaves on the second of
// two Ctrl-C, the first of which empties the line. One that stopped a turn counts as the
// first.
func (e *Editor) Next(ctx context.Context, prompt string) (string, error) {
	s := &sitting{e: e, in: e.in.Under(ctx), prompt: prompt, typed: e.typed, past: e.history, again: e.again}
	message, err := s.read()
	e.typed, e.again = s.typed, s.again
	if err != nil {
		e.typed = nil
		return "", err
	}
	e.again = false
	e.history.remember(message)
	return message, nil
}

// Answer gives the answer to a question, or io.EOF, the cause of ctx, or ErrInterrupted on
// Ctrl-C. It takes nothing that was typed before the question was to be seen, in whatever
// buffer it waits: a yes must mean this question.
func (e *Editor) Answer(ctx context.Context, question string) (string, error) {
	dropTyped(e.c.FD)
	e.in.Drop()
	s := &sitting{e: e, in: e.in.Under(ctx), prompt: question, past: &history{}, again: true, always: true}
	answer, err := s.read()
	if err != nil && s.left {
		e.again = true
		err = ErrInterrupted
	}
	return answer, err
}

// Stopped says that Ctrl-C has just stopped what ran: the next one leaves.
func (e *Editor) Stopped() { e.again = true }

// history is what the arrow keys bring back: whole messages, and no answers.
type history struct{ all []string } // newest last

func (h *history) remember(message string) {
	if message != "" && (len(h.all) == 0 || h.all[len(h.all)-1] != message) {
		h.all = append(h.all, message)
	}
}

// A sitting is the editing of one message.
type sitting struct {
	e      *Editor
	in     io.Reader
	prompt string
	typed  []byte // read and not understood yet
	past   *history
	back   int    // how many messages ago the one is that is shown; 0 = the new one
	fresh  string // the new one, while another is shown
	line   line
	screen *drawing

	pasting bool
	again   bool // the last key was a Ctrl-C
	always  bool // the first Ctrl-C leaves
	left    bool // it did
}

// What bracketed paste is switched on and off with.
const (
	pasteOn  = "\x1b[?2004h"
	pasteOff = "\x1b[?2004l"
)

func (s *sitting) read() (string, error) {
	restore, err := s.raw()
	if err != nil {
		return "", err
	}
	defer func() { restore() }() // another one after a rest
	s.begin()
	room := make([]byte, minRead)
	for {
		for len(s.typed) > 0 {
			k, n := nextKey(s.typed, s.pasting)
			if n == 0 {
				break
			}
			s.typed = s.typed[n:]
			if k.name == keySuspend && !s.pasting {
				s.leave()
				restore()
				suspend()
				if restore, err = s.raw(); err != nil {
					return "", err
				}
				s.begin()
				continue
			}
			if done, err := s.press(k); done {
				return s.line.text(), err
			}
		}
		s.draw()
		n, err := s.in.Read(room)
		if n == 0 && err != nil {
			return "", err
		}
		s.typed = append(s.typed, room[:n]...)
	}
}

// raw puts the terminal into raw mode and gives what ends that.
func (s *sitting) raw() (restore func(), err error) {
	was, err := term.MakeRaw(s.e.c.FD)
	if err != nil {
		return func() {}, err
	}
	s.write(pasteOn)
	return func() {
		s.write(pasteOff)
		_ = term.Restore(s.e.c.FD, was) // nothing better can be done with a terminal that went away
	}, nil
}

// write sends control sequences to a terminal that knows them.
func (s *sitting) write(sequence string) {
	if !s.e.c.Dumb {
		_, _ = io.WriteString(s.e.c.Screen, sequence) // a terminal that went away is seen when it is read
	}
}

// usualColumns is the width of a terminal that does not tell.
const usualColumns = 80

func (s *sitting) columns() int {
	if w, _, err := term.GetSize(s.e.c.FD); err == nil && w > 1 {
		return w
	}
	return usualColumns
}

// begin draws anew, in the row where the cursor is.
func (s *sitting) begin() {
	s.screen = &drawing{columns: s.columns(), dumb: s.e.c.Dumb}
	s.draw()
}

// draw shows the message as it is now. After another width was given to the terminal it
// begins in a new row: how the rows before were broken nobody knows.
func (s *sitting) draw() {
	if s.screen.columns != s.columns() {
		s.newRow()
		s.begin()
		return
	}
	cells := append(cellsOf(s.prompt), cellsOf(s.line.before)...)
	at := len(cells)
	_, _ = io.WriteString(s.e.c.Screen, s.screen.to(append(cells, cellsOf(s.line.after)...), at)) // as in write
}

func (s *sitting) newRow() { _, _ = io.WriteString(s.e.c.Screen, "\r\n") } // as in write

// leave goes on behind the message.
func (s *sitting) leave() {
	was := s.line
	s.line.edit(key{name: keyLast})
	s.draw()
	s.line = was
	s.newRow()
}

// press does what a key says, and reports whether it was the last one.
func (s *sitting) press(k key) (done bool, err error) {
	interrupted := s.again || s.always
	s.again = false
	switch k.name {
	case keyEnter:
		if s.pasting {
			s.line.insert("\n")
			return false, nil
		}
		s.leave()
		return true, nil
	case keyInterrupt:
		s.again, s.left, s.pasting = true, interrupted, false
		s.line.set("")
		return interrupted, io.EOF
	case keyEnd:
		if s.line.text() == "" {
			return true, io.EOF
		}
	case keyPaste, keyPasted:
		s.pasting = k.name == keyPaste
	case keyUp:
		s.recall(s.back + 1)
	case keyDown:
		s.recall(s.back - 1)
	case keyRedraw:
		s.write("\x1b[2J\x1b[H")
		s.begin()
	default:
		if s.e.c.Dumb && moves(k.name) {
			return false, nil
		}
	}
	s.line.edit(k)
	return false, nil
}

// moves reports whether a key moves the cursor, which a dumb terminal could not show.
func moves(k keyName) bool {
	switch k {
	case keyLeft, keyRight, keyWordLeft, keyWordRight, keyHome, keyLast:
		return true
	default:
		return false
	}
}

// recall shows the message of so many messages ago.
func (s *sitting) recall(ago int) {
	if ago < 0 || ago > len(s.past.all) {
		return
	}
	if s.back == 0 {
		s.fresh = s.line.text()
	}
	s.back = ago
	if ago == 0 {
		s.line.set(s.fresh)
		return
	}
	s.line.set(s.past.all[len(s.past.all)-ago])
}
