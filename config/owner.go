package config

import (
	"fmt"
	"path/filepath"
	"strings"

	"hearth/internal/json5"
)

// A place is where an edit goes: a file of the config and the path inside it.
type place struct {
	src   *source
	steps []json5.Step
}

// locate reads a path against the config. A bare key with dots in it, such as
// models/qwen-2.5, is put together again where the config has such a key, or where
// the key is a model ref.
func (f *File) locate(path string) ([]json5.Step, error) {
	segs, err := splitPath(path)
	if err != nil {
		return nil, err
	}
	node := parseKeys(keysText)
	at := f.tree
	var steps []json5.Step
	for i := 0; i < len(segs); {
		step, n := segs[i].step, 1
		if at != nil && at.Kind == json5.Array {
			step = asIndex(segs[i])
		} else if segs[i].bare && at.At(step) == nil {
			step, n = joinBare(segs[i:], at, node)
		}
		if at != nil {
			at = at.At(step)
		}
		if key, ok := step.Key(); ok {
			node = node.child(key)
		} else {
			node = node.element()
		}
		steps = append(steps, step)
		i += n
	}
	return steps, nil
}

// asIndex reads a.0.b as a[0].b where a is a list.
func asIndex(s segment) json5.Step {
	key, ok := s.step.Key()
	if !ok || !s.bare {
		return s.step
	}
	if other, _, err := bracket("[" + key + "]"); err == nil {
		return other.step
	}
	return s.step
}

// joinBare finds the key that the first of segs begins, and how many of them it takes.
func joinBare(segs []segment, at *json5.Value, node *keyNode) (json5.Step, int) {
	key, _ := segs[0].step.Key()
	joined, take, ref := key, 1, 0
	fields := node.child(key)
	for n := 1; n < len(segs) && segs[n].bare; n++ {
		next, _ := segs[n].step.Key()
		if ref == 0 && strings.Contains(joined, "/") && fields != nil && fields.children[next] != nil {
			ref = n // the next segment is a field of what the ref names
		}
		joined += "." + next
		if at.Get(joined) != nil {
			key, take = joined, n+1
		}
	}
	if take > 1 || !strings.Contains(key, "/") || fields == nil || len(fields.children) == 0 || node.children[key] != nil {
		return json5.Key(key), take
	}
	if ref == 0 {
		ref = 1
		for ref < len(segs) && segs[ref].bare {
			ref++
		}
	}
	for _, s := range segs[1:ref] {
		next, _ := s.step.Key()
		key += "." + next
	}
	return json5.Key(key), ref
}

// owner finds the file that an edit of steps belongs to. It follows an $include of one
// file and refuses where several files could be meant.
func (f *File) owner(steps []json5.Step) (place, error) {
	src := f.sources[0]
	at, begin := src.doc.Root, 0
	for i := 0; ; i++ {
		for inc := at.Get(includeKey); inc != nil; inc = at.Get(includeKey) {
			if i < len(steps) && at.At(steps[i]) != nil {
				if f.included(src, inc).At(steps[i]) != nil {
					return place{}, f.ambiguous(steps[:i+1], src, inc)
				}
				break // it stands beside the $include, and only there
			}
			next := f.includedSource(src, inc)
			if next == nil || i == len(steps) {
				return place{}, f.ambiguous(steps[:i], src, inc)
			}
			src, at, begin = next, next.doc.Root, i
		}
		if i == len(steps) {
			break
		}
		next := at.At(steps[i])
		if next == nil {
			break
		}
		at = next
	}
	return place{src, steps[begin:]}, nil
}

// includedSource is the one file that an $include names, or nil for a list.
func (f *File) includedSource(from *source, inc *json5.Value) *source {
	if inc.Kind != json5.String {
		return nil
	}
	path := filepath.Clean(inc.Text)
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(from.path), path)
	}
	for _, s := range f.sources[1:] {
		if s.path == path {
			return s
		}
	}
	return nil
}

// included is what an $include brings, merged.
func (f *File) included(from *source, inc *json5.Value) *json5.Value {
	in := &includer{roots: newIncluder(f.sources[0], f.Places).roots, files: f.sources}
	v, err := in.include(inc, []string{from.path})
	if err != nil {
		return nil // it was read before, so this is a file that changed meanwhile
	}
	return v
}

func (f *File) ambiguous(steps []json5.Step, src *source, inc *json5.Value) error {
	what := "the whole config"
	if len(steps) > 0 {
		what = formatPath(steps)
	}
	return &IncludedError{What: what, File: src.path, Line: inc.Line(), Includes: includeNames(inc)}
}

// An IncludedError refuses an edit of what several files hold together.
type IncludedError struct {
	What     string   // the path that is put together
	File     string   // the file with the $include
	Line     int      // of the $include
	Includes []string // what it names, as written
}

// Error says where the $include is.
func (e *IncludedError) Error() string {
	return fmt.Sprintf("%s is put together with the $include at %s:%d: edit the file that holds it", e.What, filepath.Base(e.File), e.Line)
}

func includeNames(inc *json5.Value) []string {
	if inc.Kind == json5.String {
		return []string{inc.Text}
	}
	var out []string
	for _, e := range inc.Elements {
		if e.Kind == json5.String {
			out = append(out, e.Text)
		}
	}
	return out
}
