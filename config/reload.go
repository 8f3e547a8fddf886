package config

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A stamp tells whether a file was touched without reading it.
type stamp struct {
	path  string
	mtime time.Time
	size  int64 // -1 when the file is not there
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{path: path, size: -1}
	}
	return stamp{path: path, mtime: info.ModTime(), size: info.Size()}
}

func (s stamp) same(o stamp) bool {
	return s.path == o.path && s.size == o.size && s.mtime.Equal(o.mtime)
}

// Files are the paths of all that this config is made of: the file itself, what it
// includes, .env files, and files of credentials. Some may not be there: whoever makes one
// changes the config.
func (f *File) Files() []string {
	var out []string
	for _, s := range slices.Concat(f.stamps, f.keyFiles) {
		out = append(out, s.path)
	}
	return out
}

// watch remembers the state of every file that this config depends on.
func (f *File) watch() {
	paths := []string{f.Places.Config, filepath.Join(f.Places.State, ".env")}
	if f.Places.OpenClaw != "" {
		paths = append(paths, filepath.Join(f.Places.OpenClaw, ".env"))
	}
	paths = append(paths, f.includes...)
	paths = slices.AppendSeq(paths, maps.Keys(f.stores))
	slices.Sort(paths)
	f.stamps = nil
	for _, p := range slices.Compact(paths) {
		f.stamps = append(f.stamps, stampOf(p))
	}
	f.keyFiles = f.stampKeyFiles()
}

// stampKeyFiles remembers the files that hold credentials for references. They are read
// only when a credential is needed.
func (f *File) stampKeyFiles() []stamp {
	var out []stamp
	for _, name := range slices.Sorted(maps.Keys(f.Config.Secrets.Providers)) {
		if p := f.Config.Secrets.Providers[name]; p.Source == "file" && p.Path != "" {
			out = append(out, stampOf(f.Places.expand(p.Path)))
		}
	}
	return out
}

// Touched reports whether a file of this config looks different on disk: a few
// stats, no reads. A Hearth file that has come up beside an OpenClaw one counts.
func (f *File) Touched() bool {
	if now, err := Locate(f.opts); err == nil && now.Config != f.Places.Config {
		return true
	}
	return slices.ContainsFunc(slices.Concat(f.stamps, f.keyFiles), func(s stamp) bool { return !stampOf(s.path).same(s) })
}

// Reload reads the config again when it was touched. changed is false when nothing
// was touched or the bytes are what they were; a touched file of credentials counts as
// changed, for it is not read here. A file that broke or went away
// meanwhile keeps f's Config, and the warning says so: what runs is better than what
// was last saved.
func (f *File) Reload(ctx context.Context) (next *File, warnings []Warning, changed bool, err error) {
	if !f.Touched() {
		return f, nil, false, nil
	}
	next, warnings, err = Load(ctx, f.opts)
	if err != nil {
		return f, nil, false, err
	}
	next.gone = !next.Exists && (f.Exists || f.gone) && next.Places.Config == f.Places.Config
	if next.Broken != nil || next.gone {
		warnings = []Warning{next.hold(f)}
	}
	if next.sameBytes(f) {
		return next, nil, !slices.EqualFunc(next.keyFiles, f.keyFiles, stamp.same), nil
	}
	return next, warnings, true, nil
}

// hold has f go on with what before held, and says why.
func (f *File) hold(before *File) Warning {
	f.Config, f.tree, f.env = before.Config, before.tree, before.env
	f.findings, f.unused = before.findings, before.unused
	f.includes = slices.Concat(f.includes, before.includes)
	f.readStores()
	f.watch()
	f.LastGood = before.LastGood || before.Broken == nil
	w := Warning{Kind: Missing, File: f.Places.Config, Message: "the file is gone"}
	if f.Broken != nil {
		w = brokenWarning(f.Places.Config, f.Broken)
	}
	w.Message += "; what was read before stays in use"
	return w
}

func (f *File) sameBytes(o *File) bool {
	return slices.EqualFunc(f.sources, o.sources, func(a, b *source) bool {
		return a.path == b.path && string(a.bytes) == string(b.bytes)
	}) && slices.EqualFunc(f.env.files, o.env.files, maps.Equal) && f.Exists == o.Exists && sameStores(f.stores, o.stores)
}
