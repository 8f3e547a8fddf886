package file

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"hearth"
	"hearth/internal/escape"
	"hearth/internal/redact"
	"hearth/tool"
)

type writer struct {
	space  *workspace
	taints *tool.Taints
	shown  func(string) string // nil: as it is
}

var _ tool.Tool = (*writer)(nil)

func (w *writer) Spec() hearth.ToolSpec {
	return spec("write", "Write a whole file, replacing what was there. Folders are made as needed.",
		`{"properties":{"content":{"type":"string"},"path":{"type":"string"}},"required":["path","content"],"type":"object"}`)
}

func (w *writer) Effect(hearth.ToolCall) hearth.Effect { return hearth.EffectWrite }

func (w *writer) Describe(call hearth.ToolCall) string {
	in := writeInput(call)
	return fmt.Sprintf("write %s (%d bytes)", escape.Short(in.path, 300), len(in.content))
}

// Foresee gives the file that would be written, as written and as resolved.
func (w *writer) Foresee(call hearth.ToolCall) (argv, targets []string) {
	in := writeInput(call)
	if in.err != nil {
		return nil, nil
	}
	return nil, w.space.targets(in.path)
}

// Check says what is wrong with the arguments.
func (w *writer) Check(call hearth.ToolCall) error { return writeInput(call).err }

type writeCall struct {
	path, content string
	err           error
}

func writeInput(call hearth.ToolCall) writeCall {
	a := tool.ReadArguments(call, pathArgument, "content=contents,text")
	in := writeCall{path: a.RequiredText("path"), content: a.RequiredText("content")}
	in.err = a.Err()
	return in
}

func (w *writer) Run(ctx context.Context, call hearth.ToolCall) (hearth.ToolResult, error) {
	result, ok := start(ctx, call)
	if !ok {
		return result, nil
	}
	in := writeInput(call)
	if in.err != nil {
		return tool.Failed(call, hearth.FromGateway, "write: %v; nothing was written", in.err), nil
	}
	name, err := w.space.local(in.path)
	if err != nil {
		return tool.Failed(call, hearth.FromGateway, "write %s; nothing was written", explain(in.path, err)), nil
	}
	root, err := w.space.create()
	if err != nil {
		return tool.Failed(call, hearth.FromGateway, "write: %v; nothing was written", err), nil
	}
	defer func() { _ = root.Close() }() // every file written through it was closed and checked
	created := false
	if name, err = w.space.resolve(root, name); err == nil {
		created, err = w.save(ctx, root, name, []byte(in.content))
	}
	if err != nil {
		return tool.Failed(call, hearth.FromGateway, "write %s%s", explain(in.path, err), unless(err, "; nothing was written")), nil
	}
	note := ""
	if created {
		note = " (new file)"
	}
	result.Text = fmt.Sprintf("wrote %d bytes to %s%s", len(in.content), escape.Short(name, 300), note)
	result.From = hearth.FromGateway
	result.Detail = tool.Detail(writeDetail{Path: name, Bytes: len(in.content), Created: created})
	return result, nil
}

type writeDetail struct {
	Path    string `json:"path"`
	Bytes   int    `json:"bytes"`
	Created bool   `json:"created,omitempty"`
}

// save replaces a whole file and remembers who is behind its bytes.
func (w *writer) save(ctx context.Context, root *os.Root, name string, content []byte) (created bool, err error) {
	old, err := writable(root, name)
	if err != nil {
		return false, err
	}
	if old != nil && old.Size() <= maxEditBytes && w.unmasks(root, name, content) {
		return false, errMasked
	}
	tainted := tool.TaintedTurn(ctx)
	if tainted {
		if err := w.taints.Mark(name); err != nil {
			return false, err
		}
	}
	if err := replace(ctx, root, replacement{name: name, content: content, old: old}); err != nil {
		return false, err
	}
	if err := remember(w.taints, root, name, tainted); err != nil {
		return false, err
	}
	return old == nil, nil
}

// errMasked is for the model.
var errMasked = errors.New("the file holds a credential that you are shown as " + redact.Mask + ", and this would put that word in its place; change the other lines with edit")

// unmasks reports whether content has the mask where the file has a credential: a model
// writes back what it was shown.
func (w *writer) unmasks(root *os.Root, name string, content []byte) bool {
	if w.shown == nil || !bytes.Contains(content, []byte(redact.Mask)) {
		return false
	}
	old, err := root.ReadFile(filepath.FromSlash(name))
	return err == nil && w.shown(string(old)) != string(old)
}

// remember notes, after a write, who is behind the file that is there now.
func remember(taints *tool.Taints, root *os.Root, name string, tainted bool) error {
	if !tainted {
		return notNoted(taints.Clear(name))
	}
	info, err := root.Lstat(filepath.FromSlash(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // somebody has taken it away already
	}
	if err != nil {
		return notNoted(plain(err))
	}
	return notNoted(taints.MarkFile(info))
}

// errUnnoted says that a write happened, whatever else is said.
var errUnnoted = errors.New("the file was changed, but who is behind it could not be noted")

func notNoted(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errUnnoted, err)
}

// unless gives what is true of every other error.
func unless(err error, otherwise string) string {
	if errors.Is(err, errUnnoted) {
		return ""
	}
	return otherwise
}

// writable gives the file that is there, nil when there is none, or says why it cannot
// be replaced.
func writable(root *os.Root, name string) (fs.FileInfo, error) {
	info, err := root.Lstat(filepath.FromSlash(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("it is %s, not a file", special(info.Mode()))
	case info.Mode().Perm()&0o222 == 0:
		return nil, errors.New("the file is read-only")
	}
	return info, nil
}

// replacement is new content for a file, and the file as it was looked at.
type replacement struct {
	name    string
	content []byte
	old     fs.FileInfo // nil: there must be none
}

// replace puts content in place of a file at once: a reader sees the old file or the
// new one, and a full disk or a cancel leaves the old one. It fails when the file
// changed since r.old was taken.
func replace(ctx context.Context, root *os.Root, r replacement) (err error) {
	dir := path.Dir(r.name)
	if err := root.MkdirAll(filepath.FromSlash(dir), 0o755); err != nil {
		return fmt.Errorf("make its folder: %w", plain(err))
	}
	mode := fs.FileMode(0o644)
	if r.old != nil {
		mode = r.old.Mode().Perm()
	}
	temp := filepath.FromSlash(path.Join(dir, ".hearth-"+rand.Text()[:12]+".tmp"))
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|openFlags, mode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreMissing(root.Remove(temp)))
		}
	}()
	_, err = f.Write(r.content)
	if err == nil && r.old != nil {
		err = f.Chmod(mode) // what the umask took from an existing file's mode
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(plainly(err), plainly(f.Close())); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errors.New("it was stopped")
	}
	if err := unchanged(root, r); err != nil {
		return err
	}
	if err := root.Rename(temp, filepath.FromSlash(r.name)); err != nil {
		return plain(err)
	}
	return flush(root, dir)
}

// unchanged reports whether the file is still the one that was looked at.
func unchanged(root *os.Root, r replacement) error {
	now, err := root.Lstat(filepath.FromSlash(r.name))
	switch {
	case errors.Is(err, fs.ErrNotExist) && r.old == nil:
		return nil
	case err == nil && r.old != nil && os.SameFile(now, r.old) && now.Size() == r.old.Size() && now.ModTime().Equal(r.old.ModTime()):
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return plain(err)
	}
	return errors.New("somebody else changed the file at the same moment; read it again")
}

func plainly(err error) error {
	if err == nil {
		return nil
	}
	return plain(err)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return plainly(err)
}
