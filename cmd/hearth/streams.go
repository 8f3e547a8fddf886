package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"hearth"
	"hearth/internal/escape"
	"hearth/internal/terminal"
)

// streams are the process's three streams and whether a person sits at them.
type streams struct {
	in       io.Reader
	out, err io.Writer
	inTTY    bool
	errTTY   bool
	dumb     bool       // the terminal knows no control sequences: a shell in an editor, a log
	columns  func() int // of the terminal that standard error is, as it is now; 0 or nil = not known
	getenv   func(string) string
	// interrupts is nil in tests that send none.
	interrupts *interrupts
	// terminal is the descriptor of a terminal that can be put into raw mode, or -1.
	terminal int
	// screen is where lines are edited: standard output with its control characters.
	screen io.Writer
}

// printed is standard output that remembers whether everything could be written: a
// command may be long past the words that a full disk refused. Where nobody reads it any
// more, as behind head, it says so at once, if anybody is to be told.
type printed struct {
	w      io.Writer
	unread func()

	mu  sync.Mutex // guards err
	err error      // the first one
}

func (p *printed) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	if err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.err == nil {
			p.err = err
		}
		if terminal.ReaderLeft(err) {
			p.unread()
		}
	}
	return n, err
}

// lost is the error of a command whose output was not all written, or nil.
func (p *printed) lost() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		return nil
	}
	if terminal.ReaderLeft(p.err) {
		return unread{p.err}
	}
	return &hearth.Error{Op: "print", Reason: hearth.ReasonStorage, Err: p.err,
		Cause: "Where the output goes does not take it; what is printed there is not whole.",
		Try:   "Free some space there, or send the output elsewhere. An answer is kept: hearth sessions show prints it."}
}

// unread is the error of a command whose reader left before it had printed everything. It
// is not told: who leaves knows it.
type unread struct{ error }

func (u unread) Unwrap() error { return u.error }

func standardStreams() streams {
	s := streams{in: os.Stdin, out: terminal.Output(os.Stdout), err: os.Stderr, getenv: os.Getenv, terminal: -1, screen: os.Stdout}
	s.inTTY = term.IsTerminal(int(os.Stdin.Fd()))
	s.errTTY = term.IsTerminal(int(os.Stderr.Fd()))
	if term.IsTerminal(int(os.Stdout.Fd())) {
		s.out = escape.Terminal(s.out) // what is printed there, a model or a file may have written
	}
	s.columns = func() int {
		w, _, err := term.GetSize(int(os.Stderr.Fd()))
		if err != nil {
			return 0
		}
		return w
	}
	s.dumb = s.getenv("TERM") == "dumb"
	if s.inTTY {
		s.terminal = int(os.Stdin.Fd())
	}
	return s
}

// person reports whether somebody is there who can be asked: the question goes to
// standard error and the answer comes from standard input.
func (s streams) person() bool { return s.inTTY && s.errTTY }

// firstInput is how long `hearth up` waits for the first byte of a pipe that somebody
// connected and may have left idle.
const firstInput = 2 * time.Second

// piped gives standard input when it holds data that was put there for us. An empty
// file, /dev/null, and a pipe that stays silent are none: a service manager or a test
// runner may have left them open, and nobody must wait for them for ever.
// Reading from it ends with ctx.
func (s streams) piped(ctx context.Context) (*bufio.Reader, bool) {
	if s.inTTY {
		return nil, false
	}
	if f, ok := s.in.(*os.File); ok {
		info, err := f.Stat()
		if err != nil || info.Mode()&os.ModeCharDevice != 0 {
			return nil, false
		}
	}
	in := terminal.NewInput(s.in)
	r := bufio.NewReader(in.Under(ctx))
	ready := make(chan bool, 1)
	go func() { // ends with the first byte, with the end of input, or with ctx
		_, err := r.Peek(1)
		ready <- err == nil
	}()
	select {
	case data := <-ready:
		return r, data
	case <-time.After(firstInput):
		return nil, false
	}
}
