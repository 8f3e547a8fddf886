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

// slotMemory keeps in a file for each slot which session used it last, and when. Nothing is
// lost with it but the knowledge of which prompt a server has cached where.
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

// Last reads one line; what is behind it was longer once.
func (m *slotMemory) Last(name string) (hearth.SessionID, time.Time) {
	text, err := os.ReadFile(m.path(name))
	if err != nil {
		return "", time.Time{}
	}
	line, _, whole := bytes.Cut(text, []byte("\n"))
	at, session, ok := bytes.Cut(line, []byte(" "))
	nanos, err := strconv.ParseInt(string(at), 10, 64)
	if !whole || !ok || err != nil {
		return "", time.Time{} // of another version, or cut short
	}
	return hearth.SessionID(session), time.Unix(0, nanos)
}

// Used is called by whoever has the slot's lock.
func (m *slotMemory) Used(name string, session hearth.SessionID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.open[name]
	if f == nil {
		var err error
		if f, err = os.OpenFile(m.path(name), os.O_WRONLY|os.O_CREATE, 0o600); err != nil {
			return
		}
		m.open[name] = f
	}
	_, _ = f.WriteAt(fmt.Appendf(nil, "%d %s\n", time.Now().UnixNano(), session), 0) // what it loses costs a prompt read anew
}

func (m *slotMemory) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.open {
		_ = f.Close() // each write stands for itself
	}
	clear(m.open)
}
