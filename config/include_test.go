package config

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestIncludesMergeAsOpenClawMergesThem(t *testing.T) {
	h := newHome(t)
	h.write(".hearth/agents.json5", "{ defaults: { workspace: '~/inc', $include: './deep/more.json5' }, list: [{ id: 'a' }] }")
	h.write(".hearth/deep/more.json5", "{ thinkingDefault: 'low', model: 'p/deep', $include: '../third.json5' }")
	h.write(".hearth/third.json5", "{ contextTokens: 5 }")
	h.write(".hearth/one.json5", "{ p: { baseUrl: 'http://one', models: [{ id: 'm1' }], timeoutSeconds: 1 } }")
	h.write(".hearth/two.json5", "{ p: { baseUrl: 'http://two', models: [{ id: 'm2' }] }, q: { baseUrl: '${Q}' } }")
	h.vars["Q"] = "from the environment"
	f, warnings := h.config(`{
  agents: { $include: "agents.json5", defaults: { model: "p/here" } },
  models: { providers: { $include: ["one.json5", "./two.json5"] } },
}`)
	wantWarnings(t, warnings, "")
	d := f.Config.Agents.Defaults
	if d.Workspace != "~/inc" || d.ThinkingDefault != "low" || d.Model.Primary != "p/here" || d.ContextTokens != 5 || f.Config.Agents.List[0].ID != "a" {
		t.Errorf("agents are %+v", f.Config.Agents)
	}
	p := f.Config.Models.Providers["p"]
	if p.BaseURL != "http://two" || p.TimeoutSeconds != 1 || len(p.Models) != 2 || f.Config.Models.Providers["q"].BaseURL != "from the environment" {
		t.Errorf("providers are %+v", f.Config.Models.Providers)
	}
}

func TestAnIncludeThatCannotBeFollowedIsOneWarning(t *testing.T) {
	for _, c := range []struct {
		name, config string
		files        map[string]string
		want         string // after "hearth.json:1: ", "; the defaults are used" left out
	}{
		{"a missing file", "{$include: 'gone.json5'}", nil, "$include: lstat gone.json5: no such file or directory"},
		{"outside by dots", "{$include: '../x.json5'}", map[string]string{"x.json5": "{}"}, "$include: ../x.json5 lies outside the folder of the config file"},
		{"outside by an absolute path", "{$include: '/etc/passwd'}", nil, "$include: /etc/passwd lies outside the folder of the config file"},
		{"itself", "{$include: 'hearth.json'}", nil, "$include: hearth.json includes itself: hearth.json -> hearth.json"},
		{"each other", "{$include: 'a'}", map[string]string{".hearth/a": "{x: {$include: 'b'}}", ".hearth/b": "{x: {$include: 'a'}}"}, "b:1: $include: a includes itself: hearth.json -> a -> b -> a"},
		{"no text", "{$include: 5}", nil, "$include: it takes a file name or a list of file names"},
		{"an empty name", "{$include: ''}", nil, `$include: "" is not a file name`},
		{"a NUL", "{$include: 'a\\0b'}", nil, `$include: "a\x00b" is not a file name`},
		{"a list beside keys", "{agents: {$include: 'l', x: 1}}", map[string]string{".hearth/l": "{}"}, ""},
		{"a file that does not parse", "{$include: 'bad'}", map[string]string{".hearth/bad": "{\n a: }"}, "bad:2:5: unexpected '}' where a value should be"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if runtime.GOOS == "windows" {
				t.Skip("the texts name files as Unix does")
			}
			h := newHome(t)
			for name, text := range c.files {
				h.write(name, text)
			}
			f, warnings := h.config(c.config)
			if c.want == "" {
				if f.Broken != nil {
					t.Error(f.Broken)
				}
				return
			}
			got := strings.ReplaceAll(messages(warnings), h.path(".hearth")+"/", "")
			got, _, _ = strings.Cut(strings.TrimPrefix(got, "hearth.json:1: "), "; the defaults are used")
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if issues := f.Validate().Issues; len(issues) != 1 || issues[0].Path != "<root>" {
				t.Errorf("issues %v", issues)
			}
		})
	}
}

func TestIncludesNestTenFilesDeepAndNoDeeper(t *testing.T) {
	for depth, ok := range map[int]bool{10: true, 11: false} {
		h := newHome(t)
		for i := 1; i <= depth; i++ {
			text := fmt.Sprintf("{$include: 'f%d'}", i+1)
			if i == depth {
				text = "{models: {mode: 'replace'}}"
			}
			h.write(fmt.Sprintf(".hearth/f%d", i), text)
		}
		f, _ := h.config("{$include: 'f1'}")
		if got := f.Broken == nil; got != ok || ok && f.Config.Models.Mode != "replace" {
			t.Errorf("%d files deep: %v", depth, f.Broken)
		}
	}
}

// Few small files, each of which includes the next a few times, would be read as billions.
func TestIncludesDoNotMultiplyWithoutEnd(t *testing.T) {
	h := newHome(t)
	for i := range 5 {
		var b strings.Builder
		for j := range 6 {
			fmt.Fprintf(&b, "k%d: {$include: 'f%d'}, ", j, i+1)
		}
		h.write(fmt.Sprintf(".hearth/f%d", i), "{"+b.String()+"}")
	}
	h.write(".hearth/f5", "{}")
	f, warnings := h.config("{$include: 'f0'}")
	if f.Broken == nil || len(warnings) != 1 || !strings.Contains(warnings[0].Message, "more than 1000 times") {
		t.Errorf("%v, warnings %v", f.Broken, warnings)
	}
}

func TestAnIncludedFileHasALimit(t *testing.T) {
	h := newHome(t)
	h.write(".hearth/big", "{} //"+strings.Repeat("x", maxIncludeBytes))
	f, _ := h.config("{$include: 'big'}")
	if f.Broken == nil || !strings.Contains(f.Broken.Error(), "larger than 2 MB") {
		t.Errorf("broken: %v", f.Broken)
	}
}

func TestSymbolicLinksCannotLeadAnIncludeOut(t *testing.T) {
	h := newHome(t)
	secret := h.write("secret.json5", "{models: {mode: 'replace'}}")
	h.write(".hearth/in.json5", "{models: {mode: 'replace'}}")
	for link, to := range map[string]string{"out.json5": secret, "inside.json5": h.path(".hearth/in.json5")} {
		if err := os.Symlink(to, h.path(".hearth/"+link)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	if f, _ := h.config("{$include: 'out.json5'}"); f.Broken == nil {
		t.Error("a link led outside")
	}
	if f, _ := h.config("{$include: 'inside.json5'}"); f.Broken != nil || f.Config.Models.Mode != "replace" {
		t.Errorf("a link inside: %v", f.Broken)
	}
}

func TestIncludesMayLieWhereTheEnvironmentAllowsIt(t *testing.T) {
	h := newHome(t)
	h.write("shared/models.json5", "{mode: 'replace'}")
	h.write("elsewhere/models.json5", "{mode: 'replace'}")
	h.vars["OPENCLAW_INCLUDE_ROOTS"] = h.path("gone") + string(filepath.ListSeparator) + "~/shared"
	f, warnings := h.config("{models: {$include: '../shared/models.json5'}}")
	wantWarnings(t, warnings, "")
	if f.Config.Models.Mode != "replace" {
		t.Errorf("mode %q", f.Config.Models.Mode)
	}
	if f, _ := h.config("{models: {$include: '../elsewhere/models.json5'}}"); !f.LastGood {
		t.Errorf("a folder that nobody allowed is read: %v", f.Broken)
	}
}

// Whoever may write one of these files writes the config, so the gateway keeps its tools
// away from them: also from one that is not there yet, and from those behind one that broke.
func TestFilesNamesAllThatAConfigIsMadeOf(t *testing.T) {
	h := newHome(t)
	h.write(".hearth/broken.json5", "{")
	h.write(".hearth/nested.json5", "{exec: {$include: 'absent.json5'}}")
	h.write(".hearth/folder/x", "")
	if err := os.MkdirAll(h.path("keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	wants := func(f *File, names ...string) {
		t.Helper()
		files := f.Files()
		for _, n := range names {
			if !slices.Contains(files, h.path(n)) {
				t.Errorf("%s is not among %q", n, files)
			}
		}
		if slices.Contains(files, h.path(".hearth/folder")) || slices.Contains(files, h.path(".hearth")) {
			t.Errorf("a folder is among %q", files)
		}
	}
	f, _ := h.config("{tools: {$include: 'nested.json5'}, secrets: {providers: {k: {source: 'file', path: '" + filepath.ToSlash(h.path("keys/k")) + "'}}}}")
	wants(f, ".hearth/hearth.json", ".hearth/nested.json5", ".hearth/absent.json5", ".hearth/.env")
	f, _ = h.config("{tools: {$include: ['broken.json5', 'nested.json5', 'folder', '']}, agents: {$include: 'absent.json5'}, models: {$include: '../later.json5'}}")
	wants(f, ".hearth/broken.json5", ".hearth/nested.json5", ".hearth/absent.json5", "later.json5")
}

func TestTheLastGoodCopyNamesWhatItWasMadeOf(t *testing.T) {
	h := newHome(t)
	h.write(".hearth/tools.json5", "{}")
	h.config("{tools: {$include: 'tools.json5'}}")
	f, _ := h.config("{tools: {$incl")
	if !f.LastGood || !slices.Contains(f.Files(), h.path(".hearth/tools.json5")) {
		t.Errorf("got %t, %q", f.LastGood, f.Files())
	}
}

func TestAConfigThatBreaksKeepsTheFilesItWasMadeOf(t *testing.T) {
	h := newHome(t)
	h.write(".hearth/tools.json5", "{}")
	f, _ := h.config("{tools: {$include: 'tools.json5'}}")
	h.write(".hearth/hearth.json", "{tools: {")
	next, _, _, err := f.Reload(t.Context())
	if err != nil || next.Broken == nil || !slices.Contains(next.Files(), h.path(".hearth/tools.json5")) {
		t.Errorf("got %v, %v, %q", err, next.Broken, next.Files())
	}
}
