package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"hearth/prompt"
)

func newUp(s streams, opt *options) *cobra.Command {
	var c choice
	var message, server string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Find a model server, write a first config, and talk",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return up(cmd.Context(), s, opt, c, message, server) },
	}
	f := cmd.Flags()
	f.StringVarP(&message, "message", "m", "", "answer this `TEXT` once and end")
	f.StringVar(&server, "server", "", "`URL` of a model server, also on another machine")
	f.StringVar(&c.workspace, "workspace", "", "`FOLDER` the agent works in; the configured one otherwise")
	f.StringVar(&c.model, "model", "", "`MODEL`, as provider/model or an alias; the configured one otherwise")
	return cmd
}

// up never asks and never hangs: a terminal gets a chat, --message one answer, data on
// standard input a turn a line, and nothing of these a list of what was found.
func up(ctx context.Context, s streams, opt *options, c choice, message, server string) error {
	a, err := newApp(ctx, s, opt)
	if err != nil {
		return err
	}
	defer a.close()
	c.lenient, c.canAsk = true, s.person()
	found, err := finder{a}.settle(ctx, server)
	if err != nil {
		return err
	}
	var in *bufio.Reader
	piped := false
	if message == "" {
		in, piped = s.piped(ctx)
	}
	if err := interrupted(ctx, "up"); err != nil {
		return err
	}
	if !s.person() && message == "" && !piped {
		finder{a}.printFound(ctx, found)
		return nil
	}
	c.leaves = message == "" && !piped
	k, err := a.open(ctx, c)
	switch {
	case errors.Is(err, errLeft):
		fmt.Fprintln(s.err) // the shell's prompt begins a line of its own
		return nil
	case err != nil && message != "":
		return notKept(err)
	case err != nil:
		return err
	}
	defer k.close()
	door := chat{k}
	if message != "" { // the banner asks the server, which may take its time
		if err := k.accept(ctx, prompt.Incoming{Text: message}); err != nil {
			return err
		}
	}
	if err := door.banner(ctx); err != nil && message == "" { // else the turn tells it, and that it ended
		return err
	}
	switch {
	case message != "":
		var ask asker
		if c.canAsk {
			ask = consent(s, s.editor())
		}
		out, err := k.answer(ctx, false, ask)
		return partial(out, err)
	case piped:
		return door.pipe(ctx, in)
	default:
		return door.begin(ctx)
	}
}
