package main

import (
	"cmp"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"hearth/config"
	"hearth/prompt"
	"hearth/skill"
)

// shelf is where the skills of one conversation are, and which of them count. It says
// what there is at the moment it is asked.
type shelf struct {
	workspace string
	places    []skill.Place
	host      skill.Host
	rules     skill.Rules
	maxChars  int // of the list that a model is given; 0 means the default
}

// shelf maps the config to where an agent's skills are (runtime facts 8.3).
func (b *toolbox) shelf(workspace string, own config.Agent, paths []string) shelf {
	file := b.file
	s := shelf{
		workspace: workspace,
		places: []skill.Place{
			{Base: workspace, Sub: "skills"}, {Base: workspace, Sub: ".agents/skills"},
			{Base: file.Places.Expand("~/.agents/skills")},
		},
		host: skill.Host{
			OS:      map[string]string{"windows": "win32"}[runtime.GOOS],
			Program: func(name string) bool { return runnable(name, paths) },
			Env:     func(name string) bool { return b.io.getenv(name) != "" }, // as a command would find it
			Config:  func(path string) bool { return holds(file, path) },
		},
		rules: skill.Rules{Only: own.Skills, Off: func(key string) bool {
			on := file.Config.Skills.Entries[key].Enabled
			return on != nil && !*on
		}},
		maxChars: cmp.Or(own.SkillsLimits.MaxSkillsPromptChars, file.Config.Skills.Limits.MaxSkillsPromptChars),
	}
	s.host.OS = cmp.Or(s.host.OS, runtime.GOOS)
	if file.Places.OpenClaw != "" {
		s.places = append(s.places, skill.Place{Base: filepath.Join(file.Places.OpenClaw, "skills")})
	}
	for _, dir := range file.Config.Skills.Load.ExtraDirs {
		if !filepath.IsAbs(dir) && !strings.HasPrefix(dir, "~") { // not in whatever folder the person is in
			dir = filepath.Join(filepath.Dir(file.Path()), dir)
		}
		s.places = append(s.places, skill.Place{Base: file.Places.Expand(dir)})
	}
	return s
}

// runnable reports whether a command finds a program.
func runnable(name string, paths []string) bool {
	if filepath.Base(name) != name {
		return false
	}
	for _, dir := range append([]string{""}, paths...) {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// holds reports whether the config says something at a path that is not no.
func holds(file *config.File, path string) bool {
	v, err := file.Get(path)
	if err != nil {
		return false
	}
	raw, err := v.JSON()
	return err == nil && !slices.Contains([]string{"null", "false", "0", `""`}, string(raw))
}

// choose gives the skills there are now that are of use.
func (s *shelf) choose() ([]skill.Skill, []skill.Reject) {
	found, rejects := skill.Find(s.places)
	return skill.Choose(found, s.host, s.rules), rejects
}

// folders gives the folders of the skills outside the workspace, where the tool read may
// read: what belongs to a skill is beside its SKILL.md.
func (s *shelf) folders() []string {
	chosen, _ := s.choose()
	var out []string
	for i := range chosen {
		if s.inside(&chosen[i]) == "" {
			out = append(out, chosen[i].Dir)
		}
	}
	return out
}

// inside gives the name of a skill's file in the workspace, by slashes; "" when it is not there.
func (s *shelf) inside(one *skill.Skill) string {
	rel, err := filepath.Rel(s.workspace, one.Path())
	if err != nil || !filepath.IsLocal(rel) {
		return ""
	}
	return filepath.ToSlash(rel)
}

// skills gives what a model is told of the skills there are now. Folders that look like
// skills and are none are named once.
func (b *toolbox) skills(kit *toolkit) []prompt.Skill {
	if !slices.Contains(kit.names(), "read") {
		return nil
	}
	chosen, rejects := kit.shelf.choose()
	for _, r := range rejects {
		if b.once("skill " + r.Path + r.Err.Error()) {
			fmt.Fprintf(b.io.err, "note: %s is no skill: %s\n", oneLine(r.Path), noSkill(r.Err))
		}
	}
	var out []prompt.Skill
	for i := range chosen {
		s := &chosen[i]
		where := cmp.Or(kit.shelf.inside(s), filepath.ToSlash(s.Path()))
		tainted := kit.taints.Unseen(where, s.Info)
		b.tellTainted(where, tainted)
		out = append(out, prompt.Skill{Name: s.Name, Description: s.Description, Location: where, Version: s.Version, Tainted: tainted})
	}
	return out
}

// noSkill says why a folder is left out, and what to do.
func noSkill(err error) string {
	if strings.Contains(err.Error(), "path escapes from parent") {
		return "it is a link to a place outside of where skills are looked for; put a copy there instead, or name that place in skills.load.extraDirs"
	}
	return oneLine(err.Error())
}
