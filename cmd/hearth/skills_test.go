package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"hearth"
	"hearth/prompt"
	"hearth/tool"
)

// bookshelf is an app whose owner has skills in some places. Paths begin with ws, home or
// openclaw; what is written is the description, or a whole SKILL.md.
type bookshelf struct {
	*app
	kit  *toolkit
	err  bytes.Buffer
	home string
}

func newBookshelf(t *testing.T, cfg string, skills map[string]string) *bookshelf {
	t.Helper()
	b := &bookshelf{home: t.TempDir()}
	t.Setenv("HOME", b.home)
	t.Setenv("USERPROFILE", b.home)
	b.app = scene(t, cfg)
	b.io.err = &b.err
	for name, text := range skills {
		b.write(t, name, text)
	}
	b.open(t)
	return b
}

func (b *bookshelf) open(t *testing.T) {
	t.Helper()
	kit, err := b.toolbox.toolkit(t.Context(), choice{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kit.close)
	b.kit = kit
}

func (b *bookshelf) write(t *testing.T, name, text string) {
	t.Helper()
	in, rest, _ := strings.Cut(name, "/")
	dir := map[string]string{"ws": b.state("workspace"), "home": b.home, "state": b.state(), "openclaw": filepath.Join(b.home, ".openclaw")}[in]
	file := filepath.Join(dir, filepath.FromSlash(rest), "SKILL.md")
	if !strings.HasPrefix(text, "---") {
		text = "---\nname: " + filepath.Base(filepath.Dir(file)) + "\ndescription: " + text + "\n---\nHow.\n"
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (b *bookshelf) skills(t *testing.T) []prompt.Skill {
	t.Helper()
	own, _ := b.file.Config.Agents.Agent("")
	h, err := b.toolbox.house(b.kit, own)
	if err != nil {
		t.Fatal(err)
	}
	return h.Skills
}

// told gives each skill as its name, description and where it is read, below the home
// folder as ~.
func (b *bookshelf) told(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, s := range b.skills(t) {
		out = append(out, s.Name+": "+s.Description+": "+strings.Replace(s.Location, filepath.ToSlash(b.home), "~", 1))
	}
	return out
}

func (b *bookshelf) read(t *testing.T, path string) hearth.ToolResult {
	t.Helper()
	at := slices.IndexFunc(b.kit.tools, func(t tool.Tool) bool { return t.Spec().Name == "read" })
	got, err := b.kit.tools[at].Run(t.Context(), hearth.ToolCall{ID: "1", Name: "read", Arguments: jsonText(map[string]string{"path": path})})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSkillsComeFromTheirPlacesAndTheNearestCounts(t *testing.T) {
	b := newBookshelf(t, `{skills: {load: {extraDirs: ["~/pack", "beside", "${HEARTHTEST_UNSET}"]}, entries: {off: {enabled: false}, on: {enabled: true}}, limits: {maxSkillsPromptChars: 700}}}`, map[string]string{
		"ws/skills/a": "first", "ws/.agents/skills/a": "second", "home/.agents/skills/a": "third", "home/pack/a": "last",
		"ws/.agents/skills/b": "second", "home/.agents/skills/b": "third",
		"home/.agents/skills/c": "third", "home/pack/group/c": "last", "home/pack/group/d": "last",
		"openclaw/skills/e": "not with HEARTH_HOME", "home/pack/off": "x", "home/pack/on": "last",
		"state/beside/f": "beside the config", "home/pack/bad": "---\nname: bad\n---\n",
	})
	want := []string{
		"a: first: skills/a/SKILL.md", "b: second: .agents/skills/b/SKILL.md", "c: third: ~/.agents/skills/c/SKILL.md",
		"on: last: ~/pack/on/SKILL.md", "d: last: ~/pack/group/d/SKILL.md",
		"f: beside the config: " + filepath.ToSlash(b.state("beside", "f", "SKILL.md")),
	}
	for range 2 {
		if got := b.told(t); !reflect.DeepEqual(got, want) {
			t.Errorf("told %q\nwant %q", got, want)
		}
	}
	if n := strings.Count(b.err.String(), "is no skill: its front matter has no description"); n != 1 {
		t.Errorf("the person is told %d times: %s", n, &b.err)
	}
	own, _ := b.file.Config.Agents.Agent("")
	if h, err := b.toolbox.house(b.kit, own); err != nil || h.SkillsMaxChars != 700 {
		t.Errorf("the list may have %d characters (%v)", h.SkillsMaxChars, err)
	}
}

// What a model is told of it can read, with what lies beside it; nothing else outside.
func TestSkillsOutsideTheWorkspaceAreRead(t *testing.T) {
	b := newBookshelf(t, `{skills: {load: {extraDirs: ["~"]}, entries: {hidden: {enabled: false}}}}`, map[string]string{
		"home/weather": "tells", "home/weather/more": "tells more", "home/hidden": "x", "ws/skills/near": "is near",
	})
	secret := filepath.Join(b.home, "secret.txt")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range b.skills(t) {
		if got := b.read(t, s.Location); got.Failed || !strings.Contains(got.Text, "How.") || got.From != hearth.FromFile {
			t.Errorf("%s: %+v", s.Location, got)
		}
	}
	if got := b.read(t, filepath.Join(b.home, "weather", "more", "SKILL.md")); got.Failed {
		t.Errorf("what lies beside it: %+v", got)
	}
	for _, path := range []string{secret, filepath.Join(b.home, "hidden", "SKILL.md"), filepath.Join(b.home, "weather", "..", "secret.txt")} {
		if got := b.read(t, path); !got.Failed {
			t.Errorf("%s is read: %+v", path, got)
		}
	}
}

func TestOpenClawsSkillsAreThereForThoseWhoComeFromIt(t *testing.T) {
	b := newBookshelf(t, `{}`, map[string]string{"openclaw/skills/e": "managed"})
	t.Setenv("HEARTH_HOME", "")
	a, err := newApp(t.Context(), b.io, &options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.close)
	b.app = a
	b.open(t)
	if got, want := b.told(t), []string{"e: managed: ~/.openclaw/skills/e/SKILL.md"}; !reflect.DeepEqual(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestAnAgentHasTheSkillsItsOwnerNames(t *testing.T) {
	all := map[string]string{"ws/skills/a": "x", "ws/skills/b": "x"}
	for cfg, want := range map[string]int{
		`{}`:                                    2,
		`{agents: {defaults: {skills: ["b"]}}}`: 1,
		`{agents: {defaults: {skills: []}}}`:    0,
		`{agents: {defaults: {skills: []}, list: [{id: "main", skills: ["a", "b"]}]}}`: 2,
		`{tools: {deny: ["read"]}}`: 0,
	} {
		if got := newBookshelf(t, cfg, all).skills(t); len(got) != want {
			t.Errorf("%s: %+v", cfg, got)
		}
	}
}

// A skill needs what a command would find, and what the config says.
func TestSkillsAreOfUseWhereTheirNeedsAreMet(t *testing.T) {
	needs := func(what string) string {
		return "---\nname: s\ndescription: d\nmetadata: {\"openclaw\": {\"requires\": {" + what + "}}}\n---\n"
	}
	t.Setenv("HEARTHTEST_SET", "1")
	for what, want := range map[string]int{
		`"bins": ["go"]`: 1, `"bins": ["no-such-program"]`: 0, `"anyBins": ["no-such-program", "go"]`: 1, `"bins": ["../go"]`: 0,
		`"env": ["HEARTHTEST_SET"]`: 1, `"env": ["HEARTHTEST_UNSET"]`: 0,
		`"config": ["tools.exec.security"]`: 1, `"config": ["agents.defaults.warmup"]`: 0, `"config": ["tools.exec.host"]`: 0,
	} {
		b := newBookshelf(t, `{tools: {exec: {security: "full"}}, agents: {defaults: {warmup: false}}}`, map[string]string{"ws/skills/s": needs(what)})
		if got := b.skills(t); len(got) != want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

// A skill that a command brought is not its owner's word, wherever it is.
func TestSkillsThatACommandBroughtAreNotTheOwners(t *testing.T) {
	b := newBookshelf(t, `{}`, map[string]string{"ws/skills/mine": "x"})
	ended, err := b.kit.taints.Run()
	if err != nil {
		t.Fatal(err)
	}
	b.write(t, "ws/skills/near", "x")
	b.write(t, "home/.agents/skills/far", "x")
	if err := ended(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, s := range b.skills(t) {
			if s.Name != "mine" && !s.Tainted { // the stamps of files are coarse
				t.Errorf("%+v", s)
			}
		}
	}
	if n := strings.Count(b.err.String(), "far/SKILL.md was changed by a command"); n != 1 {
		t.Errorf("the person is told %d times: %s", n, &b.err)
	}
	if got := b.read(t, filepath.Join(b.home, ".agents", "skills", "far", "SKILL.md")); got.Failed || got.From != hearth.FromTool {
		t.Errorf("reading it: %+v", got)
	}
}
