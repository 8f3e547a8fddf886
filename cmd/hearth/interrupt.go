package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"hearth/internal/terminal"

	"hearth"
)

// interrupts turns signals into cancelled contexts. The innermost scope is cancelled
// first, so that Ctrl-C stops a turn and not the chat; a signal that finds its scope
// cancelled already ends the process, as the person expects of a second one. The others,
// a terminal that went away among them (on Windows Go calls that SIGTERM), end everything.
// A terminal that goes away is often told twice, by the system and by the shell; that is
// nobody's second wish.
//
// A process that is to end at once kills the programs that the agent started in it, and
// has a last moment to write down what there is; a signal in that moment ends it.
type interrupts struct {
	signals chan os.Signal
	pipes   chan os.Signal
	done    chan struct{}
	exit    func(code int)

	mu       sync.Mutex // guards the fields below
	scopes   []*scope
	programs map[*func()]bool // what ends them
}

// lastMoment is how long a process that is to end at once may take for it.
const lastMoment = 5 * time.Second

// errReaderLeft is the cause of a context whose command prints for nobody any more.
var errReaderLeft = errors.New("nobody reads its output any more")

type scope struct {
	cancel context.CancelCauseFunc
	ctx    context.Context //nolint:containedctx // to see whether an earlier signal cancelled it
}

func newInterrupts() *interrupts {
	i := &interrupts{signals: make(chan os.Signal, 2), pipes: make(chan os.Signal, 1), done: make(chan struct{}), exit: os.Exit, programs: map[*func()]bool{}}
	signal.Notify(i.signals, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(i.signals, syscall.SIGHUP)
	}
	// Go ends a program that nobody tells of this one when it writes to a standard output or
	// error whose reader has left; to one that is told, the write gives an error. To ignore
	// the signal would do too, and the programs that an agent starts would inherit that.
	signal.Notify(i.pipes, syscall.SIGPIPE)
	go i.loop()
	return i
}

func (i *interrupts) loop() {
	for ending := false; ; {
		select {
		case s := <-i.signals:
			if s != syscall.SIGQUIT && i.interrupt(s != os.Interrupt, terminal.ErrInterrupted) || s == syscall.SIGHUP {
				continue
			}
			if ending {
				i.exit(hearth.ExitInterrupted)
			}
			ending = true
			i.end()
		case <-i.done:
			return
		}
	}
}

// end has the process end at once.
func (i *interrupts) end() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for kill := range i.programs {
		(*kill)()
	}
	i.cancel(true, terminal.ErrInterrupted)
	time.AfterFunc(lastMoment, func() { i.exit(hearth.ExitInterrupted) })
}

// interrupt cancels the innermost scope, or all of them, and reports whether that changed anything.
func (i *interrupts) interrupt(all bool, cause error) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.cancel(all, cause)
}

// cancel is interrupt for callers that hold mu.
func (i *interrupts) cancel(all bool, cause error) (changed bool) {
	for _, v := range slices.Backward(i.scopes) {
		if v.ctx.Err() == nil {
			changed = true
			v.cancel(cause)
		}
		if !all {
			break
		}
	}
	return changed
}

// unread ends what a command does, since nobody reads it. The nil interrupts end nothing.
func (i *interrupts) unread() {
	if i != nil {
		i.interrupt(true, errReaderLeft)
	}
}

// atOnce has kill called when the process is to end at once, until forget. It must not
// block.
func (i *interrupts) atOnce(kill func()) (forget func()) {
	if i == nil {
		return func() {}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.programs[&kill] = true
	return func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		delete(i.programs, &kill)
	}
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
	signal.Stop(i.pipes)
	close(i.done)
}
