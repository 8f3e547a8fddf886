package main

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
	"testing/synctest"

	"hearth"
	"hearth/internal/terminal"
)

// The first signal stops what runs; the second has the process end; the third does not
// wait for it.
func TestASecondSignalEndsTheProgramsAndLeavesAMoment(t *testing.T) {
	for name, row := range map[string]struct {
		signals  []os.Signal
		turn     error // what it is stopped by
		command  error
		programs bool // they run on
		exits    bool // before the last moment is over
	}{
		"a Ctrl-C stops the turn":        {signals: []os.Signal{os.Interrupt}, turn: terminal.ErrInterrupted, programs: true},
		"SIGTERM stops everything":       {signals: []os.Signal{syscall.SIGTERM}, turn: terminal.ErrInterrupted, command: terminal.ErrInterrupted, programs: true},
		"a second Ctrl-C ends it":        {signals: []os.Signal{os.Interrupt, os.Interrupt}, turn: terminal.ErrInterrupted, command: terminal.ErrInterrupted},
		"a second SIGTERM too":           {signals: []os.Signal{syscall.SIGTERM, syscall.SIGTERM}, turn: terminal.ErrInterrupted, command: terminal.ErrInterrupted},
		"SIGQUIT ends it at once":        {signals: []os.Signal{syscall.SIGQUIT}, turn: terminal.ErrInterrupted, command: terminal.ErrInterrupted},
		"a third does not wait":          {signals: []os.Signal{os.Interrupt, os.Interrupt, os.Interrupt}, turn: terminal.ErrInterrupted, command: terminal.ErrInterrupted, exits: true},
		"a terminal that goes, told two": {signals: []os.Signal{syscall.SIGHUP, syscall.SIGHUP}, turn: terminal.ErrInterrupted, command: terminal.ErrInterrupted, programs: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				exits := make(chan int, 2)
				i := &interrupts{signals: make(chan os.Signal), done: make(chan struct{}), exit: func(code int) { exits <- code }, programs: map[*func()]bool{}}
				go i.loop()
				defer i.close()
				command, stop := i.scope(t.Context())
				defer stop()
				turn, stopTurn := i.scope(command)
				defer stopTurn()
				run, gone := true, true
				defer i.atOnce(func() { run = false })()
				i.atOnce(func() { gone = false })()
				for _, s := range row.signals {
					i.signals <- s
				}
				synctest.Wait()
				if got := context.Cause(turn); !errors.Is(got, row.turn) {
					t.Errorf("the turn is stopped by %v, want %v", got, row.turn)
				}
				if got := context.Cause(command); !errors.Is(got, row.command) {
					t.Errorf("the command is stopped by %v, want %v", got, row.command)
				}
				if run != row.programs || !gone {
					t.Errorf("the programs run: %v, want %v; those that had ended before: %v", run, row.programs, gone)
				}
				if got := len(exits) > 0; got != row.exits {
					t.Errorf("%d exits before the last moment is over", len(exits))
				}
				if !row.programs && !row.exits {
					if code := <-exits; code != hearth.ExitInterrupted { // in the bubble the moment passes at once
						t.Errorf("exit code %d", code)
					}
				}
			})
		})
	}
}
