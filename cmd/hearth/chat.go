package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"hearth"
	"hearth/agent"
	"hearth/model"
	"hearth/model/probe"
	"hearth/prompt"
)

// chat is the front door at which a person types, or a pipe in their place.
type chat struct{ *talk }

// begin talks with a person at a terminal until they leave.
func (k chat) begin(ctx context.Context) error {
	fmt.Fprintln(k.io.err, "Type a message, /help for commands, Ctrl-C twice to leave.")
	return k.converse(ctx, k.io.editor())
}

// converse answers what was left unanswered, and then what a person writes, one message
// after the other.
func (k chat) converse(ctx context.Context, in lines) error {
	k.resume(ctx, consent(k.io, in))
	for ctx.Err() == nil {
		away := k.away(ctx)
		text, err := in.Next(ctx, "› ")
		away.back(k.talk)
		if errors.Is(err, io.EOF) {
			fmt.Fprintln(k.io.err) // the shell's prompt begins a line of its own
			return nil
		}
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		leave, err := k.said(ctx, text, in)
		k.ended(err)
		if hearth.ReasonOf(err) == hearth.ReasonCancelled {
			in.Stopped()
		}
		if leave {
			return nil
		}
	}
	return errSilent{hearth.ExitInterrupted}
}

// ended tells how a turn of the chat went wrong, if it did.
func (k chat) ended(err error) {
	switch {
	case hearth.ReasonOf(err) == hearth.ReasonCancelled:
		fmt.Fprintln(k.io.err, "stopped")
	case err != nil:
		tell(k.io.err, err)
	}
}

// resume answers, before anything new is said, the message that an earlier process left
// without an answer. Without somebody to ask, a question stays one.
func (k chat) resume(ctx context.Context, ask asker) {
	left, ok, err := k.agent.Unanswered(ctx, k.t)
	if err != nil {
		tell(k.io.err, err)
	}
	if !ok || left.Asked && ask == nil {
		return
	}
	fmt.Fprintf(k.io.err, "Your message %s has no answer yet; here it comes. Ctrl-C stops that.\n", left)
	turn, stop := k.io.interrupts.scope(ctx)
	defer stop()
	_, err = k.answer(turn, false, ask)
	k.ended(err)
}

// said handles one thing a person typed: a chat command or a message.
func (k chat) said(ctx context.Context, text string, in lines) (leave bool, err error) {
	if err := k.reload(ctx); err != nil {
		return false, err
	}
	if name, args, ok := agent.ParseCommand(text); ok {
		return slash(k).run(ctx, name, args)
	}
	turn, stop := k.io.interrupts.scope(ctx)
	defer stop()
	_, err = k.say(turn, prompt.Incoming{Text: text}, false, consent(k.io, in))
	return false, err
}

// say makes a person's words durable and answers them.
func (k *talk) say(ctx context.Context, in prompt.Incoming, quiet bool, ask asker) (agent.Outcome, error) {
	if err := k.accept(ctx, in); err != nil {
		k.logTurn(agent.Outcome{}, err)
		return agent.Outcome{}, err
	}
	return k.answer(ctx, quiet, ask)
}

// answer answers what was accepted, and shows it.
func (k *talk) answer(ctx context.Context, quiet bool, ask asker) (agent.Outcome, error) {
	p := newPresenter(k.io, quiet, k.journal.happened)
	out, err := k.goOn(ctx, p, ask)
	p.Close()
	k.logTurn(out, err)
	return out, err
}

// pipe answers every line of standard input with a turn of its own, after what an earlier
// process left unanswered. What goes wrong with one is told, and the lines after it are
// still answered; the first failure decides the exit code.
func (k chat) pipe(ctx context.Context, r *bufio.Reader) error {
	in := pipedLines{r}
	var wrong error
	k.resume(ctx, nil)
	for {
		text, err := in.Next(ctx, "")
		if errors.Is(err, io.EOF) {
			return wrong
		}
		if ctx.Err() != nil {
			return errSilent{hearth.ExitInterrupted}
		}
		if err != nil {
			return fmt.Errorf("read standard input: %w", err)
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		leave, err := k.piped(ctx, text)
		if err != nil && ctx.Err() != nil {
			return err // stopped by the person: what was not sent yet is not sent any more
		}
		if err != nil {
			tell(k.io.err, err)
			if wrong == nil {
				wrong = errSilent{exitCode(err)}
			}
		}
		if leave {
			return wrong
		}
	}
}

// piped handles one line: a chat command or a message.
func (k chat) piped(ctx context.Context, text string) (leave bool, err error) {
	if err := k.reload(ctx); err != nil {
		return false, err
	}
	if name, args, ok := agent.ParseCommand(text); ok {
		return slash(k).run(ctx, name, args)
	}
	out, err := k.say(ctx, prompt.Incoming{Text: text}, false, nil)
	return false, partial(out, err)
}

// banner says what a person is about to talk to.
func (k chat) banner(ctx context.Context) error {
	chain, err := k.targets.chain(ctx, k.choice)
	if err != nil {
		return err
	}
	if err := interrupted(ctx, "up"); err != nil {
		return err
	}
	first := chain[0]
	caps := first.Layers.Merge()
	fmt.Fprintf(k.io.err, "server     %s\n", k.serverLine(first, caps))
	if p, _ := k.roster.provider(first.Ref.Provider); p.LocalService != nil && !caps.Resident && !k.services.runs(ctx, first.Ref.Provider) {
		fmt.Fprintln(k.io.err, "           it is started with the first message, unless it runs already")
	} else if p.LocalService == nil && k.servers.quiet(first) {
		fmt.Fprintln(k.io.err, "           it "+quietNow)
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

func (k chat) serverLine(t model.Target, c model.Capabilities) string {
	if t.Ref == demoRef && len(k.roster.seen) > 0 {
		e := lacking("", k.roster.seen)
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
	line := fmt.Sprintf("%s at %s (%s)", kind, t.Endpoint.Written(), t.Endpoint.Locality)
	if t.Locality() == hearth.LocalityHosted && t.Endpoint.Locality.Own() {
		line += "; it passes what you write on to somebody else's computer"
	}
	return line
}
