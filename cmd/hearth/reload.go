package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"hearth/config"
	"hearth/internal/json5"
)

// reload takes up an edited config before a turn. What reaches the model's prompt waits
// until the conversation's epoch ends, and that is said.
func (k *talk) reload(ctx context.Context) error {
	before := k.file
	next, warnings, changed, err := before.Reload(ctx)
	if err != nil || !changed {
		k.warn(warnings)
		return err
	}
	k.file, k.read = next, false
	k.warn(warnings)
	k.forget()
	k.services.endChanged(before)
	k.sayChanged(before, next)
	return k.assemble(ctx)
}

// sayChanged tells which edits apply now, and which of those since the conversation began
// wait for its end. Those that a turn itself holds against the conversation's plan are
// told there, where it is known whether anything is different for it.
func (k *talk) sayChanged(before, after *config.File) {
	now, _ := config.Changed(before, after)
	if len(now) > 0 {
		fmt.Fprintf(k.io.err, "config: applies now: %s\n", strings.Join(now, ", "))
	}
	_, later := config.Changed(k.began, after)
	later = slices.DeleteFunc(later, toldByTurns)
	if text := strings.Join(later, ", "); text != "" && k.once("later "+text) {
		fmt.Fprintf(k.io.err, "config: applies when this conversation begins anew (/new): %s\n", text)
	}
}

// toldByTurns reports whether prompt.Plan.Waiting sees an edit of a config path.
func toldByTurns(path string) bool {
	steps, err := config.ParsePath(path)
	return err == nil && slices.ContainsFunc(steps, func(s json5.Step) bool {
		key, _ := s.Key()
		return slices.Contains([]string{"tools", "maxTokens", "contextWindow", "contextTokens", "thinkingDefault", "params"}, key)
	})
}
