package tool

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Taints remembers which workspace files may hold bytes of somebody other than the
// owner, across turns and restarts. A file is tainted when a tainted turn wrote it by
// name, or when it changed while a command ran, since nobody can tell what a command
// writes. It is a text file of short lines that only grows; several processes may
// share it. The nil *Taints remembers nothing and taints nothing.
//
// Its methods may be called from any goroutine. Paths are relative to the workspace,
// with slashes; letter case is ignored, as some file systems do.
type Taints struct {
	file string
	now  func() time.Time

	mu      sync.Mutex           // guards what follows
	read    int64                // bytes of file already taken in
	marked  map[string]time.Time // when; of names and files
	windows []window             // of ended runs, in the order of their ends
	running map[int64]time.Time  // open runs, by start in nanoseconds → when they count as ended
	mine    map[int64]bool       // those of them that this process ends
}

type window struct{ from, to time.Time }

const (
	// coarse covers file systems that stamp changes with a clock a few ticks behind.
	coarse = 20 * time.Millisecond
	// noFractions covers those that keep no fractions, or only even seconds (FAT).
	noFractions = 2 * time.Second
	// lostRun is how long a command may have gone on changing files when the process
	// that started it died before it could say: longer than the default time limit.
	lostRun = time.Hour
)

// OpenTaints reads the record kept in file, which need not exist.
func OpenTaints(file string) (*Taints, error) {
	t := &Taints{file: file, now: time.Now, marked: map[string]time.Time{}, running: map[int64]time.Time{}, mine: map[int64]bool{}}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.catchUp(); err != nil {
		return nil, fmt.Errorf("read taint record: %w", err)
	}
	return t, nil
}

// Mark remembers that a tainted turn wrote name. It is called before the write, and
// the write must not happen when it fails.
func (t *Taints) Mark(name string) error { return t.set(taintKey(name), true) }

// MarkFile remembers the file itself, so that it stays tainted where it, or a folder it
// is in, gets another name. It is called after the write, besides Mark.
func (t *Taints) MarkFile(info fs.FileInfo) error {
	if key := fileKey(info); key != "" {
		return t.set(key, true)
	}
	return nil
}

// Clear forgets a mark, because an untainted turn replaced the whole file.
func (t *Taints) Clear(name string) error { return t.set(taintKey(name), false) }

func (t *Taints) set(key string, tainted bool) error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.catchUp(); err != nil {
		return fmt.Errorf("read taint record: %w", err)
	}
	if tainted {
		return t.append("mark " + strconv.Quote(key) + " " + strconv.FormatInt(t.now().UnixNano(), 10))
	}
	if _, marked := t.marked[key]; !marked {
		return nil
	}
	return t.append("clear " + strconv.Quote(key))
}

// Run remembers that a command is about to run, and gives the function that is called
// once when it and everything it started has ended. Nothing may be run when it fails.
func (t *Taints) Run() (ended func() error, err error) {
	if t == nil {
		return func() error { return nil }, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.catchUp(); err != nil {
		return nil, fmt.Errorf("read taint record: %w", err)
	}
	from := t.now().UnixNano()
	for !t.running[from].IsZero() {
		from-- // two commands within one tick of the clock
	}
	if err := t.append(fmt.Sprintf("run %d", from)); err != nil {
		return nil, err
	}
	t.mine[from] = true
	return func() error {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.mine, from)
		return t.append(fmt.Sprintf("ran %d %d", from, t.now().UnixNano()))
	}, nil
}

// Tainted reports whether the file called name, which info describes, may hold bytes
// of somebody other than the owner. When the record cannot be read, it does.
func (t *Taints) Tainted(name string, info fs.FileInfo) bool {
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.catchUp() != nil || t.isMarked(taintKey(name)) || t.isMarked(fileKey(info)) {
		return true
	}
	return t.duringRun(changed(info))
}

// Unseen is Tainted for a file that its owner keeps by hand, such as the agent's
// instructions: one that changed after the tainted write, while no command ran, was saved
// by its owner, who has had it before them.
func (t *Taints) Unseen(name string, info fs.FileInfo) bool {
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.catchUp() != nil {
		return true
	}
	at := changed(info)
	for _, key := range []string{taintKey(name), fileKey(info)} {
		if when, marked := t.marked[key]; marked && (window{to: when}).holds(at) {
			return true
		}
	}
	return t.duringRun(at)
}

func (t *Taints) isMarked(key string) bool { _, ok := t.marked[key]; return ok }

// duringRun reports whether a change stamped at may have happened while a command ran.
func (t *Taints) duringRun(at time.Time) bool {
	for from, until := range t.running {
		if t.mine[from] {
			until = at // it runs still
		}
		if (window{time.Unix(0, from), until}).holds(at) {
			return true
		}
	}
	return slices.ContainsFunc(t.windows, func(w window) bool { return w.holds(at) })
}

// holds reports whether a change stamped at may have happened within w.
func (w window) holds(at time.Time) bool {
	late := coarse
	if at.Nanosecond() == 0 {
		late = noFractions
	}
	return !at.Add(late).Before(w.from) && !at.After(w.to.Add(coarse))
}

// taintKey and fileKey never give the same: a cleaned path does not begin with a slash
// and a colon.
func taintKey(name string) string { return strings.ToLower(path.Clean(name)) }

// append writes one line and takes it in, with what other processes wrote before it.
func (t *Taints) append(line string) (err error) {
	if err := os.MkdirAll(filepath.Dir(t.file), 0o700); err != nil { // the first mark in a new state folder
		return fmt.Errorf("write taint record: %w", err)
	}
	f, err := os.OpenFile(t.file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("write taint record: %w", err)
	}
	if info, err := f.Stat(); err == nil && info.Size() > t.read {
		line = "\n" + line // the torn end of a write that never finished stays a line of its own
	}
	_, err = f.WriteString(line + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write taint record: %w", err)
	}
	return t.catchUp()
}

// catchUp takes in what was appended since the last time.
func (t *Taints) catchUp() (err error) {
	info, err := os.Stat(t.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || info.Size() == t.read {
		return err
	}
	if info.Size() < t.read {
		t.read = 0 // somebody cut the file: what was known stays known
	}
	f, err := os.Open(t.file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Seek(t.read, io.SeekStart); err != nil {
		return err
	}
	in := bufio.NewReader(f)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // a line without its end is still being written
		}
		if err != nil {
			return err
		}
		t.read += int64(len(line))
		t.take(string(bytes.TrimSpace(line)))
	}
}

// take applies one line. A line that is not understood marks nothing: it can only be
// the torn end of a write that was never answered, so what it announced never ran.
func (t *Taints) take(line string) {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "mark":
		t.mark(rest)
	case "clear":
		if name, err := strconv.Unquote(rest); err == nil {
			delete(t.marked, name)
		}
	case "run":
		if from, err := strconv.ParseInt(rest, 10, 64); err == nil {
			t.running[from] = time.Unix(0, from).Add(lostRun)
		}
	case "ran":
		first, second, _ := strings.Cut(rest, " ")
		from, err := strconv.ParseInt(first, 10, 64)
		to, err2 := strconv.ParseInt(second, 10, 64)
		if err == nil && err2 == nil {
			delete(t.running, from)
			t.ended(window{time.Unix(0, from), time.Unix(0, to)})
		}
	}
}

// mark applies a name and when it was marked; where that is not said, it may be yet to come.
func (t *Taints) mark(line string) {
	quoted, err := strconv.QuotedPrefix(line)
	if err != nil {
		return
	}
	name, err := strconv.Unquote(quoted)
	if err != nil {
		return
	}
	when := time.Unix(1<<40, 0)
	if ns, err := strconv.ParseInt(strings.TrimSpace(line[len(quoted):]), 10, 64); err == nil {
		when = time.Unix(0, ns)
	}
	t.marked[name] = when
}

// ended adds a window, joined with the one before it where they touch.
func (t *Taints) ended(w window) {
	if n := len(t.windows); n > 0 && !w.from.After(t.windows[n-1].to) && !w.from.Before(t.windows[n-1].from) {
		t.windows[n-1].to = w.to
		return
	}
	t.windows = append(t.windows, w)
}
