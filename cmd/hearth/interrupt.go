package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"

	"hearth/internal/terminal"

	"hearth"
)

// interrupts turns signals into cancelled contexts. The innermost scope is cancelled
// first, so that Ctrl-C stops a turn and not the chat; a signal that finds its scope
// cancelled already ends the process, as the person expects of a second one. The others,
// a terminal that went away among them (on Windows Go calls that SIGTERM), end everything.
// A terminal that goes away is often told twice, by the system and by the shell; that is
// nobody's second wish.
type interrupts struct {
	signals chan os.Signal
	done    chan struct{}

	mu     sync.Mutex // guards scopes
	scopes []*scope
}

type scope struct {
	cancel context.CancelCauseFunc
	ctx    context.Context //nolint:containedctx // to see whether an earlier signal cancelled it
}

func newInterrupts() *interrupts {
	i := &interrupts{signals: make(chan os.Signal, 2), done: make(chan struct{})}
	signal.Notify(i.signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(i.signals, syscall.SIGHUP)
	}
	go i.loop()
	return i
}

func (i *interrupts) loop() {
	for {
		select {
		case s := <-i.signals:
			if !i.interrupt(s != os.Interrupt) && s != syscall.SIGHUP {
				os.Exit(hearth.ExitInterrupted)
			}
		case <-i.done:
			return
		}
	}
}

// interrupt cancels the innermost scope, or all of them, and reports whether that changed anything.
func (i *interrupts) interrupt(all bool) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	changed := false
	for _, v := range slices.Backward(i.scopes) {
		if v.ctx.Err() == nil {
			changed = true
			v.cancel(terminal.ErrInterrupted)
		}
		if !all {
			break
		}
	}
	return changed
}

// scope gives a context that the next signal cancels with terminal.ErrInterrupted, until stop.
// The nil interrupts give a context that no signal cancels.
func (i *interrupts) scope(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	if i == nil {
		return ctx, func() { cancel(nil) }
	}
	s := &scope{cancel: cancel, ctx: ctx}
	i.mu.Lock()
	i.scopes = append(i.scopes, s)
	i.mu.Unlock()
	return ctx, func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		for n := range i.scopes {
			if i.scopes[n] == s {
				i.scopes = append(i.scopes[:n], i.scopes[n+1:]...)
				break
			}
		}
		cancel(nil)
	}
}

// interrupted is the end of a command that a signal has stopped, and nil while none has.
func interrupted(ctx context.Context, op string) error {
	if ctx.Err() == nil {
		return nil
	}
	return &hearth.Error{Op: op, Reason: hearth.ReasonCancelled, Err: context.Cause(ctx), Try: "Run the command again."}
}

func (i *interrupts) close() {
	signal.Stop(i.signals)
	close(i.done)
}
