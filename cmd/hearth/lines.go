package main

import (
	"bufio"
	"context"
	"strings"

	"hearth/internal/terminal"
)

// lines reads what a person types.
type lines interface {
	// Next gives the next message. It ends with io.EOF, and with the cause of ctx.
	Next(ctx context.Context, prompt string) (string, error)
	// Answer gives the answer to a question. It ends with io.EOF, with the cause of ctx,
	// and with terminal.ErrInterrupted on Ctrl-C.
	Answer(ctx context.Context, question string) (string, error)
	// Stopped says that Ctrl-C has just stopped a turn: another one leaves.
	Stopped()
}

// pipedLines reads one message a line from a pipe or a file, which ends with the context
// that it was opened with.
type pipedLines struct{ r *bufio.Reader }

func (p pipedLines) Next(context.Context, string) (string, error) {
	s, err := p.r.ReadString('\n')
	if s != "" {
		return strings.TrimRight(s, "\r\n"), nil
	}
	return "", err
}

// editor edits lines at the person's terminal.
func (s streams) editor() *terminal.Editor {
	return terminal.New(terminal.Config{In: s.in, Screen: s.screen, FD: s.terminal, Dumb: s.dumb})
}
