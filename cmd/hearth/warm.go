package main

import (
	"context"

	"hearth"
)

// warming is a warm-up under way. It owns one goroutine, which ends with end.
type warming struct {
	cancel context.CancelFunc
	done   chan hearth.Report // gives the report, or nothing where there is none
}

// warm has the server read the conversation's prompt while the person still types. It
// gives nil where that would not help, or where the owner does not want it.
func (k *talk) warm(ctx context.Context) *warming {
	if k.read { // the server has read it in this process, and nothing changed since
		return nil
	}
	k.read = true
	if w := k.file.Config.Agents.Defaults.Warmup; w != nil && !*w {
		return nil
	}
	read, ok, err := k.agent.Warm(ctx, k.t)
	if err != nil || !ok { // the next turn says what is wrong, if anything is
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &warming{cancel: cancel, done: make(chan hearth.Report, 1)}
	go func() {
		defer close(w.done)
		if report, err := read(ctx); err == nil {
			w.done <- report
		}
	}()
	return w
}

// end stops a warm-up, because somebody wants the model now, and keeps its report.
func (w *warming) end(ctx context.Context, k *talk) {
	if w == nil {
		return
	}
	w.cancel()
	for report := range w.done {
		_ = k.agent.Warmed(ctx, k.t, report) // a report that is not kept changes nothing
	}
}
