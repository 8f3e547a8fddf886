package main

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"

	"hearth/internal/terminal"

	"charm.land/huh/v2"
	"golang.org/x/term"

	"hearth"
)

// questions asks a person at a terminal: in menus that the arrow keys move through, or,
// where the terminal cannot draw them or the person does not want them drawn, in numbered
// lines. Each question stands for itself; what was answered stays on the screen.
type questions struct {
	s     streams
	plain bool
}

func newQuestions(s streams) questions {
	name := s.getenv("TERM")
	plain := name == "dumb" || name == "" && runtime.GOOS != "windows" || s.getenv("ACCESSIBLE") != ""
	return questions{s: s, plain: plain}
}

// menuHeight is how many lines a menu has at most; longer ones scroll.
const menuHeight = 14

// choose gives the index of the option that was chosen; the first is offered.
func (q questions) choose(ctx context.Context, title string, names []string) (int, error) {
	chosen := 0
	options := make([]huh.Option[int], len(names))
	for i, name := range names {
		options[i] = huh.NewOption(oneLine(name), i)
	}
	field := huh.NewSelect[int]().Title(q.title(title, "Enter takes the first")).Options(options...).Value(&chosen)
	if len(names) > menuHeight {
		field.Height(menuHeight).Description("type / to search")
	}
	err := q.run(ctx, field)
	return chosen, err
}

// text gives a line of text. An empty answer is what was offered. check says what is
// wrong with an answer, and the question is put again.
func (q questions) text(ctx context.Context, title, offered string, check func(string) error) (string, error) {
	answer := offered
	if q.plain && offered != "" {
		title += " [" + offered + "]"
	}
	err := q.run(ctx, huh.NewInput().Title(q.title(title, "")).Value(&answer).Validate(check))
	return answer, err
}

// secret gives a line that is not shown while it is typed; it may be empty.
func (q questions) secret(ctx context.Context, title string) (string, error) {
	answer := ""
	if !q.plain {
		err := q.run(ctx, huh.NewInput().Title(title).EchoMode(huh.EchoModePassword).Value(&answer))
		return answer, err
	}
	err := q.await(ctx, func() (err error) {
		// Raw before the question is put: what is typed at once must not be shown either.
		if _, err = term.MakeRaw(q.s.terminal); err == nil {
			edit := term.NewTerminal(both{q.s.in, q.s.err}, "")
			answer, err = edit.ReadPassword(title + ": ")
		}
		return err
	})
	return answer, err
}

// both is a terminal that is read at one place and written to at another.
type both struct {
	io.Reader
	io.Writer
}

// title adds what the drawn form shows by itself.
func (q questions) title(title, hint string) string {
	switch {
	case !q.plain:
		return title
	case hint != "":
		return title + " (" + hint + ")"
	default:
		return title + ":"
	}
}

// run puts one question. Ctrl-C, the end of input and the end of ctx are ReasonCancelled.
func (q questions) run(ctx context.Context, field huh.Field) error {
	form := huh.NewForm(huh.NewGroup(field)).WithOutput(q.s.err)
	if !q.plain {
		if err := form.WithInput(q.s.in).RunWithContext(ctx); err != nil {
			return cancelled(err)
		}
		return nil
	}
	return q.await(ctx, func() error {
		return form.WithInput(asked{q.s.in}).WithAccessible(true).WithTheme(huh.ThemeFunc(unstyled)).RunWithContext(ctx)
	})
}

// await runs a question that cannot be cancelled until it is answered or ctx ends, and
// leaves the terminal as it was.
func (q questions) await(ctx context.Context, question func() error) error {
	before, err := term.GetState(q.s.terminal)
	if err != nil {
		return cancelled(err) // the terminal went away
	}
	defer func() { _ = term.Restore(q.s.terminal, before) }() // nothing better can be done with one that went away
	done := make(chan error, 1)
	go func() { // ends with the answer, with the end of input, or with the process
		ended := io.EOF
		defer func() { done <- ended }()
		ended = question()
	}()
	select {
	case err = <-done:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		return cancelled(err)
	}
	return nil
}

// asked is standard input for numbered questions. The library behind them takes the end
// of input for an empty answer, which would accept what was offered; here it ends the
// goroutine that asks.
type asked struct{ in io.Reader }

func (a asked) Read(b []byte) (int, error) {
	n, err := a.in.Read(b)
	if n == 0 && err != nil {
		runtime.Goexit()
	}
	return n, err
}

// unstyled is a theme without colours and escape sequences.
func unstyled(bool) *huh.Styles { return &huh.Styles{} }

// cancelled is the end of a command whose questions were not answered.
func cancelled(err error) error {
	if errors.Is(err, huh.ErrUserAborted) || errors.Is(err, io.EOF) || errors.Is(err, os.ErrClosed) {
		err = terminal.ErrInterrupted
	}
	return &hearth.Error{Op: "onboard", Reason: hearth.ReasonCancelled, Err: err,
		Cause: "The questions were not answered to the end. Nothing was written.", Try: "Run hearth onboard again."}
}
