package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"hearth"
)

// slotMemory keeps in a file for each slot which session used it last, since when, and whether
// it still does. Nothing is lost with it but the knowledge of which prompt a server has cached
// where, and of what it may be at when a process was killed.
//
// It is written at every request, so its files stay open and are written over: opening and
// emptying one costs more than all else that is done for a slot. The instant is in the file
// because a file system's own stamps are coarse: a replica that refused and the one that
// was asked instead would have the same.
type slotMemory struct {
	dir string

	mu   sync.Mutex // guards open
	open map[string]*os.File
}

func newSlotMemory(dir string) *slotMemory {
	return &slotMemory{dir: dir, open: make(map[string]*os.File)}
}

func (m *slotMemory) path(name string) string { return filepath.Join(m.dir, fileName(name)+".last") }

// A line begins with one of these.
const (
	slotInUse = '+'
	slotLeft  = '-'
)

// Last reads one line; what is behind it was longer once.
func (m *slotMemory) Last(name string) (session hearth.SessionID, at time.Time, ended bool) {
	text, err := os.ReadFile(m.path(name))
	if err != nil || len(text) == 0 || text[0] != slotInUse && text[0] != slotLeft {
		return "", time.Time{}, false
	}
	line, _, whole := bytes.Cut(text[1:], []byte("\n"))
	instant, who, ok := bytes.Cut(line, []byte(" "))
	nanos, err := strconv.ParseInt(string(instant), 10, 64)
	if !whole || !ok || err != nil {
		return "", time.Time{}, false // of another version, or cut short
	}
	return hearth.SessionID(who), time.Unix(0, nanos), text[0] == slotLeft
}

// Used is called by whoever has the slot's lock.
func (m *slotMemory) Used(name string, session hearth.SessionID) {
	m.write(name, fmt.Appendf(nil, "%c%d %s\n", slotInUse, time.Now().UnixNano(), session), os.O_CREATE)
}

// Ended writes over one byte: it is a part of every turn too.
func (m *slotMemory) Ended(name string) {
	m.write(name, []byte{slotLeft}, 0)
}

// write is best effort: what it loses costs a prompt read anew, or a doubt where there is none.
func (m *slotMemory) write(name string, text []byte, create int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.open[name]
	if f == nil {
		var err error
		if f, err = os.OpenFile(m.path(name), os.O_WRONLY|create, 0o600); err != nil {
			return
		}
		m.open[name] = f
	}
	_, _ = f.WriteAt(text, 0)
}

func (m *slotMemory) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.open {
		_ = f.Close() // each write stands for itself
	}
	clear(m.open)
}
