package config

import (
	"reflect"
	"testing"
)

func TestWhatTheOwnerSaysOfSkills(t *testing.T) {
	f, warnings := newHome(t).config(`{
  skills: {
    entries: { a: { enabled: false }, b: { enabled: true, env: { X: "1" } } },
    load: { extraDirs: ["~/pack"], watch: true },
    limits: { maxSkillsPromptChars: 900 },
  },
  agents: {
    defaults: { skills: ["a", "b"] },
    list: [{ id: "one" }, { id: "two", skills: [], skillsLimits: { maxSkillsPromptChars: 500 } }],
  },
}`)
	wantWarnings(t, warnings, "hearth.json: OpenClaw's keys that Hearth does not use: skills.entries.b.env, skills.load.watch")
	s := f.Config.Skills
	one, _ := f.Config.Agents.Agent("one")
	two, _ := f.Config.Agents.Agent("two")
	for what, pair := range map[string][2]any{
		"off":               {*s.Entries["a"].Enabled, false},
		"on":                {*s.Entries["b"].Enabled, true},
		"no word":           {s.Entries["c"].Enabled, (*bool)(nil)},
		"folders":           {s.Load.ExtraDirs, []string{"~/pack"}},
		"the list's length": {s.Limits.MaxSkillsPromptChars, 900},
		"an agent's own":    {two.SkillsLimits.MaxSkillsPromptChars, 500},
		"by default":        {one.Skills, []string{"a", "b"}},
		"none":              {two.Skills, []string{}},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: %#v, want %#v", what, pair[0], pair[1])
		}
	}
}
