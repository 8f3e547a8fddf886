package main

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"golang.org/x/term"
)

// lines reads what a person types, one message at a time.
type lines interface {
	// next gives the next message. It ends with io.EOF.
	next(prompt string) (string, error)
}

// pipedLines reads one message a line from a pipe or a file.
type pipedLines struct{ r *bufio.Reader }

func (p pipedLines) next(string) (string, error) {
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
	fd   int
	edit *term.Terminal
	keys *keys
}

func newTerminalLines(s streams) *terminalLines {
	k := &keys{in: s.in}
	t := term.NewTerminal(both{k, s.screen}, "")
	if w, h, err := term.GetSize(s.terminal); err == nil && w > 0 {
		_ = t.SetSize(w, h) // an odd size only makes long lines wrap oddly
	}
	return &terminalLines{fd: s.terminal, edit: t, keys: k}
}

func (t *terminalLines) next(prompt string) (string, error) {
	raw, err := term.MakeRaw(t.fd)
	if err != nil {
		return "", err
	}
	defer func() { _ = term.Restore(t.fd, raw) }() // nothing better can be done with a terminal that went away
	t.keys.interrupts = 0
	t.edit.SetPrompt(prompt)
	t.edit.SetBracketedPasteMode(true)
	defer t.edit.SetBracketedPasteMode(false)
	var pasted []string
	for {
		line, err := t.edit.ReadLine()
		if errors.Is(err, term.ErrPasteIndicator) {
			pasted = append(pasted, line)
			t.edit.SetPrompt("… ")
			continue
		}
		if err != nil {
			return "", err
		}
		return strings.Join(append(pasted, line), "\n"), nil
	}
}

// keys makes the first Ctrl-C of a line clear it and the second leave.
type keys struct {
	in         io.Reader
	interrupts int
}

const (
	keyInterrupt = 3  // Ctrl-C
	keyEnd       = 4  // Ctrl-D
	keyClear     = 21 // Ctrl-U
)

func (k *keys) Read(b []byte) (int, error) {
	n, err := k.in.Read(b)
	for i := range b[:n] {
		switch {
		case b[i] != keyInterrupt:
			k.interrupts = 0
		case k.interrupts == 0:
			k.interrupts, b[i] = 1, keyClear
		default:
			b[i] = keyInterrupt // the editor takes it as the end
		}
	}
	return n, err
}
