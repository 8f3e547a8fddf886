package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"hearth"
	"hearth/agent"
)

// slash runs what a person types with a slash before it.
type slash struct{ *talk }

// run runs a chat command. The table is the agent's: every front door has the same.
func (k slash) run(ctx context.Context, name, args string) (leave bool, err error) {
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

// useModel shows or changes the model of this conversation.
func (k slash) useModel(ctx context.Context, word string) error {
	if word == "" {
		chain, err := k.targets.chain(ctx, k.choice)
		if err != nil {
			return err
		}
		for i, t := range chain {
			fmt.Fprintf(k.io.out, "%s %s\n", map[bool]string{true: "*", false: " "}[i == 0], written(t.Ref, t.Profile))
		}
		return nil
	}
	ref, profile, err := k.roster.named(k.choice.agent, word)
	if err != nil {
		return err
	}
	next := k.choice
	next.model = written(ref, profile)
	if err := k.roster.choosable("/model", next); err != nil {
		return err
	}
	if _, err := k.targets.chain(ctx, next); err != nil {
		return err
	}
	k.choice = next
	fmt.Fprintf(k.io.out, "model: %s\n", next.model)
	return k.assemble(ctx)
}

// renew begins a new conversation under the same name; the old one is kept.
func (k slash) renew(ctx context.Context) error {
	store, err := k.archive.sessions(ctx)
	if err != nil {
		return err
	}
	t, release, err := store.Own(ctx, k.t.Info().Key, newSession)
	if err != nil {
		return err
	}
	k.release()
	k.t, k.release, k.began = t, release, k.file
	fmt.Fprintln(k.io.out, "A new conversation. The old one is kept: hearth sessions list")
	return nil
}

// compact shortens the conversation now.
func (k slash) compact(ctx context.Context, instructions string) error {
	turn, stop := k.io.interrupts.scope(ctx)
	defer stop()
	p := newPresenter(k.io, false, k.journal.happened)
	defer p.Close()
	k.read = false
	err := k.agent.Compact(turn, k.t, instructions, p.Emit)
	if err == nil {
		k.began = k.file
	}
	return err
}

// context shows what fills the window.
func (k slash) context(ctx context.Context) error {
	c, err := k.agent.Context(ctx, k.t)
	if err != nil {
		return err
	}
	printContext(k.io.out, c, k.lean(k.choice))
	return nil
}

// think shows or changes how much the model thinks in this conversation. The level
// reaches the chat template, so the request that follows extends no earlier one.
func (k slash) think(ctx context.Context, word string) error {
	next := k.choice
	switch strings.ToLower(word) {
	case "":
		return k.thinking(ctx)
	case "default":
		next.thinking = ""
	default:
		next.thinking = word
	}
	if _, err := k.targets.chain(ctx, next); err != nil {
		return err
	}
	k.choice = next
	if err := k.assemble(ctx); err != nil {
		return err
	}
	anew, err := k.agent.Refresh(ctx, k.t)
	if err != nil {
		return err
	}
	k.read = k.read && !anew
	if err := k.thinking(ctx); err != nil {
		return err
	}
	if anew {
		fmt.Fprintln(k.io.err, "note: the server reads this conversation anew once, because the level stands before it")
	}
	return nil
}

// thinking prints the level that is asked for, and those that the model has.
func (k slash) thinking(ctx context.Context) error {
	chain, err := k.targets.chain(ctx, k.choice)
	if err != nil {
		return err
	}
	now, err := k.agent.Context(ctx, k.t) // a level outlasts the process that asked for it
	if err != nil {
		return err
	}
	caps, level := chain[0].Layers.Merge(), now.Thinking
	if level == "" {
		level = "the model's own default"
	}
	fmt.Fprintf(k.io.out, "thinking: %s (%s has %s)\n", level, chain[0].Ref, strings.Join(caps.Levels(), ", "))
	return nil
}
