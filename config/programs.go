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
		for _, name := range append([]string{command}, args...) {
			if _, value, ok := strings.Cut(name, "="); ok { // --script=x
				name = value
			}
			if !filepath.IsAbs(name) && !strings.HasPrefix(name, "~") {
				name = filepath.Join(dir, name)
			}
			out = append(out, realPath(f.Places.expand(name)))
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
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
