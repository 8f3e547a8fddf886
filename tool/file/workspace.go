package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"hearth/internal/escape"
)

// workspace maps what a model writes as a path to a name inside one folder.
type workspace struct {
	root   string   // absolute
	hidden []string // absolute
	beside bool     // it is another folder than the agent's, which is only read
}

var errOutside = errors.New("it is outside the workspace")

const maxLinks = 40 // symlinks followed for one name, as Linux does

// open gives the workspace folder. The caller closes it.
func (w *workspace) open() (*os.Root, error) {
	root, err := os.OpenRoot(w.root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the workspace folder %s does not exist", w.root)
	}
	return root, err
}

// create is open for a call that writes: the first one makes the folder.
func (w *workspace) create() (*os.Root, error) {
	if err := os.MkdirAll(w.root, 0o700); err != nil {
		return nil, err
	}
	return w.open()
}

// local gives the slash path inside the workspace that p means, without looking at the
// disk. Absolute paths inside the workspace are accepted, for models like them.
func (w *workspace) local(p string) (string, error) {
	if strings.ContainsRune(p, 0) {
		return "", errors.New("it holds a NUL byte")
	}
	if p == "" {
		return "", errors.New("it is empty")
	}
	if len(p) > 4096 || strings.Count(p, "/") > 100 {
		return "", errors.New("the path is too long")
	}
	name := filepath.FromSlash(p)
	if filepath.IsAbs(name) {
		rel, err := w.relative(name)
		if err != nil {
			return "", err
		}
		name = rel
	}
	name = filepath.Clean(name)
	if !filepath.IsLocal(name) {
		return "", errOutside
	}
	return filepath.ToSlash(name), nil
}

// known is what a name is called where paths of all folders meet: the path itself beside
// the agent's folder.
func (w *workspace) known(name string) string {
	if w.beside {
		return path.Join(filepath.ToSlash(w.root), name)
	}
	return name
}

// relative makes an absolute path relative, by the workspace's name as configured and
// by its real name (on macOS, /tmp is a symlink).
func (w *workspace) relative(abs string) (string, error) {
	roots := []string{w.root}
	if real, err := filepath.EvalSymlinks(w.root); err == nil && real != w.root {
		roots = append(roots, real)
	}
	for _, root := range roots {
		if rel, err := filepath.Rel(root, abs); err == nil && filepath.IsLocal(rel) {
			return rel, nil
		}
	}
	return "", errOutside
}

// resolve follows the symlinks of name and gives the name of the file itself, which
// need not exist. Opening the result still goes through root, so a link that is
// swapped in between leads nowhere outside.
func (w *workspace) resolve(root *os.Root, name string) (string, error) {
	resolved := "."
	rest := strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		next := path.Join(resolved, rest[0])
		rest = rest[1:]
		if !filepath.IsLocal(filepath.FromSlash(next)) {
			return "", errOutside
		}
		info, err := root.Lstat(filepath.FromSlash(next))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", plain(err)
		}
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			resolved = next
			continue
		}
		if links++; links > maxLinks {
			return "", errors.New("too many symlinks")
		}
		target, err := root.Readlink(filepath.FromSlash(next))
		if err != nil {
			return "", plain(err)
		}
		if filepath.IsAbs(target) {
			if target, err = w.relative(filepath.Clean(target)); err != nil {
				return "", fmt.Errorf("%s is a symlink and %w", next, err)
			}
			resolved = "."
		}
		rest = slices.Concat(strings.Split(filepath.ToSlash(target), "/"), rest)
	}
	if w.isHidden(resolved) {
		return "", errors.New("the gateway's own files are not for tools")
	}
	return resolved, nil
}

// isHidden reports whether a resolved name is one of the hidden files or lies below one.
func (w *workspace) isHidden(name string) bool {
	abs := filepath.Join(w.root, filepath.FromSlash(name))
	real, err := filepath.EvalSymlinks(w.root)
	if err != nil {
		real = w.root
	}
	for _, h := range w.hidden {
		for _, p := range []string{abs, filepath.Join(real, filepath.FromSlash(name))} {
			if rel, err := filepath.Rel(h, p); err == nil && (rel == "." || filepath.IsLocal(rel)) {
				return true
			}
			if below(h, p) {
				return true
			}
		}
	}
	return false
}

// below reports whether p is h or inside it by identity, so that another letter case or
// another name of the same folder does not help.
func below(h, p string) bool {
	hidden, err := os.Stat(h)
	if err != nil {
		return false
	}
	for {
		if info, err := os.Stat(p); err == nil && os.SameFile(info, hidden) {
			return true
		}
		up := filepath.Dir(p)
		if up == p {
			return false
		}
		p = up
	}
}

// targets is what the guard is told of a path: as written, and as resolved.
func (w *workspace) targets(p string) []string {
	name, err := w.local(p)
	if err != nil {
		return []string{p}
	}
	root, err := w.open()
	if err != nil {
		return []string{name}
	}
	defer func() { _ = root.Close() }() // it was only looked at
	resolved, err := w.resolve(root, name)
	if err != nil || resolved == name {
		return []string{name}
	}
	return []string{name, resolved}
}

// explain says in words for the model why a path could not be used.
func explain(p string, err error) string {
	shown := escape.Short(p, 200)
	switch {
	case errors.Is(err, errOutside), strings.Contains(err.Error(), "path escapes from parent"):
		return shown + ": it is outside the workspace; paths are relative to the workspace folder"
	case errors.Is(err, fs.ErrNotExist):
		return shown + ": no such file"
	case errors.Is(err, fs.ErrPermission):
		return shown + ": permission denied"
	default:
		return shown + ": " + plain(err).Error()
	}
}

// plain takes the operation and the path off an error; the model knows them.
func plain(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	if le, ok := errors.AsType[*os.LinkError](err); ok {
		return le.Err
	}
	return err
}
