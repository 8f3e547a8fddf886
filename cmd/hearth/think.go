package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"hearth/config"
	"hearth/model"
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

// leftUnsaid tells what becomes of a level that a person asked for where it is not what the
// word promises; "" where the model is told of it, or there is nothing to tell. Whether it
// is told is read from the bytes that would be sent, which no table can contradict.
func leftUnsaid(level string, t model.Target) string {
	encoder, ok := t.Provider.(model.Encoder)
	if level == "" || !ok {
		return ""
	}
	caps := t.Layers.Merge()
	sent := func(level string) []byte {
		s, err := encoder.Encode(&model.Request{
			Model: t.Ref.Model, Messages: bare("hello", nil), Thinking: level, Capabilities: caps, MaxTokens: t.Params.MaxTokens,
			ChatTemplateKwargs: t.Params.ChatTemplateKwargs, Options: t.Params.Options, ExtraBody: t.Params.ExtraBody,
		})
		if err != nil { // the real request will say why
			return nil
		}
		return s.Body
	}
	asked := sent(level)
	switch from := t.Layers.Sources()["reasoning"]; {
	case level == model.ThinkingOff:
		if caps.Reasoning && t.Protocol != config.AnthropicMessages && bytes.Equal(asked, sent("")) {
			return fmt.Sprintf("%s is not told to answer without thinking: how is not known; hearth models probe %s finds out", t.Ref, t.Ref)
		}
	case !bytes.Equal(asked, sent("")):
		for _, other := range caps.Levels() {
			if other != model.ThinkingOff && !bytes.Equal(asked, sent(other)) {
				return ""
			}
		}
		return fmt.Sprintf("%s is asked to think, but not how much: no levels of it are known", t.Ref)
	case from != "" && !caps.Reasoning:
		return fmt.Sprintf("%s is not told to think at level %s: it does not think, says the %s", t.Ref, level, from)
	default:
		return fmt.Sprintf("%s is not told to think at level %s: how is not known; hearth models probe %s finds out", t.Ref, level, t.Ref)
	}
	return ""
}
