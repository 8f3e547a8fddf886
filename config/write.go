package config

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"hearth/internal/atomicfile"
	"hearth/internal/filelock"
	"hearth/internal/json5"
)

// backups is how many old versions of a config file are kept: .bak.1 is the newest.
const backups = 5

func backupName(path string, n int) string { return path + ".bak." + strconv.Itoa(n) }

// A Change is a prepared edit of one file.
type Change struct {
	Edits []Edit
	// New is the whole file as it will be; nil when nothing changes.
	New []byte
	// Issues are the complaints that the change would bring. Apply returns them as an
	// error too.
	Issues []Issue

	file   *File
	source *source // what is edited, as it was read
	after  *File
}

// Changed reports whether the change would alter the file.
func (c *Change) Changed() bool {
	return c.source != nil && (!bytes.Equal(c.New, c.source.bytes) || !c.file.Exists)
}

// Config is what Hearth would use after the change.
func (c *Change) Config() Config {
	if c.after == nil {
		return c.file.Config
	}
	return c.after.Config
}

// Written says what a Change has done.
type Written struct {
	Path   string // the file that was written; "" when nothing changed
	Backup string // what it held before; "" when it is new
	// CopiedFrom is set when OpenClaw's file was copied to CopiedTo first, with the files
	// that it includes: Hearth reads CopiedTo from now on. Path is one of the copies.
	CopiedFrom, CopiedTo string
	// SHA256Before and SHA256After are of the file, in hexadecimal.
	SHA256Before, SHA256After string
}

// readOnly are OpenClaw's variables that keep every program from writing a config.
var readOnly = []string{"OPENCLAW_CONFIG_READONLY", "OPENCLAW_NIX_MODE"}

// A ReadOnlyError refuses to write a config that its owner wants left as it is.
type ReadOnlyError struct{ Variable string } // that says so

// Error names the variable.
func (e *ReadOnlyError) Error() string {
	return "the config is not to be written: " + e.Variable + "=1"
}

// A ChangedError refuses to write over what somebody else wrote after the file was read.
type ChangedError struct{ Path string } // the file

// Error says that nothing was lost.
func (e *ChangedError) Error() string {
	return e.Path + " was changed by somebody else meanwhile; nothing was written"
}

// Write makes the change: atomically, mode 0600, with a backup. It waits for another
// process that is writing, until ctx is done. When the file is no longer what was read,
// the edits are made anew on what it holds now, so that two who change different things
// at once both have their way, and of two who change the same the later one; an edit
// with IfUnchanged gives a *ChangedError then.
func (c *Change) Write(ctx context.Context) (Written, error) {
	if !c.Changed() {
		return Written{}, nil
	}
	if len(c.Issues) > 0 {
		return Written{}, &ValidationError{c.Issues}
	}
	if err := c.file.Places.writable(); err != nil {
		return Written{}, err
	}
	p := c.file.Places
	for _, name := range readOnly {
		if p.variable(name) == "1" {
			return Written{}, &ReadOnlyError{name}
		}
	}
	if err := os.MkdirAll(filepath.Dir(c.file.written(c.source.path)), 0o700); err != nil {
		return Written{}, err
	}
	lock, err := filelock.Wait(ctx, p.Target+".lock", filelock.Holder{PID: os.Getpid(), Since: time.Now(), Command: "config"}, nil)
	if err != nil {
		return Written{}, err
	}
	w, err := c.writeLocked(ctx)
	return w, errors.Join(err, lock.Release())
}

// writable refuses to edit a file of OpenClaw's when a copy of it would not be read: the
// person names the file at every start, or Hearth's own file is another config.
func (p *Places) writable() error {
	switch {
	case p.Target == p.Config || p.Origin == "":
		return nil
	case p.Origin != "OPENCLAW_CONFIG_PATH":
		return &NowhereError{Config: p.Config, Origin: p.Origin}
	case exists(p.Target) && !p.copied(p.Config):
		return &NowhereError{Config: p.Config, Origin: p.Origin, Own: p.Target}
	}
	return nil
}

// writeLocked writes the change, or what it is on the file as it is now. Only an editor
// that knows of no lock can change the file more than once meanwhile.
func (c *Change) writeLocked(ctx context.Context) (Written, error) {
	var changed *ChangedError
	for range 5 {
		w, err := c.write(c.file.written(c.source.path))
		if !errors.As(err, &changed) {
			return w, err
		}
		if c, err = c.again(ctx); err != nil || !c.Changed() {
			return Written{}, err
		}
	}
	return Written{}, changed
}

// again makes the same edits on the file as it is now.
func (c *Change) again(ctx context.Context) (*Change, error) {
	opts := c.file.opts
	opts.ReadOnly = true
	now, _, err := Load(ctx, opts)
	if err != nil {
		return nil, err
	}
	if c.file.Exists && !now.Exists {
		return nil, &ChangedError{c.source.path}
	}
	for _, e := range c.Edits {
		if !e.IfUnchanged {
			continue
		}
		before, err := c.file.Get(e.Path)
		after, err2 := now.Get(e.Path)
		if (err == nil) != (err2 == nil) || err == nil && !json5.Equal(before.v, after.v) {
			return nil, &ChangedError{now.Places.Config}
		}
	}
	return now.Apply(c.Edits...)
}

func (c *Change) write(target string) (Written, error) {
	now, err := readLimited(c.source.path, json5.MaxBytes)
	gone := errors.Is(err, fs.ErrNotExist)
	if err != nil && !gone {
		return Written{}, err
	}
	if gone == c.file.Exists || err == nil && !bytes.Equal(now, c.source.bytes) {
		return Written{}, &ChangedError{c.source.path}
	}
	if p := c.file.Places; p.Target != p.Config && exists(p.Target) {
		return Written{}, &ChangedError{p.Target} // a file of Hearth's own has come up
	}
	w := Written{Path: target, SHA256After: digest(c.New)}
	text, before := c.New, c.source.bytes
	if target != c.source.path {
		w.CopiedFrom, w.CopiedTo = c.file.Places.Config, c.file.Places.Target
		if before, text, err = c.copyFirst(); err != nil {
			return Written{}, err
		}
		w.SHA256After = digest(text)
	}
	if c.file.Exists {
		w.Backup, w.SHA256Before = backupName(target, 1), digest(before)
		if err := atomicfile.Rotate(func(n int) string { return backupName(target, n) }, backups); err != nil {
			return Written{}, err
		}
		if err := atomicfile.Write(w.Backup, before, 0o600); err != nil {
			return Written{}, err
		}
	}
	if w.CopiedFrom != "" {
		if err := atomicfile.Write(c.file.Places.Target+copiedFrom, []byte(w.CopiedFrom+"\n"), 0o600); err != nil {
			return Written{}, err
		}
	}
	if err := atomicfile.Write(target, text, 0o600); err != nil {
		return Written{}, err
	}
	return w, nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// written is the file that a source is written to: its own place, or the same place
// below Hearth's folder when the config belongs to OpenClaw.
func (f *File) written(path string) string {
	p := f.Places
	if p.Target == p.Config {
		return path
	}
	if path == p.Config {
		return p.Target
	}
	rel, err := filepath.Rel(filepath.Dir(p.Config), path)
	if err != nil {
		return path
	}
	return filepath.Join(filepath.Dir(p.Target), rel)
}

// A moving is a config of OpenClaw's on its way to Hearth's folder. The workspace stays
// where it is, so the copies must say where that is: in the file that edits of
// agents.defaults go to, for beside an $include they would have no place any more.
type moving struct {
	at  place
	dir string // as it is written; "" where the config says it already
}

func (c *Change) moving() moving {
	p := c.file.Places
	if c.file.Config.Agents.Defaults.Workspace != "" || c.Config().Agents.Defaults.Workspace != "" {
		return moving{}
	}
	dir := filepath.Join(filepath.Dir(p.Config), "workspace")
	if rel, err := filepath.Rel(p.home, dir); err == nil && inside(p.home, dir) {
		dir = "~/" + filepath.ToSlash(rel)
	}
	steps := []json5.Step{json5.Key("agents"), json5.Key("defaults"), json5.Key("workspace")}
	at, err := c.after.owner(steps)
	if err != nil { // several files make it up together, and none of them can be edited
		at = place{c.file.sources[0], steps}
	}
	return moving{at: at, dir: dir}
}

// text is what a file of the config holds when it has moved.
func (m moving) text(path string, text []byte) ([]byte, error) {
	if m.dir == "" || path != m.at.src.path {
		return text, nil
	}
	reader := func(src []byte) (*json5.Document, error) {
		doc, _, err := read(path, src)
		return doc, err
	}
	return json5.Set(reader, text, m.at.steps, &json5.Value{Kind: json5.String, Text: m.dir})
}

// copyFirst copies the files of an OpenClaw config that the edit leaves alone, and
// gives the edited one before and after the edit. The main file goes last, for it is
// what makes Hearth look at the copies.
func (c *Change) copyFirst() (before, after []byte, err error) {
	moving := c.moving()
	for _, s := range slices.Backward(c.file.sources) {
		text, err := moving.text(s.path, s.bytes)
		if err != nil {
			return nil, nil, err
		}
		if s.path == c.source.path {
			before = text
			continue
		}
		to := c.file.written(s.path)
		if to == s.path || !inside(filepath.Dir(c.file.Places.Target), to) {
			return nil, nil, fmt.Errorf("%s lies outside the folder of the config and cannot be copied with it", s.path)
		}
		if err = os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return nil, nil, err
		}
		if err = atomicfile.Write(to, text, 0o600); err != nil {
			return nil, nil, err
		}
	}
	after, err = moving.text(c.source.path, c.New)
	return before, after, err
}
