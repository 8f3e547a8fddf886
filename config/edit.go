package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"hearth/internal/json5"
)

// An Edit says what shall change.
type Edit struct {
	// Path is a config path; see ParsePath.
	Path string
	// Value is JSON5, or any text that is none and is taken as it is.
	Value string
	// Unset removes the path; Value is not looked at.
	Unset bool
	// StrictJSON refuses a Value that is not JSON5.
	StrictJSON bool
	// Merge lays an object over the one that is there, and a provider's models over
	// its models by id.
	Merge bool
	// Replace allows entries of a protected map to be dropped.
	Replace bool
	// IfUnchanged is for a Value that was made from the one at Path: it is not written
	// where somebody else changed that one meanwhile.
	IfUnchanged bool
}

// A Value is a part of a config.
type Value struct {
	v    *json5.Value
	tree *json5.Value // all of the config, of which v is a part
	path []json5.Step // to v
}

// JSON is the value as compact JSON. It fails for Infinity and NaN.
func (v Value) JSON() ([]byte, error) { return v.v.AppendJSON(nil) }

// Text is the value for a person: a text without its quotes, else as JSON, in which
// Infinity and NaN stand as they do in the file.
func (v Value) Text() string {
	if v.v.Kind == json5.String {
		return v.v.Text
	}
	return string(v.v.AppendJSON5(nil))
}

// A NotFoundError is returned for a path that the config does not have.
type NotFoundError struct{ Path string }

// Error is OpenClaw's message.
func (e *NotFoundError) Error() string { return "Config path not found: " + e.Path }

// A ValueError says that a value is not JSON5 where it has to be.
type ValueError struct{ Err error }

// Error gives the parser's complaint.
func (e *ValueError) Error() string { return "the value is not JSON5: " + e.Err.Error() }

func (e *ValueError) Unwrap() error { return e.Err }

// A BrokenError refuses to edit a file that could not be read or does not parse, and to
// read from it where there is no good copy.
type BrokenError struct{ Err error }

// Error gives the parser's complaint, or why there was nothing to parse.
func (e *BrokenError) Error() string {
	if _, ok := errors.AsType[*fs.PathError](e.Err); ok {
		return "the config cannot be read: " + e.Err.Error()
	}
	return "the config cannot be used until it parses: " + e.Err.Error()
}

func (e *BrokenError) Unwrap() error { return e.Err }

// A ProtectedError refuses an edit that would drop entries nobody mentioned.
type ProtectedError struct {
	Path string   // the protected map
	Lost []string // its entries that would go
}

// Error names the entries and the two ways on.
func (e *ProtectedError) Error() string {
	quoted := make([]string, len(e.Lost))
	for i, l := range e.Lost {
		quoted[i] = `"` + l + `"`
	}
	return fmt.Sprintf("this would drop %s from %s; use --merge to keep them, or --replace to drop them", strings.Join(quoted, ", "), e.Path)
}

// A ValidationError refuses an edit whose result config validate would complain about.
// Complaints that were there before do not count.
type ValidationError struct{ Issues []Issue }

// Error gives the first complaint in OpenClaw's words.
func (e *ValidationError) Error() string {
	msg := "Config validation failed: " + e.Issues[0].String()
	if n := len(e.Issues) - 1; n > 0 {
		msg += fmt.Sprintf(" (and %d more)", n)
	}
	return msg
}

// Get returns the value at a path, with includes merged and ${NAME} as written.
func (f *File) Get(path string) (Value, error) {
	steps, err := f.locate(path)
	if err != nil {
		return Value{}, err
	}
	if f.Broken != nil && f.tree == nil {
		return Value{}, &BrokenError{f.Broken}
	}
	v := f.tree.At(steps...)
	if v == nil {
		return Value{}, &NotFoundError{path}
	}
	return Value{v: v, tree: f.tree, path: steps}, nil
}

// Set prepares one change; see Apply.
func (f *File) Set(e Edit) (*Change, error) { return f.Apply(e) }

// Unset prepares the removal of a path. When setting that path in the newest backup
// gives this very file, the backup's bytes are what comes out: the undo of a set.
func (f *File) Unset(path string) (*Change, error) {
	return f.Apply(Edit{Path: path, Unset: true})
}

// Apply prepares edits that are made together. Nothing is written until Change.Write.
// The edits must all belong to one file, when the config has several. Errors of note
// are *NotFoundError, *ProtectedError, *ValidationError, *PathError, *ValueError,
// *IncludedError and *BrokenError.
func (f *File) Apply(edits ...Edit) (*Change, error) {
	if f.Broken != nil {
		return nil, &BrokenError{f.Broken}
	}
	c := &Change{file: f, Edits: edits}
	now := f
	for _, e := range edits {
		next, err := now.edit(c, e)
		if err != nil {
			return nil, err
		}
		now = next
	}
	if !c.Changed() {
		return c, nil
	}
	before := f.issues(f.findings)
	for _, i := range now.issues(now.findings) {
		known := func(old Issue) bool { return old.Path == i.Path && old.Message == i.Message }
		if !slices.ContainsFunc(before, known) {
			c.Issues = append(c.Issues, i)
		}
	}
	c.after = now
	if len(c.Issues) > 0 {
		return c, &ValidationError{c.Issues}
	}
	return c, nil
}

// edit makes one edit and returns the config that results from it.
func (f *File) edit(c *Change, e Edit) (*File, error) {
	f = f.orEmpty()
	steps, err := f.locate(e.Path)
	if err != nil {
		return nil, err
	}
	var v *json5.Value
	if e.Unset {
		if f.tree.At(steps...) == nil {
			return nil, &NotFoundError{e.Path}
		}
	} else if v, err = f.newValue(steps, e); err != nil {
		return nil, err
	}
	at, err := f.owner(steps)
	if err != nil {
		return nil, err
	}
	if c.source != nil && c.source.path != at.src.path {
		return nil, fmt.Errorf("these edits belong to two files, %s and %s: make them one by one", c.source.path, at.src.path)
	}
	reader := func(src []byte) (*json5.Document, error) {
		doc, _, err := read(at.src.path, src)
		return doc, err
	}
	var out []byte
	if e.Unset {
		out, err = f.unset(at, reader)
	} else {
		out, err = json5.Set(reader, at.src.bytes, at.steps, v)
	}
	switch {
	case errors.Is(err, json5.ErrNotFound):
		return nil, &NotFoundError{e.Path}
	case err != nil:
		return nil, fmt.Errorf("%s: %w", e.Path, err)
	}
	next, err := f.with(at.src, out)
	if err != nil {
		return nil, fmt.Errorf("edit %s: the result cannot be read: %w", e.Path, err)
	}
	if !onlyDiffersAt(f.tree, next.tree, steps, v) {
		return nil, fmt.Errorf("edit %s: the result is not what was asked for; nothing was written", e.Path)
	}
	if err := lossOf(f.tree, next.tree); err != nil && !e.Replace && !e.Unset {
		return nil, err
	}
	if c.source == nil {
		c.source = at.src
	}
	c.New = out
	return next, nil
}

// orEmpty gives a config that can be edited where there is no file yet.
func (f *File) orEmpty() *File {
	if len(f.sources) > 0 {
		return f
	}
	empty := *f
	root := &source{path: f.Places.Config, bytes: []byte("{}\n")}
	root.doc, _, _ = read(root.path, root.bytes) // it parses
	empty.sources, empty.tree = []*source{root}, root.doc.Root
	return &empty
}

// newValue reads the value of an edit.
func (f *File) newValue(steps []json5.Step, e Edit) (*json5.Value, error) {
	doc, err := json5.Parse("value", []byte(e.Value))
	var v *json5.Value
	switch {
	case err == nil && (e.StrictJSON || !textIsMeant(steps, doc.Root)):
		v = doc.Root
	case e.StrictJSON:
		return nil, &ValueError{err}
	default:
		v = &json5.Value{Kind: json5.String, Text: e.Value}
	}
	if old := f.tree.At(steps...); e.Merge && old != nil {
		return overlay(old, v, formatPath(steps)), nil
	}
	return v, nil
}

// with is the config that results when one of its files holds other bytes.
func (f *File) with(changed *source, text []byte) (*File, error) {
	fresh := &source{path: changed.path, bytes: text}
	var err error
	if fresh.doc, fresh.repairs, err = read(fresh.path, text); err != nil {
		return nil, err
	}
	root := f.sources[0]
	if changed.path == root.path {
		root = fresh
	}
	in := newIncluder(root, f.Places)
	for _, s := range f.sources[1:] {
		if s.path == changed.path {
			s = fresh
		}
		in.files = append(in.files, s)
	}
	tree, err := in.resolve(root.doc.Root, []string{root.path})
	if err != nil {
		return nil, err
	}
	next := *f
	next.sources, next.tree = in.files, tree
	env := *f.env
	next.env = &env
	next.Config, next.findings, next.unused = interpret(tree, next.env)
	return &next, nil
}

// textIsMeant reports whether a bare value that looks like a number or a word of JSON
// stands where the schema has only texts: an id of digits, a model called "true".
func textIsMeant(steps []json5.Step, v *json5.Value) bool {
	if v.Kind != json5.Number && v.Kind != json5.Bool && v.Kind != json5.Null {
		return false
	}
	n := parseKeys(keysText).follow(steps)
	if n == nil {
		return false
	}
	asIs, _ := n.accepts(v)
	asText, _ := n.accepts(&json5.Value{Kind: json5.String})
	return !asIs && asText
}

// unset removes a path; see File.Unset for the backup's part in it.
func (f *File) unset(at place, reader json5.Parser) ([]byte, error) {
	out, err := json5.Unset(reader, at.src.bytes, at.steps)
	if err != nil {
		return nil, err
	}
	backup, err := readLimited(backupName(f.written(at.src.path), 1), json5.MaxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return out, nil //nolint:nilerr // without a backup the plain removal stands
	}
	old, err := reader(backup)
	value := at.src.doc.Root.At(at.steps...)
	if err != nil || old.Root.At(at.steps...) != nil {
		return out, nil //nolint:nilerr // not the backup of this edit
	}
	again, err := json5.Set(reader, backup, at.steps, value)
	if err == nil && bytes.Equal(again, at.src.bytes) {
		return backup, nil
	}
	return out, nil
}
