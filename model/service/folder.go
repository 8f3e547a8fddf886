package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"hearth/internal/atomicfile"
	"hearth/internal/filelock"
	"hearth/internal/process"
)

// A folder is where gateways and keeper of one service meet.
type folder struct{ path string }

// Kinds of locks of which each gateway has its own.
const (
	userLock = "user"
	busyLock = "busy"
)

func (f folder) create() error {
	if err := os.MkdirAll(f.path, 0o700); err != nil {
		return fmt.Errorf("make the service's folder: %w", err)
	}
	return nil
}

func (f folder) gate() string   { return filepath.Join(f.path, "gate.lock") }
func (f folder) keeper() string { return filepath.Join(f.path, "keeper.lock") }
func (f folder) used() string   { return filepath.Join(f.path, "used") }

// own names a lock that nobody else has.
func (f folder) own(kind string) string {
	return filepath.Join(f.path, kind+"-"+strconv.Itoa(os.Getpid())+"-"+random()+".lock")
}

// any reports whether somebody holds a lock of a kind. Those that a dead process left
// are cleared away.
func (f folder) any(kind string) bool {
	names, err := filepath.Glob(filepath.Join(f.path, kind+"-*.lock"))
	if err != nil {
		return true // the pattern is ours; if in doubt, somebody is there
	}
	held := false
	for _, name := range names {
		l, err := filelock.Try(name, filelock.Holder{})
		if err != nil {
			held = true
			continue
		}
		free(l)
	}
	return held
}

// free gives a lock back; the kernel does at the latest when the process ends. Windows
// cannot remove a file that is open, as other systems do while they free the lock; there
// nobody can have opened it again under a name that is used once.
func free(l *filelock.Lock) {
	_ = l.Release()
	if runtime.GOOS == "windows" {
		_ = os.Remove(l.Path())
	}
}

// A wish is what the gateway that used the server last wants to become of it.
type wish struct {
	IdleMS int64 `json:"idleMS"` // without a request until it is stopped; 0 = when no gateway is left
	Late   bool  `json:"late"`   // somebody was told that it goes on loading, and nobody has used it since
}

func (w wish) idle() time.Duration { return time.Duration(w.IdleMS) * time.Millisecond }

// kept is how long a server is kept after the last request; 0 = until no gateway is left.
func (w wish) kept() time.Duration {
	if w.Late {
		return max(w.idle(), lateFor)
	}
	return w.idle()
}

// touch notes that a request begins or ends now. A server that is stopped too early
// because of a full disk is only started again.
func (f folder) touch(w wish) {
	now := time.Now()
	if at, had := f.lastUse(); !at.IsZero() && had == w && os.Chtimes(f.used(), now, now) == nil {
		return
	}
	if b, err := json.Marshal(w); err == nil {
		_ = atomicfile.Write(f.used(), b, 0o600)
	}
}

// lastUse is when the server was last touched, and the wish of then; zeros when it never was.
func (f folder) lastUse() (time.Time, wish) {
	var w wish
	info, err := os.Stat(f.used())
	if err != nil {
		return time.Time{}, w
	}
	if b, err := os.ReadFile(f.used()); err == nil {
		_ = json.Unmarshal(b, &w) // what is no wish wishes nothing
	}
	return info.ModTime(), w
}

// A record is what a keeper writes of its server.
type record struct {
	Run      string    `json:"run"`      // names one run of the server
	Mark     string    `json:"mark"`     // in the environment of all it starts
	PID      int       `json:"pid"`      // of the server
	Born     string    `json:"born"`     // with the PID it names the process for good
	Command  string    `json:"command"`  // for whoever reads the file
	Provider string    `json:"provider"` // whose server it is
	URL      string    `json:"url"`      // where it answers
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended,omitzero"`
	How      string    `json:"how,omitempty"`   // it ended: "exit code 1", "signal killed", "stopped"
	Words    string    `json:"words,omitempty"` // the last it wrote
}

func (f folder) record() (record, bool) {
	var r record
	b, err := os.ReadFile(filepath.Join(f.path, "record.json"))
	return r, err == nil && json.Unmarshal(b, &r) == nil
}

func (f folder) write(r *record) error {
	b, err := json.MarshalIndent(r, "", " ")
	if err == nil {
		err = atomicfile.Write(filepath.Join(f.path, "record.json"), append(b, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("keep the service's record: %w", err)
	}
	return nil
}

// ready is where it is noted which run of the server was ready.
func (f folder) ready() string { return filepath.Join(f.path, "ready") }

// sawReady notes that the server that runs was ready. Without the note it is only looked at
// again.
func (f folder) sawReady() {
	if r, ok := f.record(); ok && r.Ended.IsZero() && !f.wasReady() {
		_ = atomicfile.Write(f.ready(), []byte(r.Run), 0o600)
	}
}

// wasReady reports whether any gateway saw the server ready since it was started.
func (f folder) wasReady() bool {
	run, err := os.ReadFile(f.ready())
	r, ok := f.record()
	return err == nil && ok && r.Ended.IsZero() && r.Run == string(run)
}

// kept reports whether a keeper runs the server. What a keeper that was killed left
// running is ended, where it is certain to be that.
func (f folder) kept() bool {
	for range 10 {
		l, err := filelock.Try(f.keeper(), filelock.Holder{})
		if err == nil {
			f.clear()
			free(l)
			return false
		}
		held, ok := errors.AsType[*filelock.HeldError](err)
		if !ok {
			return false
		}
		if held.Holder.PID != 0 {
			return true
		}
		<-time.After(time.Millisecond) // somebody else is just looking
	}
	return true
}

// ends waits for the end of a server that nobody uses and nobody wants kept.
func (f folder) ends(ctx context.Context, me filelock.Holder) {
	ctx, cancel := context.WithTimeout(ctx, longestStop)
	defer cancel()
	theirs := func(filelock.Holder) {
		if _, wish := f.lastUse(); wish.kept() > 0 || f.any(userLock) {
			cancel()
		}
	}
	if theirs(filelock.Holder{}); ctx.Err() != nil {
		return
	}
	if end, err := filelock.Wait(ctx, f.keeper(), me, theirs); err == nil {
		free(end)
	}
}

// clear ends what a killed keeper left running. The caller has the keeper's lock.
func (f folder) clear() {
	if r, ok := f.record(); ok && r.Ended.IsZero() {
		process.KillLeft(r.PID, r.Born, r.Mark)
		r.Ended, r.How = time.Now(), "its keeper was killed"
		_ = f.write(&r) // at worst it is looked for again
	}
}

// lastWords makes one line of the end of what a server wrote: the few lines in which it
// says why.
func lastWords(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	const most = 3
	return strings.Join(lines[max(0, len(lines)-most):], " · ")
}
