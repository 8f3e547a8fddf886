package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"hearth"
	"hearth/model"
	"hearth/model/probe"
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
	found, err := a.settle(ctx, server)
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
		a.printFound(found)
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
	if message != "" { // the banner asks the server, which may take its time
		if err := k.accept(ctx, prompt.Incoming{Text: message}); err != nil {
			return err
		}
	}
	if err := k.banner(ctx); err != nil && message == "" { // else the turn tells it, and that it ended
		return err
	}
	switch {
	case message != "":
		var ask asker
		if c.canAsk {
			ask = consent(s, newTerminalLines(s))
		}
		out, err := k.answer(ctx, false, ask)
		return partial(out, err)
	case piped:
		return k.pipe(ctx, in)
	default:
		return k.chat(ctx)
	}
}

// banner says what a person is about to talk to.
func (k *talk) banner(ctx context.Context) error {
	chain, err := k.chain(ctx, k.choice)
	if err != nil {
		return err
	}
	if err := interrupted(ctx, "up"); err != nil {
		return err
	}
	first := chain[0]
	caps := first.Layers.Merge()
	fmt.Fprintf(k.io.err, "server     %s\n", k.serverLine(first, caps))
	if p, _ := k.provider(first.Ref.Provider); p.LocalService != nil && !caps.Resident && !k.runs(ctx, first.Ref.Provider) {
		fmt.Fprintln(k.io.err, "           it is started with the first message, unless it runs already")
	} else if p.LocalService == nil && k.quiet(first) {
		fmt.Fprintln(k.io.err, "           it does not answer now: start it, or look whether this is its address")
	}
	fmt.Fprintf(k.io.err, "model      %s\n", written(first.Ref, first.Profile))
	fmt.Fprintf(k.io.err, "window     %d tokens%s\n", caps.Window, map[bool]string{false: " (a guess: nobody said)"}[caps.WindowKnown])
	tools := "no"
	if caps.Tools == model.ToolsNative && len(k.kit.tools) > 0 {
		tools = "yes (" + strings.Join(k.kit.names(), ", ") + ")"
	}
	fmt.Fprintf(k.io.err, "tools      %s\n", tools)
	fmt.Fprintf(k.io.err, "workspace  %s\n", k.kit.workspace)
	fmt.Fprintf(k.io.err, "config     %s\n", k.configLine())
	return nil
}

// quiet reports whether a server of one's own did not answer when it was asked what it is.
func (a *app) quiet(t model.Target) bool {
	return t.Ref != demoRef && t.Endpoint.Locality != hearth.LocalityHosted && a.describer().Listed(t.Endpoint.Origin) == nil
}

func (a *app) serverLine(t model.Target, c model.Capabilities) string {
	if t.Ref == demoRef && len(a.seen) > 0 {
		e := lacking("", a.seen)
		return fmt.Sprintf("%s; the demo model answers until then\n           %s", e.Err, e.Try)
	}
	if t.Ref == demoRef {
		return "none was found here; the demo model answers until there is one"
	}
	kind := c.Server
	if kind == "" {
		kind = t.Protocol
	} else if known := probe.Kind(kind); known.ProviderID() != probe.KindUnknown.ProviderID() {
		kind = known.Name()
	}
	line := fmt.Sprintf("%s at %s (%s)", kind, t.Endpoint.Origin, t.Endpoint.Locality)
	if t.Locality() == hearth.LocalityHosted && t.Endpoint.Locality.Own() {
		line += "; it passes what you write on to somebody else's computer"
	}
	return line
}

func (a *app) configLine() string {
	if !a.file.Exists {
		return "none yet; defaults are in use"
	}
	return a.file.Path()
}

// useModel shows or changes the model of this conversation.
func (k *talk) useModel(ctx context.Context, word string) error {
	if word == "" {
		chain, err := k.chain(ctx, k.choice)
		if err != nil {
			return err
		}
		for i, t := range chain {
			fmt.Fprintf(k.io.out, "%s %s\n", map[bool]string{true: "*", false: " "}[i == 0], written(t.Ref, t.Profile))
		}
		return nil
	}
	ref, profile, err := k.named(k.choice.agent, word)
	if err != nil {
		return err
	}
	next := k.choice
	next.model = written(ref, profile)
	if err := k.choosable("/model", next); err != nil {
		return err
	}
	if _, err := k.chain(ctx, next); err != nil {
		return err
	}
	k.choice = next
	fmt.Fprintf(k.io.out, "model: %s\n", next.model)
	return k.assemble(ctx)
}

// renew begins a new conversation under the same name; the old one is kept.
func (k *talk) renew(ctx context.Context) error {
	store, err := k.sessions(ctx)
	if err != nil {
		return err
	}
	key := k.t.Info().Key
	k.release()
	t, release, err := store.Own(ctx, key, newSession)
	if err != nil {
		return err
	}
	k.t, k.release, k.began = t, release, k.file
	fmt.Fprintln(k.io.out, "A new conversation. The old one is kept: hearth sessions list")
	return nil
}

// compact shortens the conversation now.
func (k *talk) compact(ctx context.Context, instructions string) error {
	turn, stop := k.io.interrupts.scope(ctx)
	defer stop()
	p := newPresenter(k.io, false, k.happened)
	defer p.Close()
	k.read = false
	err := k.agent.Compact(turn, k.t, instructions, p.Emit)
	if err == nil {
		k.began = k.file
	}
	return err
}

// context shows what fills the window.
func (k *talk) context(ctx context.Context) error {
	c, err := k.agent.Context(ctx, k.t)
	if err != nil {
		return err
	}
	printContext(k.io.out, c, k.lean(k.choice))
	return nil
}
