package config

import (
	"path/filepath"
	"slices"
	"strings"
)

// Programs are the absolute paths of what this config has the gateway run by itself, model
// servers and programs that give credentials: the programs, the files that their arguments
// name, and the folder that a server is started in. Symbolic links are followed. Whoever may
// write one of them runs commands with the owner's rights.
func (f *File) Programs() []string {
	var out []string
	add := func(dir, command string, args []string) {
		for _, arg := range append([]string{command}, args...) {
			for _, path := range pathsIn(dir, arg) {
				out = append(out, realPath(f.Places.expand(path)))
			}
		}
	}
	for _, p := range f.Config.Secrets.Providers {
		if p.Source == "exec" && p.Command != "" {
			add(filepath.Dir(p.Command), p.Command, p.Args)
		}
	}
	for _, p := range f.Config.Models.Providers {
		if l := p.LocalService; l != nil && l.Command != "" {
			add(l.Cwd, l.Command, l.Args)
			if l.Cwd != "" {
				out = append(out, realPath(f.Places.expand(l.Cwd)))
			}
			for _, value := range l.Env { // where its code is looked for: PYTHONPATH
				for _, path := range filepath.SplitList(value) {
					if filepath.IsAbs(path) {
						out = append(out, realPath(path))
					}
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// mostWords and mostFolders bound what is looked at of one argument: a long line is a
// program of its own.
const (
	mostWords   = 64
	mostFolders = 8
)

// pathsIn gives what may be files in one argument, which may be a shell's command line: its
// words, each as it is and behind every folder that the line names.
func pathsIn(dir, arg string) (paths []string) {
	dirs := []string{dir}
	words := append([]string{arg}, strings.FieldsFunc(arg, func(r rune) bool { return strings.ContainsRune(" \t\n;&|<>()\"'`=", r) })...)
	words = words[:min(len(words), mostWords)]
	for _, w := range words {
		if filepath.IsAbs(w) || strings.HasPrefix(w, "~") {
			dirs, paths = append(dirs, w), append(paths, w)
		}
	}
	for _, w := range words {
		for _, d := range dirs[:min(len(dirs), mostFolders)] {
			if !filepath.IsAbs(w) && !strings.HasPrefix(w, "~") {
				paths = append(paths, filepath.Join(d, w))
			}
		}
	}
	return paths
}
