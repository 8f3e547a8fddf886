package filelock

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
)

// A File is a lock that is taken again and again: its file stays open, and stays there,
// between the holders, because making and removing one costs more than all else. Locks of
// Try and of a File keep each other out. Its methods may be called from any goroutine.
//
// For the moment between taking the lock and writing into it, others read the holder
// before.
type File struct {
	path string

	mu   sync.Mutex // guards the fields below
	f    *os.File   // nil before the first use, and after Close
	info os.FileInfo
	held bool
	kept bool // nobody else had it in between
	me   Holder
}

// NewFile gives the lock whose file is path; nothing is opened before it is tried.
func NewFile(path string) *File { return &File{path: path} }

// Try takes the lock as the function Try does. release gives it back; further calls of it
// do nothing.
func (l *File) Try(me Holder) (release func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held {
		return nil, fmt.Errorf("lock %s: %w", l.path, &HeldError{Holder: l.me})
	}
	for range 100 {
		again := l.f != nil
		if err := l.open(); err != nil {
			return nil, fmt.Errorf("lock: %w", err)
		}
		if err := lock(l.f); err != nil {
			if errors.Is(err, errHeld) {
				err = &HeldError{Holder: read(l.f)}
			}
			return nil, fmt.Errorf("lock %s: %w", l.path, err)
		}
		// Somebody may have removed the file since we opened it: then we hold one that
		// nobody else will find.
		there, err := os.Stat(l.path)
		if err != nil || !os.SameFile(l.info, there) {
			l.shut()
			continue
		}
		signed, err := l.sign(me)
		if err != nil {
			l.shut()
			return nil, fmt.Errorf("lock %s: %w", l.path, err)
		}
		l.held, l.me, l.kept = true, me, again && signed
		return sync.OnceFunc(l.release), nil
	}
	return nil, fmt.Errorf("lock %s: the file is replaced again and again", l.path)
}

func (l *File) open() (err error) {
	if l.f != nil {
		return nil
	}
	if l.f, err = os.OpenFile(l.path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		l.f = nil
		return err
	}
	if l.info, err = l.f.Stat(); err != nil {
		l.shut()
	}
	return err
}

// shut closes the file, which frees the lock too.
func (l *File) shut() {
	_ = l.f.Close() // nothing in it is worth keeping
	l.f, l.held = nil, false
}

// Kept reports, to who has the lock, whether nobody else had it since this File did: each
// holder leaves its words in the file. It costs nothing. Holders whose words are the same are
// taken for one.
func (l *File) Kept() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held && l.kept
}

// sign writes who holds the lock, unless the file says so already.
func (l *File) sign(me Holder) (already bool, err error) {
	words, err := json.Marshal(me)
	if err != nil {
		return false, err
	}
	had := make([]byte, len(words)+2)
	if n, _ := l.f.ReadAt(had, 0); bytes.Equal(had[:n], append(words, '\n')) {
		return true, nil
	}
	return false, write(l.f, me)
}

func (l *File) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil || !l.held {
		return
	}
	l.held = false
	if unlock(l.f) != nil {
		l.shut() // which frees it in any case
	}
}

// Close removes the file if nobody has the lock, and closes it. A lock still held is freed.
func (l *File) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return
	}
	if lock(l.f) == nil { // only who holds the lock of a file may remove it
		if there, err := os.Stat(l.path); err == nil && os.SameFile(l.info, there) {
			_ = os.Remove(l.path) // impossible on Windows while it is open, and no matter
		}
	}
	l.shut()
}
