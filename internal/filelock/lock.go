package filelock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

// A Holder is who has a lock, in its own words. All fields may be zero: the words are
// written after the lock is taken, so a quick second process can see none.
type Holder struct {
	PID     int       `json:"pid"`
	Since   time.Time `json:"since,omitzero"`
	Command string    `json:"command"`
}

// String names the holder: "process 4711 (hearth up)".
func (h Holder) String() string {
	s := "another process"
	if h.PID != 0 {
		s = "process " + strconv.Itoa(h.PID)
	}
	if h.Command != "" {
		s += " (" + h.Command + ")"
	}
	return s
}

// A HeldError says that somebody else has the lock.
type HeldError struct{ Holder Holder }

// Error names the holder.
func (e *HeldError) Error() string { return "held by " + e.Holder.String() }

// A Lock is held until it is released or its process ends.
type Lock struct {
	path    string
	release func() error
}

// Every is how often Wait tries; nothing tells when another process lets go.
const Every = 50 * time.Millisecond

// Try takes the lock whose file is path, making the file (mode 0600) where there is
// none; its folder must exist. It does not block. While somebody else has the lock the
// error holds a *HeldError; any other error is the file system's.
//
// The file goes away with the lock where the system can remove an open file. Nothing
// may be read into its presence: only the kernel's lock counts.
func Try(path string, me Holder) (*Lock, error) {
	for range 100 {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lock: %w", err)
		}
		err = lock(f)
		if errors.Is(err, errHeld) {
			err = &HeldError{Holder: read(f)}
		}
		if err != nil {
			_ = f.Close() // nothing was written
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		// The holder before may have removed the file between our open and our lock: then
		// we hold a file that nobody else will find.
		if !same(f, path) {
			_ = f.Close() // frees the lock on the removed file
			continue
		}
		if err := write(f, me); err != nil {
			_ = f.Close() // frees the lock; the first error is the one that says something
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		return &Lock{path: path, release: sync.OnceValue(func() error { return release(f, path) })}, nil
	}
	return nil, fmt.Errorf("lock %s: the file is replaced again and again", path)
}

// Wait is Try until it succeeds, the file system refuses, or ctx is done; in the last
// case the error holds both the *HeldError and ctx's cause. held is called with the
// holder after every try that found one; it may be nil.
func Wait(ctx context.Context, path string, me Holder, held func(Holder)) (*Lock, error) {
	var timer *time.Timer
	for {
		l, err := Try(path, me)
		busy, ok := errors.AsType[*HeldError](err)
		if !ok {
			return l, err
		}
		if held != nil {
			held(busy.Holder)
		}
		if timer == nil {
			timer = time.NewTimer(Every)
			defer timer.Stop()
		} else {
			timer.Reset(Every)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", err, context.Cause(ctx))
		case <-timer.C:
		}
	}
}

// Release gives the lock back. Further calls do nothing and give the same error.
func (l *Lock) Release() error { return l.release() }

// Path is the lock's file.
func (l *Lock) Path() string { return l.path }

// release removes the file while the lock is still held, so that nobody who finds it
// afterwards can hold the removed one without noticing.
func release(f *os.File, path string) error {
	err := os.Remove(path)
	if err != nil {
		// An open file cannot be removed on Windows. Leaving it costs nothing, but its
		// words are no longer true.
		_ = f.Truncate(0)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("unlock %s: %w", path, err)
	}
	return nil
}

// same reports whether path still leads to the open file.
func same(f *os.File, path string) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(open, there)
}

func write(f *os.File, me Holder) error {
	words, err := json.Marshal(me)
	if err != nil {
		return err
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = f.WriteAt(append(words, '\n'), 0)
	return err
}

// read gives what the holder wrote; a holder that has not yet written is unknown.
func read(f *os.File) Holder {
	buf := make([]byte, 4096)
	n, _ := f.ReadAt(buf, 0) // io.EOF is usual, and there is nothing better to say of other errors
	var h Holder
	if json.Unmarshal(buf[:n], &h) != nil {
		return Holder{}
	}
	return h
}
