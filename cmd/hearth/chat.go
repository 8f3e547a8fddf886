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
	"hearth/prompt"
)

// chat talks with a person at a terminal until they leave.
func (k *talk) chat(ctx context.Context) error {
	fmt.Fprintln(k.io.err, "Type a message, /help for commands, Ctrl-C twice to leave.")
	return k.converse(ctx, newTerminalLines(k.io))
}

// converse answers what was left unanswered, and then what a person writes, one message
// after the other.
func (k *talk) converse(ctx context.Context, in lines) error {
	k.resume(ctx, consent(k.io, in))
	for ctx.Err() == nil {
		away := k.away(ctx)
		text, err := in.next(ctx, "› ")
		away.back(k)
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
			in.stopped()
		}
		if leave {
			return nil
		}
	}
	return errSilent{hearth.ExitInterrupted}
}

// ended tells how a turn of the chat went wrong, if it did.
func (k *talk) ended(err error) {
	switch {
	case hearth.ReasonOf(err) == hearth.ReasonCancelled:
		fmt.Fprintln(k.io.err, "stopped")
	case err != nil:
		tell(k.io.err, err)
	}
}

// resume answers, before anything new is said, the message that an earlier process left
// without an answer. Without somebody to ask, a question stays one.
func (k *talk) resume(ctx context.Context, ask asker) {
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
func (k *talk) said(ctx context.Context, text string, in lines) (leave bool, err error) {
	if err := k.reload(ctx); err != nil {
		return false, err
	}
	if name, args, ok := agent.ParseCommand(text); ok {
		return k.command(ctx, name, args)
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
	p := newPresenter(k.io, quiet, k.happened)
	out, err := k.goOn(ctx, p, ask)
	p.Close()
	k.logTurn(out, err)
	return out, err
}

// pipe answers every line of standard input with a turn of its own, after what an earlier
// process left unanswered. What goes wrong with one is told, and the lines after it are
// still answered; the first failure decides the exit code.
func (k *talk) pipe(ctx context.Context, r *bufio.Reader) error {
	in := pipedLines{r}
	var wrong error
	k.resume(ctx, nil)
	for {
		text, err := in.next(ctx, "")
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
func (k *talk) piped(ctx context.Context, text string) (leave bool, err error) {
	if err := k.reload(ctx); err != nil {
		return false, err
	}
	if name, args, ok := agent.ParseCommand(text); ok {
		return k.command(ctx, name, args)
	}
	out, err := k.say(ctx, prompt.Incoming{Text: text}, false, nil)
	return false, partial(out, err)
}

// partial gives an error its exit code: part of an answer was shown before it.
func partial(out agent.Outcome, err error) error {
	if errors.Is(err, errTimeout) && hearth.ReasonOf(err) != hearth.ReasonTimeout { // else it is said already what took the time
		err = &hearth.Error{Op: "turn", Reason: hearth.ReasonTimeout, Err: errTimeout,
			Cause: "The turn took longer than --timeout allows.", Try: "Give it more time, or leave --timeout out: a living local server is waited for."}
	}
	if out.Partial && hearth.ReasonOf(err) != hearth.ReasonCancelled {
		if e, ok := errors.AsType[*hearth.Error](err); ok && e.Reason.ExitCode() != hearth.ExitPartial {
			kept := *e
			kept.Reason = hearth.ReasonCut
			return &kept
		}
	}
	return err
}

// command runs a chat command. The table is the agent's: every front door has the same.
func (k *talk) command(ctx context.Context, name, args string) (leave bool, err error) {
	switch name {
	case "exit":
		return true, nil
	case "help":
		for _, c := range agent.Commands() {
			fmt.Fprintf(k.io.out, "%-28s %s\n", c.Usage, c.Help)
		}
	case "new":
		return false, k.renew(ctx)
	case "model":
		return false, k.useModel(ctx, args)
	case "think":
		return false, k.think(ctx, args)
	case "why":
		return false, k.why(ctx)
	case "compact":
		return false, k.compact(ctx, args)
	case "context":
		return false, k.context(ctx)
	case "stop":
		fmt.Fprintln(k.io.out, "Nothing is running. Ctrl-C stops a turn.")
	default:
		return false, &hearth.Error{Op: "/" + name, Reason: hearth.ReasonUsage, Err: errors.New("there is no such command"),
			Cause: "A message that begins with / is a command.", Try: "Type /help for the commands."}
	}
	return false, nil
}
