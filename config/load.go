package config

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hearth/internal/atomicfile"
	"hearth/internal/json5"
)

// A File is a config as it was read at one moment. It is never changed: edits give a
// Change, and a reload gives another File. It may be used by several goroutines.
type File struct {
	// Config is what Hearth uses of it.
	Config Config
	// Places says where the file and the state folder are.
	Places Places
	// Exists reports whether the file is there. When it is not, Config is empty.
	Exists bool
	// Broken is why the file could not be used, or nil. Config then comes from the
	// last good copy, or is empty when there is none (LastGood tells which).
	Broken   error
	LastGood bool

	opts     Options
	env      *environment
	sources  []*source // the file and what it includes; none when it was not read
	includes []string  // the paths of what it includes, also of what could not be read
	gone     bool      // it was there, and Config is what it held
	tree     *json5.Value
	findings []finding
	unused   []string
	stamps   []stamp
	keyFiles []stamp                  // of the credentials that references name
	stores   map[string]*profileStore // credentials by path; nil values are files that are not there
}

// Load finds and reads the config. What is wrong with the file comes as warnings and
// never as an error: the last good copy or the defaults are used, and File.Broken
// says so. An error means that this machine has no place for a config at all.
func Load(ctx context.Context, o Options) (*File, []Warning, error) {
	places, err := Locate(o)
	if err != nil {
		return nil, nil, err
	}
	f := &File{Places: places, opts: o}
	var warnings []Warning
	f.env, warnings = newEnvironment(places, o.WorkDir)
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	tree, found := f.read()
	warnings = append(warnings, found...)
	if tree == nil {
		f.readStores()
		f.watch()
		return f, warnings, nil
	}
	warnings = append(warnings, f.interpret(tree)...)
	f.readStores()
	f.watch()
	if f.Broken == nil && !o.ReadOnly {
		if err := f.keepLastGood(); err != nil {
			warnings = append(warnings, Warning{Kind: Unreadable, File: f.lastGoodPath(), Message: "no copy of this config could be kept: " + err.Error()})
		}
	}
	return f, warnings, nil
}

// Path is the config file in use.
func (f *File) Path() string { return f.Places.Config }

// LookupEnv gives a variable of the owner's: of the process first, then of the .env files
// but not that of the working folder, the env block, and a login shell where env.shellEnv
// asks for one; the first variable that only the shell may have blocks until it answered.
// Empty counts as not set.
func (f *File) LookupEnv(name string) (string, bool) { return f.env.lookupOwn(name) }

// Workspace is the folder in which an agent works; "" means the default agent. Another
// agent that names none gets one beside it, with its id behind a dash. An OpenClaw
// file keeps OpenClaw's workspace.
func (f *File) Workspace(agentID string) string {
	agents := f.Config.Agents
	if own := agents.own(agentID); own.Workspace != "" {
		return f.Places.expand(own.Workspace)
	}
	base := filepath.Join(f.Places.State, "workspace")
	switch {
	case agents.Defaults.Workspace != "":
		base = f.Places.expand(agents.Defaults.Workspace)
	case f.Places.Target != f.Places.Config:
		base = filepath.Join(filepath.Dir(f.Places.Config), "workspace")
	}
	if agentID == "" || strings.EqualFold(agentID, agents.DefaultID()) {
		return base
	}
	return base + "-" + agentID
}

// read returns the tree of the file with its includes, or that of the last good copy,
// or nil.
func (f *File) read() (*json5.Value, []Warning) {
	root, err := readSource(f.Places.Config, json5.MaxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		if f.Places.named() {
			return nil, []Warning{{Kind: Missing, File: f.Places.Config, Message: "there is no such file (" + f.Places.Origin + "): the defaults are used"}}
		}
		return nil, nil
	}
	f.Exists = true
	if err == nil {
		in := newIncluder(root, f.Places)
		var tree *json5.Value
		tree, err = in.resolve(root.doc.Root, []string{root.path})
		f.sources, f.includes = in.files, in.named
		if err == nil && tree.Kind != json5.Object {
			err = fmt.Errorf("%s must include an object", root.path)
		}
		if err == nil {
			return tree, f.repairWarnings()
		}
	} else if root != nil {
		f.sources = []*source{root}
	}
	f.Broken = err
	return f.fallBack(err)
}

func (f *File) repairWarnings() []Warning {
	var out []Warning
	for _, s := range f.sources {
		for _, r := range s.repairs {
			out = append(out, Warning{Kind: Repaired, File: s.path, Line: r.Line, Message: r.String()})
		}
	}
	return out
}

// fallBack reads the last good copy and makes the one warning about the broken file.
func (f *File) fallBack(cause error) (*json5.Value, []Warning) {
	w := brokenWarning(f.Places.Config, cause)
	text, err := readLimited(f.lastGoodPath(), json5.MaxBytes)
	if err == nil {
		// The copy's includes were merged when it was made; one that a person put
		// here with an $include of its own is not followed.
		if doc, _, err := read(f.lastGoodPath(), text); err == nil {
			f.LastGood = true
			f.includes = append(f.includes, includedFiles(text)...)
			w.Message += "; the last good config is used"
			return doc.Root, []Warning{w}
		}
	}
	w.Message += "; the defaults are used"
	return nil, []Warning{w}
}

// includedMark begins the lines of a last good copy that name the files it was made of.
const includedMark = "// included: "

// includedFiles gives them.
func includedFiles(copied []byte) (paths []string) {
	for line := range strings.Lines(string(copied)) {
		path, ok := strings.CutPrefix(line, includedMark)
		if !ok {
			break
		}
		paths = append(paths, strings.TrimSuffix(path, "\n"))
	}
	return paths
}

func brokenWarning(path string, cause error) Warning {
	var syntax *json5.SyntaxError
	var inc *includeError
	switch {
	case errors.As(cause, &syntax):
		return Warning{
			Kind: Syntax, File: syntax.Name, Line: syntax.Line, Column: syntax.Column,
			Message: syntax.Message, Excerpt: syntax.Excerpt(hideSecrets),
		}
	case errors.As(cause, &inc):
		w := Warning{Kind: Include, File: path, Line: inc.at.Line(), Message: inc.Error()}
		if inc.at.Doc != nil {
			w.File = inc.at.Doc.Name
		}
		return w
	}
	return Warning{Kind: Unreadable, File: path, Message: cause.Error()}
}

// interpret fills Config from a tree.
func (f *File) interpret(tree *json5.Value) []Warning {
	f.tree = tree
	f.Config, f.findings, f.unused = interpret(tree, f.env)
	return f.warnings(f.findings, f.unused)
}

// interpret decodes a tree. It sets the env block of env.
func interpret(tree *json5.Value, env *environment) (Config, []finding, []string) {
	var block Env
	if v := tree.Get("env"); v != nil {
		quiet := &decoder{} // the same findings come again below
		quiet.structure("env", v, &block)
	}
	env.block, env.shell = block.Vars, newLoginShell(env.process, block.ShellEnv)
	for name, v := range block.Flat {
		if env.block == nil {
			env.block = map[string]string{}
		}
		if env.block[name] == "" {
			env.block[name] = v
		}
	}
	sub := newSubstitution(env)
	tree = sub.tree("", tree)
	d := &decoder{sub: sub}
	var c Config
	d.structure("", tree, &c)
	c.Models.ProviderOrder = keyOrder(tree.At(json5.Key("models"), json5.Key("providers")), c.Models.Providers)
	c.Agents.EntryOrder = keyOrder(tree.At(json5.Key("agents"), json5.Key("entries")), c.Agents.Entries)
	c.Agents.Defaults.ModelOrder = keyOrder(tree.At(json5.Key("agents"), json5.Key("defaults"), json5.Key("models")), c.Agents.Defaults.Models)
	c.Auth = authOf(tree, c.Auth)
	unused := outermost(d.unused)
	for i := range sub.missing {
		sub.missing[i].unused = slices.ContainsFunc(unused, func(key string) bool { return below(key, sub.missing[i].path) })
	}
	return c, append(sub.missing, d.findings...), unused
}

// outermost leaves out the paths that stand below another one.
func outermost(paths []string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(p string) bool {
		return slices.ContainsFunc(paths, func(o string) bool { return o != p && below(o, p) })
	})
}

// below reports whether a path is a key, or stands below it.
func below(key, path string) bool {
	rest, ok := strings.CutPrefix(path, key)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// keyOrder lists the keys of a decoded map as they stand in the file.
func keyOrder[T any](v *json5.Value, m map[string]T) []string {
	if v == nil {
		return nil
	}
	var keys []string
	for _, member := range v.Unique() {
		if _, ok := m[member.Key]; ok {
			keys = append(keys, member.Key)
		}
	}
	return keys
}

// warnings turns findings into warnings: one each, and one for all keys that only
// OpenClaw uses, with what is wrong among those.
func (f *File) warnings(findings []finding, unused []string) []Warning {
	var out []Warning
	wrong, unset := 0, 0
	for _, x := range findings {
		switch {
		case x.unused && x.kind == MissingEnv:
			unset++
			continue
		case x.unused:
			wrong++
			continue
		}
		w := Warning{Kind: x.kind, Path: x.full, File: f.Places.Config, Line: x.at.Line(), Message: x.soft}
		if x.at.Doc != nil {
			w.File = x.at.Doc.Name
		}
		out = append(out, w)
	}
	if len(unused) == 0 {
		return out
	}
	const shown = 6
	list := strings.Join(unused[:min(shown, len(unused))], ", ")
	if len(unused) > shown {
		list += fmt.Sprintf(" and %d more", len(unused)-shown)
	}
	message := "OpenClaw's keys that Hearth does not use: " + list
	var also []string
	if wrong > 0 {
		also = append(also, fmt.Sprintf("%d of the values there have the wrong type", wrong))
	}
	if unset > 0 {
		also = append(also, fmt.Sprintf("%d name variables that are not set", unset))
	}
	if len(also) > 0 {
		message += " (" + strings.Join(also, ", ") + ")"
	}
	return append(out, Warning{Kind: UnusedKeys, File: f.Places.Config, Message: message})
}

// Issues lists what config validate complains about: what does not parse, keys nobody
// knows, values of the wrong type, also in parts that Hearth does not use.
func (f *File) Issues() []Issue {
	if f.Broken != nil {
		w := brokenWarning(f.Places.Config, f.Broken)
		return []Issue{{Path: "<root>", Message: w.Message, Line: w.Line, Column: w.Column, File: f.includedName(w.File), Excerpt: w.Excerpt}}
	}
	if !f.Exists && f.Places.named() {
		return []Issue{{Path: "<root>", Message: "there is no such file (" + f.Places.Origin + ")"}}
	}
	return f.issues(f.findings)
}

func (f *File) issues(findings []finding) []Issue {
	var out []Issue
	for _, x := range findings {
		if x.strict == "" {
			continue
		}
		i := Issue{Path: cmp.Or(x.path, "<root>"), Message: x.strict, Line: x.at.Line()}
		if x.at.Doc != nil {
			i.File = f.includedName(x.at.Doc.Name)
		}
		if !slices.Contains(out, i) {
			out = append(out, i)
		}
	}
	return out
}

func (f *File) includedName(name string) string {
	if name == f.Places.Config {
		return ""
	}
	return name
}

// lastGoodPath is in the state folder: a file that stands elsewhere may be in a folder
// that is not ours to write to.
func (f *File) lastGoodPath() string {
	p := f.Places
	if filepath.Dir(p.Target) == p.State {
		return p.Target + ".last-good"
	}
	return filepath.Join(p.State, "cache", "config-"+digest([]byte(p.Config))[:12]+".last-good")
}

// keepLastGood keeps a copy of a config that could be used. With includes the copy
// holds the merged whole, so that it works without them.
func (f *File) keepLastGood() error {
	text := f.sources[0].bytes
	if len(f.sources) > 1 {
		text = nil
		for _, path := range f.includes {
			text = append(text, includedMark+path+"\n"...)
		}
		text = f.tree.AppendJSON5(text)
	}
	path := f.lastGoodPath()
	if old, err := readLimited(path, json5.MaxBytes); err == nil && string(old) == string(text) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(path, text, 0o600)
}
