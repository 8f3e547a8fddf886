package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"hearth"
	"hearth/internal/filelock"
)

// locks are what processes on this machine keep from each other, as files in the state
// folder: a server's slots, and questions that one of them asks for all.
type locks struct {
	*home

	used *slotMemory
	me   filelock.Holder // with an instant, so that no other process's words are the same

	mu   sync.Mutex // guards open
	open map[string]*filelock.File
}

func newLocks(h *home) *locks {
	return &locks{
		home: h, used: newSlotMemory(h.state("locks")), open: make(map[string]*filelock.File),
		me: filelock.Holder{PID: os.Getpid(), Since: time.Now(), Command: commandName()},
	}
}

// try is slot's view of the locks between processes.
func (ls *locks) try(name string) (unlock func(), holder string, err error) {
	l, err := ls.file(name)
	if err != nil {
		return nil, "", err
	}
	unlock, err = l.Try(ls.me)
	if held, ok := errors.AsType[*filelock.HeldError](err); ok {
		return nil, held.Holder.String(), nil
	}
	if err == nil && !l.Kept() {
		holder = "perhaps another process"
	}
	return unlock, holder, err
}

// wait waits until nobody else, here or in another process, has the lock of that name. A
// lock that cannot be had at all keeps nobody from their own model.
func (ls *locks) wait(ctx context.Context, name string) (release func(), err error) {
	dir := ls.state("locks")
	if os.MkdirAll(dir, 0o700) != nil {
		return func() {}, nil
	}
	l, err := filelock.Wait(ctx, filepath.Join(dir, fileName(name)+".lock"), filelock.Holder{PID: os.Getpid(), Since: time.Now(), Command: commandName()}, nil)
	switch {
	case err == nil:
		return func() { _ = l.Release() }, nil // the kernel does at the latest when we end
	case ctx.Err() != nil:
		return nil, &hearth.Error{Op: name, Reason: hearth.ReasonCancelled, Err: context.Cause(ctx)}
	default:
		return func() {}, nil
	}
}

// file gives the lock of a slot. Its file stays open until close.
func (ls *locks) file(name string) (*filelock.File, error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l, ok := ls.open[name]
	if !ok {
		dir := ls.state("locks")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make lock folder: %w", err)
		}
		l = filelock.NewFile(filepath.Join(dir, fileName(name)+".slot"))
		ls.open[name] = l
	}
	return l, nil
}

// close lets go of the files. What is held is held no more.
func (ls *locks) close() {
	for _, l := range ls.open {
		l.Close()
	}
	ls.used.close()
}

// fileName makes a lock's name safe in a path.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, strings.ToLower(name))
}

// commandName is what other processes are told about this one: never its arguments,
// which hold a person's words.
func commandName() string {
	name := filepath.Base(os.Args[0])
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		name += " " + os.Args[1]
	}
	return name
}
