package main

import (
	"context"
	"fmt"
	"strings"
)

// think shows or changes how much the model thinks in this conversation. The level
// reaches the chat template, so the request that follows extends no earlier one.
func (k *talk) think(ctx context.Context, word string) error {
	next := k.choice
	switch strings.ToLower(word) {
	case "":
		return k.thinking(ctx)
	case "default":
		next.thinking = ""
	default:
		next.thinking = word
	}
	if _, err := k.chain(ctx, next); err != nil {
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
func (k *talk) thinking(ctx context.Context) error {
	chain, err := k.chain(ctx, k.choice)
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
