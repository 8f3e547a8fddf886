package skill_test

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"hearth/skill"
)

// house writes files below a new folder, and gives it. A text that begins with -> is a link.
func house(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, ok := strings.CutPrefix(text, "->"); ok {
			err = os.Symlink(filepath.FromSlash(to), file)
		} else {
			err = os.WriteFile(file, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func page(name string) string {
	return "---\nname: " + name + "\ndescription: does " + name + "\n---\nHow.\n"
}

// names gives what was found, as file and name.
func names(dir string, found []skill.Skill) []string {
	var out []string
	for i := range found {
		rel, err := filepath.Rel(dir, found[i].Path())
		if err != nil {
			rel = found[i].Path()
		}
		out = append(out, filepath.ToSlash(rel)+" "+found[i].Name)
	}
	return out
}

func TestSkillsAreFoundInTheOrderOfThePlaces(t *testing.T) {
	dir := house(t, map[string]string{
		"ws/skills/weather/SKILL.md":         page("weather"),
		"ws/skills/weather/scripts/SKILL.md": page("inside-another"),
		"ws/skills/media/video/SKILL.md":     page("video"),
		"ws/skills/media/audio/SKILL.md":     page("audio"),
		"ws/skills/media/deep/er/SKILL.md":   page("too-deep"),
		"ws/skills/.hidden/SKILL.md":         page("hidden"),
		"ws/skills/node_modules/x/SKILL.md":  page("module"),
		"ws/skills/a-loop":                   "->.", // a group that holds all the others again
		"ws/skills/README.md":                "about",
		"ws/skills/notes/README.md":          "about",
		"ws/.agents/skills/weather/SKILL.md": page("weather"),
		"one/SKILL.md":                       page("one"),
		"one/more/SKILL.md":                  page("more"),
	})
	found, rejects := skill.Find([]skill.Place{
		{Base: filepath.Join(dir, "ws"), Sub: "skills"}, {Base: filepath.Join(dir, "ws"), Sub: ".agents/skills"},
		{Base: filepath.Join(dir, "absent")}, {Base: filepath.Join(dir, "ws"), Sub: "absent"}, {Base: filepath.Join(dir, "one")},
	})
	want := []string{
		"ws/skills/weather/SKILL.md weather", "ws/skills/a-loop/weather/SKILL.md weather", "ws/skills/media/audio/SKILL.md audio", "ws/skills/media/video/SKILL.md video",
		"ws/.agents/skills/weather/SKILL.md weather", "one/SKILL.md one",
	}
	if got := names(dir, found); !reflect.DeepEqual(got, want) || len(rejects) > 0 {
		t.Errorf("found %q, rejected %v\nwant  %q", got, rejects, want)
	}
	for i := range found {
		if s := &found[i]; s.Dir != filepath.Dir(s.Path()) || s.Version == "" || s.Info == nil {
			t.Errorf("%+v", s)
		}
	}
}

func TestAVersionChangesWithTheFile(t *testing.T) {
	dir := house(t, map[string]string{"a/SKILL.md": page("a")})
	version := func() string {
		t.Helper()
		found, _ := skill.Find([]skill.Place{{Base: dir}})
		if len(found) != 1 {
			t.Fatalf("found %v", found)
		}
		return found[0].Version
	}
	before := version()
	if again := version(); again != before {
		t.Errorf("%s, then %s", before, again)
	}
	if err := os.WriteFile(filepath.Join(dir, "a", "SKILL.md"), []byte(page("a")+"And more.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if after := version(); after == before {
		t.Error("another text is the same version")
	}
}

func TestWhatLooksLikeASkillAndIsNoneIsNamed(t *testing.T) {
	dir := house(t, map[string]string{
		"good/SKILL.md": page("good"), "bad/SKILL.md": "# Bad\n", "folder/SKILL.md/x": "", "long/SKILL.md": page("long") + strings.Repeat("x", 256_000),
	})
	found, rejects := skill.Find([]skill.Place{{Base: dir}})
	if got := names(dir, found); !reflect.DeepEqual(got, []string{"good/SKILL.md good"}) {
		t.Errorf("found %q", got)
	}
	var got []string
	for _, r := range rejects {
		got = append(got, filepath.Base(filepath.Dir(r.Path))+": "+r.Err.Error())
	}
	want := []string{"bad: it does not begin with front matter", "folder: it is not a file", "long: it is longer than 256000 bytes"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("rejected %q, want %q", got, want)
	}
}

// A skill is what its place holds: no link makes a file elsewhere one.
func TestNoLinkLeadsOutOfAPlace(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("making links there takes a right that people lack")
	}
	dir := house(t, map[string]string{
		"else/SKILL.md": page("else"), "ws/plain/SKILL.md": page("plain"),
		"ws/skills/out": "->../../else", "ws/skills/file/SKILL.md": "->../../../else/SKILL.md",
		"ws/skills/in": "->../plain", "ws/skills/gone": "->nowhere", "ws/skills/note": "->../plain/SKILL.md",
	})
	found, rejects := skill.Find([]skill.Place{{Base: filepath.Join(dir, "ws"), Sub: "skills"}})
	if got := names(dir, found); !reflect.DeepEqual(got, []string{"ws/skills/in/SKILL.md plain"}) {
		t.Errorf("found %q", got)
	}
	if len(rejects) != 2 || !strings.Contains(rejects[0].Err.Error(), "escapes") || !strings.Contains(rejects[1].Err.Error(), "escapes") {
		t.Errorf("rejected %v", rejects)
	}
}
