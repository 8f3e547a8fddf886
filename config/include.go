package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hearth/internal/json5"
)

// Limits of $include.
const (
	includeKey      = "$include"
	maxIncludeDepth = 10
	maxIncludes     = 1000 // of all files together, however often one is included
	maxIncludeBytes = 2 << 20
	maxIncludePath  = 4096
)

// A source is one file of a config, as it was read.
type source struct {
	path    string
	bytes   []byte
	doc     *json5.Document
	repairs []Repair
}

// readSource reads and parses one file.
func readSource(path string, limit int64) (*source, error) {
	text, err := readLimited(path, limit)
	if err != nil {
		return nil, err
	}
	doc, repairs, err := read(path, text)
	if err != nil {
		return &source{path: path, bytes: text}, err
	}
	return &source{path: path, bytes: text, doc: doc, repairs: repairs}, nil
}

func readLimited(path string, limit int64) ([]byte, error) {
	// A pipe that nobody writes to would be waited for without end.
	if info, err := os.Stat(path); err == nil && info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket) != 0 {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	err = errors.Join(err, f.Close())
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s is larger than %d MB", path, limit>>20)
	}
	return text, err
}

// An includeError is an $include that cannot be followed.
type includeError struct {
	at  *json5.Value // the $include
	err error
}

func (e *includeError) Error() string { return "$include: " + e.err.Error() }
func (e *includeError) Unwrap() error { return e.err }

// An includer follows the $include keys of a config. Everything it reads must lie in
// one of its roots, symbolic links followed.
type includer struct {
	roots    []string
	files    []*source // what was read, the config file first
	named    []string  // the paths of the files that were to be read, whatever became of them
	followed int       // how many $include names were followed
}

// newIncluder allows the folder of the config file, and those of OPENCLAW_INCLUDE_ROOTS.
func newIncluder(root *source, p Places) *includer {
	dir := filepath.Dir(root.path)
	in := &includer{
		roots: []string{realPath(dir), filepath.Dir(realPath(root.path))},
		files: []*source{root},
	}
	for _, more := range filepath.SplitList(p.variable("OPENCLAW_INCLUDE_ROOTS")) {
		if more != "" {
			in.roots = append(in.roots, realPath(p.expand(more)))
		}
	}
	if root.doc != nil {
		in.name(root.doc.Root, root.path)
	}
	return in
}

// name notes the files that v includes, before one is read: the first that cannot be must
// not hide the others.
func (in *includer) name(v *json5.Value, from string) {
	for _, e := range v.Elements {
		in.name(e, from)
	}
	for _, m := range v.Members {
		if m.Key != includeKey {
			in.name(m.Value, from)
			continue
		}
		for _, e := range append([]*json5.Value{m.Value}, m.Value.Elements...) {
			if e.Kind != json5.String || !isFileName(e.Text) {
				continue
			}
			if path := includedPath(e.Text, from); !isFolder(path) {
				in.named = append(in.named, path)
			}
		}
	}
}

func isFileName(name string) bool {
	return name != "" && !strings.ContainsRune(name, 0) && len(name) < maxIncludePath
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// includedPath is the path that an $include in the file from names.
func includedPath(name, from string) string {
	if path := filepath.Clean(name); filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(from), name)
}

// resolve returns v with its includes merged in. stack holds the files that are being
// read, the one of v last.
func (in *includer) resolve(v *json5.Value, stack []string) (*json5.Value, error) {
	switch v.Kind {
	case json5.Array:
		out := *v
		out.Elements = make([]*json5.Value, len(v.Elements))
		for i, e := range v.Elements {
			r, err := in.resolve(e, stack)
			if err != nil {
				return nil, err
			}
			out.Elements[i] = r
		}
		return &out, nil
	case json5.Object:
		return in.object(v, stack)
	default:
		return v, nil
	}
}

func (in *includer) object(v *json5.Value, stack []string) (*json5.Value, error) {
	out := *v
	out.Members = nil
	for _, m := range v.Members {
		if m.Key == includeKey {
			continue
		}
		r, err := in.resolve(m.Value, stack)
		if err != nil {
			return nil, err
		}
		m.Value = r
		out.Members = append(out.Members, m)
	}
	inc := v.Get(includeKey)
	if inc == nil {
		return &out, nil
	}
	base, err := in.include(inc, stack)
	if err != nil || len(out.Members) == 0 {
		return base, err
	}
	if base.Kind != json5.Object {
		return nil, &includeError{inc, errors.New("other keys stand beside it, so the included file must hold an object")}
	}
	return merge(base, &out), nil
}

// include reads what one $include names, merging a list in its order.
func (in *includer) include(inc *json5.Value, stack []string) (*json5.Value, error) {
	switch {
	case inc.Kind == json5.String:
		return in.file(inc, inc.Text, stack)
	case inc.Kind == json5.Array && len(inc.Elements) > 0:
		var out *json5.Value
		for _, e := range inc.Elements {
			if e.Kind != json5.String {
				break
			}
			v, err := in.file(e, e.Text, stack)
			if err != nil {
				return nil, err
			}
			if out != nil {
				v = merge(out, v)
			}
			out = v
		}
		if out != nil {
			return out, nil
		}
	}
	return nil, &includeError{inc, errors.New("it takes a file name or a list of file names")}
}

func (in *includer) file(at *json5.Value, name string, stack []string) (*json5.Value, error) {
	if in.followed++; in.followed > maxIncludes {
		return nil, &includeError{at, fmt.Errorf("files are included more than %d times", maxIncludes)}
	}
	path, err := in.admit(name, stack)
	if err != nil {
		return nil, &includeError{at, err}
	}
	src, err := in.open(path)
	if err != nil {
		if _, ok := errors.AsType[*json5.SyntaxError](err); ok {
			return nil, err
		}
		return nil, &includeError{at, err}
	}
	return in.resolve(src.doc.Root, append(slices.Clone(stack), path))
}

// open reads a file once, however often it is included.
func (in *includer) open(path string) (*source, error) {
	for _, f := range in.files[1:] {
		if f.path == path {
			return f, nil
		}
	}
	src, err := readSource(path, maxIncludeBytes)
	if err != nil {
		return nil, err
	}
	in.files = append(in.files, src)
	in.name(src.doc.Root, path)
	return src, nil
}

// admit turns the name in an $include into a path, and says why that may not be read.
func (in *includer) admit(name string, stack []string) (string, error) {
	switch {
	case !isFileName(name):
		return "", fmt.Errorf("%.60q is not a file name", name)
	case len(stack) > maxIncludeDepth:
		return "", fmt.Errorf("%s is nested deeper than %d files", name, maxIncludeDepth)
	}
	path := includedPath(name, stack[len(stack)-1])
	if slices.Contains(stack, path) {
		return path, fmt.Errorf("%s includes itself: %s", filepath.Base(path), strings.Join(append(slices.Clone(stack), path), " -> "))
	}
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return path, err
	}
	if !slices.ContainsFunc(in.roots, func(root string) bool { return inside(root, resolved) }) {
		return path, fmt.Errorf("%s lies outside the folder of the config file", name)
	}
	return path, nil
}

// merge lays over on under, as OpenClaw does it: objects key by key, lists one after
// the other, anything else replaced.
func merge(under, over *json5.Value) *json5.Value {
	switch {
	case under.Kind == json5.Array && over.Kind == json5.Array:
		out := *over
		out.Elements = slices.Concat(under.Elements, over.Elements)
		return &out
	case under.Kind == json5.Object && over.Kind == json5.Object:
		out := *over
		out.Members = slices.Clone(under.Unique())
		for _, m := range over.Unique() {
			i := slices.IndexFunc(out.Members, func(o json5.Member) bool { return o.Key == m.Key })
			if i < 0 {
				out.Members = append(out.Members, m)
				continue
			}
			m.Value = merge(out.Members[i].Value, m.Value)
			out.Members[i] = m
		}
		return &out
	}
	return over
}
