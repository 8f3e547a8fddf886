package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"hearth/internal/json5"
)

// apply makes edits and writes them.
func (h *home) apply(edits ...Edit) Written {
	h.t.Helper()
	f, _ := h.load()
	c, err := f.Apply(edits...)
	if err != nil {
		h.t.Fatal(err)
	}
	w, err := c.Write(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	return w
}

const commented = `// my box
{
  agents: {
    defaults: {
      model: { primary: "lmstudio/qwen-2.5" }, // the big one
      models: {
        "lmstudio/qwen-2.5": { alias: "Q" },
      },
    },
  },
  models: {
    mode: "merge",
    providers: {
      lmstudio: {
        baseUrl: "http://127.0.0.1:1234/v1",
        models: [
          { id: "qwen-2.5", name: "Qwen", contextWindow: 32768 }, // as loaded
        ],
      },
    },
  },
}
`

// The command that OpenClaw's page on local models gives, as it stands there.
func TestTheDocumentedConfigSetWorks(t *testing.T) {
	h := newHome(t)
	h.config(commented)
	h.apply(Edit{
		Path:  "agents.defaults.models",
		Value: `{"local/my-local-model":{"params":{"extra_body":{"tool_choice":"required"}}}}`, StrictJSON: true, Merge: true,
	})
	want := strings.Replace(commented, `        "lmstudio/qwen-2.5": { alias: "Q" },
`, `        "lmstudio/qwen-2.5": { alias: "Q" },
        "local/my-local-model": {
          params: {
            extra_body: { tool_choice: "required" },
          },
        },
`, 1)
	if got := h.read(".hearth/hearth.json"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	f, _ := h.load()
	if got := f.Config.Agents.ParamsFor("", "local/my-local-model")["extra_body"]; string(got) != `{"tool_choice":"required"}` {
		t.Errorf("extra_body is %s", got)
	}
}

func TestSetChangesTheFileAsAPersonWould(t *testing.T) {
	for _, c := range []struct {
		name     string
		edit     Edit
		old, new string // the one place that changes
	}{
		{"a text in place", Edit{Path: "models.mode", Value: "replace"}, `mode: "merge"`, `mode: "replace"`},
		{
			"a path over a ref with a dot in it", Edit{Path: "agents.defaults.models.lmstudio/qwen-2.5.alias", Value: "Big"},
			`{ alias: "Q" }`, `{ alias: "Big" }`,
		},
		{
			"a ref in brackets", Edit{Path: `agents.defaults.models["lmstudio/qwen-2.5"].alias`, Value: "Big"},
			`{ alias: "Q" }`, `{ alias: "Big" }`,
		},
		{
			"a new ref with a dot in it", Edit{Path: "agents.defaults.models.local/new-1.5.alias", Value: "New"},
			"\"lmstudio/qwen-2.5\": { alias: \"Q\" },\n", "\"lmstudio/qwen-2.5\": { alias: \"Q\" },\n        \"local/new-1.5\": { alias: \"New\" },\n",
		},
		{
			"an index in brackets", Edit{Path: "models.providers.lmstudio.models[0].contextWindow", Value: "65536"},
			"contextWindow: 32768", "contextWindow: 65536",
		},
		{
			"an index after a dot", Edit{Path: "models.providers.lmstudio.models.0.maxTokens", Value: "8192"},
			"contextWindow: 32768 }", "contextWindow: 32768, maxTokens: 8192 }",
		},
		{
			"a model merged by its id", Edit{Path: "models.providers.lmstudio.models", Value: `[{id: "qwen-2.5", reasoning: true}, {id: "b", name: "B"}]`, Merge: true},
			"contextWindow: 32768 }, // as loaded\n", "contextWindow: 32768, reasoning: true }, // as loaded\n          { id: \"b\", name: \"B\" },\n",
		},
		{
			"a model merged by its id, from above", Edit{Path: "models", Value: `{providers: {lmstudio: {models: [{id: "qwen-2.5", reasoning: true}]}}}`, Merge: true},
			"contextWindow: 32768 }", "contextWindow: 32768, reasoning: true }",
		},
		{
			"a whole entry, replaced on request", Edit{Path: "models.providers.lmstudio", Value: `{baseUrl: "http://x", models: []}`, Replace: true},
			"baseUrl: \"http://127.0.0.1:1234/v1\",\n        models: [\n          { id: \"qwen-2.5\", name: \"Qwen\", contextWindow: 32768 }, // as loaded\n        ],", "baseUrl: \"http://x\",\n        models: [],",
		},
		{"an object over a text", Edit{Path: "agents.defaults.model.fallbacks", Value: `["a/b"]`}, `qwen-2.5" }, //`, `qwen-2.5", fallbacks: ["a/b"] }, //`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHome(t)
			h.config(commented)
			w := h.apply(c.edit)
			if !strings.Contains(commented, c.old) {
				t.Fatal("the test names a place that is not there")
			}
			want := strings.Replace(commented, c.old, c.new, 1)
			if got := h.read(".hearth/hearth.json"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if got, err := os.ReadFile(w.Backup); err != nil || string(got) != commented {
				t.Errorf("the backup holds %q (%v)", got, err)
			}
		})
	}
}

func TestSetThenUnsetGivesTheFileBack(t *testing.T) {
	seeds, _ := filepath.Glob(filepath.Join(os.Getenv("HEARTH_SEED_BLOCKS"), "*.json5"))
	repairs, err := filepath.Glob("testdata/repair/*")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"an empty object": "{}", "blanks only": "{ \n }\n", "one line": "{a: {b: {}}}", "CRLF": "{\r\n  // x\r\n}\r\n",
		"commented": commented, "no line end": "{\n  tools: {}\n}",
	}
	for _, name := range append(seeds, repairs...) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(name)] = string(text)
	}
	for name, text := range files {
		for _, e := range []Edit{
			{Path: "tools.exec.security", Value: "deny"},
			{Path: "agents.defaults.experimental.localModelLean", Value: "true"},
			{Path: "models.providers.new", Value: `{baseUrl: 'http://x', models: [{id: "m", name: "M", cost: {input: .5}}]}`},
			{Path: "agents.defaults.models.a/b-1.5.params.extra_body", Value: `{x: 0x10, y: [1, {z: null}]}`, Merge: true},
		} {
			t.Run(name+" "+e.Path, func(t *testing.T) {
				t.Parallel()
				h := newHome(t)
				h.config(text)
				h.apply(e)
				if got := h.read(".hearth/hearth.json"); got == text {
					t.Fatal("set changed nothing")
				}
				h.apply(Edit{Path: e.Path, Unset: true})
				if got := h.read(".hearth/hearth.json"); got != text {
					t.Errorf("came back as\n%q\nwas\n%q", got, text)
				}
			})
		}
	}
}

func TestUnsetOfAnOlderKeyTakesOnlyTheMember(t *testing.T) {
	h := newHome(t)
	h.config(commented)
	h.apply(Edit{Path: "tools.exec.security", Value: "deny"})
	h.apply(Edit{Path: "models.mode", Value: "replace"})
	h.apply(Edit{Path: "tools.exec.security", Unset: true})
	want := strings.Replace(strings.Replace(commented, `"merge"`, `"replace"`, 1), "  },\n}\n", "  },\n  tools: {\n    exec: {},\n  },\n}\n", 1)
	if got := h.read(".hearth/hearth.json"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestEditsThatWouldDropEntriesAreRefused(t *testing.T) {
	const loaded = `{agents: {defaults: {models: {"a/b": {}, "c/d": {}}}, entries: {x: {}}}, plugins: {entries: {p: {}}}, auth: {profiles: {o: {provider: "o", mode: "token"}}},
  models: {providers: {l: {baseUrl: "http://u", apiKey: "k", models: [{id: "m"}, {id: "n"}]}}}}`
	for _, c := range []struct{ path, value, want string }{
		{"agents.defaults.models", `{"c/d": {alias: "x"}}`, `this would drop "a/b" from agents.defaults.models; use --merge to keep them, or --replace to drop them`},
		{"agents.defaults.models", `{}`, `this would drop "a/b", "c/d" from agents.defaults.models; use --merge to keep them, or --replace to drop them`},
		{"agents", `{}`, `this would drop "a/b", "c/d" from agents.defaults.models; use --merge to keep them, or --replace to drop them`},
		{"agents.entries", `{y: {}}`, `this would drop "x" from agents.entries; use --merge to keep them, or --replace to drop them`},
		{"models.providers", `{n: {baseUrl: "http://v"}}`, `this would drop "l" from models.providers; use --merge to keep them, or --replace to drop them`},
		{"models.providers.l", `{baseUrl: "http://v"}`, `this would drop "apiKey", "models" from models.providers.l; use --merge to keep them, or --replace to drop them`},
		{"models.providers.l.models", `[{id: "n"}]`, `this would drop "m" from models.providers.l.models; use --merge to keep them, or --replace to drop them`},
		{"plugins.entries", `{}`, `this would drop "p" from plugins.entries; use --merge to keep them, or --replace to drop them`},
		{"auth.profiles", `{}`, `this would drop "o" from auth.profiles; use --merge to keep them, or --replace to drop them`},
	} {
		h := newHome(t)
		f, _ := h.config(loaded)
		e := Edit{Path: c.path, Value: c.value}
		_, err := f.Set(e)
		var lost *ProtectedError
		if !errors.As(err, &lost) || err.Error() != c.want {
			t.Errorf("%s = %s\n got %v\nwant %s", c.path, c.value, err, c.want)
		}
		e.Merge = true
		if _, err := f.Set(e); err != nil {
			t.Errorf("%s merged: %v", c.path, err)
		}
		e.Merge, e.Replace = false, true
		if _, err := f.Set(e); err != nil {
			t.Errorf("%s replaced: %v", c.path, err)
		}
	}
	f, _ := newHome(t).config(loaded)
	if _, err := f.Unset("agents.defaults.models"); err != nil {
		t.Errorf("unset says what it drops: %v", err)
	}
}

func TestEditsThatValidateWouldRefuseAreRefused(t *testing.T) {
	f, _ := newHome(t).config(`{agents: {defaults: {}}, oldMistake: 1}`)
	for _, c := range []struct{ path, value, want string }{
		{"agents.defaults.nope", "1", `Config validation failed: agents.defaults: Unrecognized key: "nope"`},
		{"gateway.port", "abc", `Config validation failed: gateway.port: Invalid input: expected number, received string`},
		{"models.mode", "both", `Config validation failed: models.mode: Invalid option: expected one of "merge"|"replace"`},
		{"models.providers.l", `{baseUrl: 1, x: 2}`, `Config validation failed: models.providers.l.baseUrl: Invalid input: expected string, received number (and 1 more)`},
	} {
		change, err := f.Set(Edit{Path: c.path, Value: c.value})
		var invalid *ValidationError
		if !errors.As(err, &invalid) || err.Error() != c.want {
			t.Errorf("%s = %s\n got %v\nwant %s", c.path, c.value, err, c.want)
			continue
		}
		if _, err := change.Write(t.Context()); err == nil {
			t.Errorf("%s was written all the same", c.path)
		}
	}
	if _, err := f.Set(Edit{Path: "agents.defaults.workspace", Value: "~/x"}); err != nil {
		t.Errorf("an old mistake elsewhere is in the way: %v", err)
	}
}

func TestGetAndUnsetOfAnAbsentPath(t *testing.T) {
	f, _ := newHome(t).config(commented)
	_, err := f.Get("agents.defaults.workspace")
	if err == nil || err.Error() != "Config path not found: agents.defaults.workspace" {
		t.Errorf("get: %v", err)
	}
	_, err = f.Unset("agents.defaults.workspace")
	var gone *NotFoundError
	if !errors.As(err, &gone) {
		t.Errorf("unset: %v", err)
	}
	v, err := f.Get("models.providers.lmstudio.models[0]")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := v.JSON(); err != nil || string(b) != `{"id":"qwen-2.5","name":"Qwen","contextWindow":32768}` {
		t.Errorf("get gives %s, %v", b, err)
	}
	for _, bad := range []string{"", "a..b", ".a", "a.", "a[", "a[]", `a["x`, `a["x"`, "a[0"} {
		if _, err := f.Get(bad); err == nil || errors.As(err, &gone) {
			t.Errorf("path %q: %v", bad, err)
		}
	}
}

func TestAValueIsJSON5OrText(t *testing.T) {
	f, _ := newHome(t).config("{}")
	for value, want := range map[string]string{"p/m": `"p/m"`, "'p/m'": `"p/m"`, `{primary: "x"}`: `{"primary":"x"}`, "~/x y": `"~/x y"`} {
		c, err := f.Set(Edit{Path: "agents.defaults.model", Value: value})
		if err != nil {
			t.Errorf("%s: %v", value, err)
			continue
		}
		if v, err := c.after.Get("agents.defaults.model"); err != nil {
			t.Error(err)
		} else if b, err := v.JSON(); err != nil || string(b) != want {
			t.Errorf("%s is %s, want %s (%v)", value, b, want, err)
		}
	}
	c, err := f.Set(Edit{Path: "models.providers.p.apiKey", Value: "12345"})
	if err != nil || !strings.Contains(string(c.New), `"12345"`) {
		t.Errorf("a key of digits is no text: %v", err)
	}
	c, err = f.Set(Edit{Path: "models.providers.p.timeoutSeconds", Value: "12345"})
	if err != nil || !strings.Contains(string(c.New), `: 12345`) {
		t.Errorf("a number is no number: %v", err)
	}
	if _, err := f.Set(Edit{Path: "agents.defaults.model", Value: "p/m", StrictJSON: true}); err == nil {
		t.Error("--strict-json takes a bare text")
	}
}

func TestTheFirstWriteMakesAPlainFile(t *testing.T) {
	h := newHome(t)
	w := h.apply(
		Edit{Path: "models.providers.local", Value: `{baseUrl: 'http://127.0.0.1:8080/v1', models: [{id: 'm', name: 'M'}]}`, StrictJSON: true},
		Edit{Path: "agents.defaults.model.primary", Value: "local/m"},
	)
	want := `{
  "models": {
    "providers": {
      "local": {
        "baseUrl": "http://127.0.0.1:8080/v1",
        "models": [
          {
            "id": "m",
            "name": "M"
          }
        ]
      }
    }
  },
  "agents": {
    "defaults": {
      "model": {
        "primary": "local/m"
      }
    }
  }
}
`
	if got := h.read(".hearth/hearth.json"); got != want || w.Backup != "" || !json.Valid([]byte(got)) {
		t.Errorf("wrote\n%s\n%+v", got, w)
	}
	info, err := os.Stat(w.Path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %o", info.Mode().Perm())
	}
}

func TestFiveBackupsAreKept(t *testing.T) {
	h := newHome(t)
	h.config("{models: {mode: 'merge'}}")
	for i, mode := range []string{"replace", "merge", "replace", "merge", "replace", "merge", "replace"} {
		w := h.apply(Edit{Path: "models.mode", Value: mode})
		if w.SHA256Before == w.SHA256After || len(w.SHA256After) != 64 {
			t.Errorf("edit %d: %+v", i, w)
		}
	}
	backups, err := filepath.Glob(h.path(".hearth/hearth.json.bak.*"))
	if err != nil || len(backups) != 5 {
		t.Errorf("backups %v, %v", backups, err)
	}
	if w := h.apply(Edit{Path: "models.mode", Value: "replace"}); w != (Written{}) {
		t.Errorf("an edit that changes nothing wrote %+v", w)
	}
}

func TestAnOpenClawFileIsCopiedFirst(t *testing.T) {
	h := newHome(t)
	const theirs = "// theirs\n{\n  agents: { $include: './agents.json5' },\n  models: { mode: 'merge' },\n}\n"
	h.write(".openclaw/openclaw.json", theirs)
	h.write(".openclaw/agents.json5", "{ defaults: { model: 'a/b' } }")
	before, _ := h.load()
	w := h.apply(Edit{Path: "models.mode", Value: "replace"})
	if w.Path != h.path(".hearth/hearth.json") || w.CopiedFrom != h.path(".openclaw/openclaw.json") {
		t.Errorf("written %+v", w)
	}
	if h.read(".openclaw/openclaw.json") != theirs {
		t.Error("OpenClaw's file was changed")
	}
	if got := h.read(".hearth/hearth.json"); !strings.HasPrefix(got, "// theirs\n") || !strings.Contains(got, "mode: 'replace'") {
		t.Errorf("the copy is\n%s", got)
	}
	f, warnings := h.load()
	wantWarnings(t, warnings, "")
	if f.Places.Config != w.Path || f.Config.Agents.Defaults.Model.Primary != "a/b" {
		t.Errorf("now in use: %s with %+v", f.Places.Config, f.Config.Agents.Defaults.Model)
	}
	if f.Workspace("") != before.Workspace("") || f.Workspace("x") != before.Workspace("x") {
		t.Errorf("the workspace moved from %s to %s", before.Workspace(""), f.Workspace(""))
	}
	late, err := before.Set(Edit{Path: "models.mode", Value: "replace"})
	if err != nil {
		t.Fatal(err)
	}
	if w, err = late.Write(t.Context()); err != nil || w.Path != "" {
		t.Errorf("a second copy went over the first: %+v, %v", w, err)
	}
	if !before.Touched() {
		t.Error("a running chat would not notice the copy")
	}
	h.apply(Edit{Path: "tools.exec.ask", Value: "always"})
	h.apply(Edit{Path: "tools.exec.ask", Unset: true})
}

// The line that keeps the workspace where it is goes to the file that edits of the agents
// go to: beside the $include it would make every later one impossible.
func TestACopiedIncludeCanBeEditedAgainAndAgain(t *testing.T) {
	for _, row := range []struct {
		name, main, agents, want string
		first                    Edit
	}{
		{"the included file is edited first", "{ agents: { $include: './conf/agents.json5' }, models: {} } // main\n", "{ defaults: { model: 'a/b' } } // inc\n",
			"{ defaults: { model: 'a/c', workspace: '~/.openclaw/workspace' } } // inc\n", Edit{Path: "agents.defaults.model", Value: "a/c"}},
		{"the main file is edited first", "{ agents: { $include: './conf/agents.json5' }, models: {} } // main\n", "{ defaults: { model: 'a/b' } } // inc\n",
			"{ defaults: { model: 'a/b', workspace: '~/.openclaw/workspace' } } // inc\n", Edit{Path: "models.mode", Value: "replace"}},
		{"only the defaults are included", "{ agents: { defaults: { $include: './conf/agents.json5' } }, models: {} } // main\n", "{ model: 'a/b' } // inc\n",
			"{ model: 'a/b', workspace: '~/.openclaw/workspace' } // inc\n", Edit{Path: "models.mode", Value: "replace"}},
		{"everything is included", "{ $include: './conf/agents.json5' } // main\n", "{ agents: { defaults: { model: 'a/b' } } } // inc\n",
			"{ agents: { defaults: { model: 'a/b', workspace: '~/.openclaw/workspace' } }, models: { mode: 'replace' } } // inc\n", Edit{Path: "models.mode", Value: "replace"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHome(t)
			h.write(".openclaw/openclaw.json", row.main)
			h.write(".openclaw/conf/agents.json5", row.agents)
			before, _ := h.load()
			w := h.apply(row.first)
			if w.CopiedFrom != h.path(".openclaw/openclaw.json") || w.CopiedTo != h.path(".hearth/hearth.json") {
				t.Errorf("written %+v", w)
			}
			if got := strings.ReplaceAll(h.read(".hearth/conf/agents.json5"), `"`, "'"); got != row.want {
				t.Errorf("the copied include is\n%swant\n%s", got, row.want)
			}
			if f, _ := h.load(); f.Workspace("") != before.Workspace("") {
				t.Errorf("the workspace moved from %s to %s", before.Workspace(""), f.Workspace(""))
			}
			h.apply(Edit{Path: "agents.defaults.models", Value: "{'a/b': {alias: 'B'}}", StrictJSON: true, Merge: true})
			h.apply(Edit{Path: "agents.defaults.contextTokens", Value: "20000"})
			if f, _ := h.load(); f.Config.Agents.Defaults.ContextTokens != 20000 || f.Config.Agents.Defaults.Models["a/b"].Alias != "B" {
				t.Errorf("the later edits are not there: %+v", f.Config.Agents.Defaults)
			}
			if h.read(".openclaw/openclaw.json") != row.main || h.read(".openclaw/conf/agents.json5") != row.agents {
				t.Error("OpenClaw's files were changed")
			}
		})
	}
}

func TestTheCopyOfANamedOpenClawFileIsReadFromThenOn(t *testing.T) {
	h := newHome(t)
	theirs := h.write(".openclaw/work.json", "{tools: {}}")
	h.vars["OPENCLAW_CONFIG_PATH"] = theirs
	first := h.apply(Edit{Path: "models.mode", Value: "merge"})
	second := h.apply(Edit{Path: "models.mode", Value: "replace"})
	if first.CopiedFrom != theirs || second.CopiedFrom != "" || second.Path != h.path(".hearth/hearth.json") {
		t.Errorf("written: %+v, then %+v", first, second)
	}
	if f, _ := h.load(); f.Path() != second.Path || f.Config.Models.Mode != "replace" {
		t.Errorf("%s is read, mode %q", f.Path(), f.Config.Models.Mode)
	}
	if got := h.read(".openclaw/work.json"); got != "{tools: {}}" {
		t.Errorf("OpenClaw's file is %s", got)
	}
	other := h.write(".openclaw/other.json", "{}")
	h.vars["OPENCLAW_CONFIG_PATH"] = other
	if f, _ := h.load(); f.Path() != other {
		t.Errorf("%s is read, though it is a copy of another file", f.Path())
	}
}

func TestAnEditThatNobodyWouldReadIsRefused(t *testing.T) {
	for _, c := range []struct{ name, origin, own string }{
		{"the person names the file at every start", "--config", ""},
		{"so does HEARTH_CONFIG", "HEARTH_CONFIG", ""},
		{"Hearth's own file is another config", "OPENCLAW_CONFIG_PATH", ".hearth/hearth.json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHome(t)
			path := h.write(".openclaw/openclaw.json", "{}")
			o := h.options()
			if c.origin == "--config" {
				o.Path = path
			}
			h.vars[c.origin] = path
			want := NowhereError{Config: path, Origin: c.origin}
			if c.own != "" {
				want.Own = h.write(c.own, "{}")
			}
			f, _, err := Load(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			change, err := f.Set(Edit{Path: "models.mode", Value: "merge"})
			if err != nil {
				t.Fatal(err)
			}
			_, err = change.Write(t.Context())
			if got, ok := errors.AsType[*NowhereError](err); !ok || *got != want {
				t.Errorf("written: %v, want %v", err, &want)
			}
		})
	}
}

func TestAnEditIsMadeOnWhatSomebodyElseWroteMeanwhile(t *testing.T) {
	for _, c := range []struct{ name, before, meanwhile, after string }{
		{"another key", "{}", "{tools: {}}", `{tools: {}, models: {mode: "merge"}}`},
		{"the same key", "{}", "{models: {mode: 'replace'}}", `{models: {mode: 'merge'}}`},
		{"the same value", "{}", "{models: {mode: 'merge'}}", `{models: {mode: 'merge'}}`},
		{"a file that came up", "", "{tools: {}}", `{tools: {}, models: {mode: "merge"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHome(t)
			if c.before != "" {
				h.config(c.before)
			}
			f, _ := h.load()
			change, err := f.Set(Edit{Path: "models.mode", Value: "merge"})
			if err != nil {
				t.Fatal(err)
			}
			h.write(".hearth/hearth.json", c.meanwhile)
			if _, err := change.Write(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := h.read(".hearth/hearth.json"); got != c.after {
				t.Errorf("the file is %s, want %s", got, c.after)
			}
		})
	}
}

func TestAFileThatChangedMeanwhileIsNotOverwritten(t *testing.T) {
	for _, c := range []struct{ name, meanwhile string }{
		{"a value was made from another", "{models: {mode: 'replace'}}"},
		{"it does not parse", "{models: "},
		{"the result is not valid", "{models: 1}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHome(t)
			f, _ := h.config("{}")
			change, err := f.Set(Edit{Path: "models.mode", Value: "merge", IfUnchanged: true})
			if err != nil {
				t.Fatal(err)
			}
			h.write(".hearth/hearth.json", c.meanwhile)
			if _, err := change.Write(t.Context()); err == nil || h.read(".hearth/hearth.json") != c.meanwhile {
				t.Errorf("overwritten (%v)", err)
			}
		})
	}
}

func TestAFileThatWentMeanwhileIsNotWritten(t *testing.T) {
	h := newHome(t)
	f, _ := h.config("{}")
	c, err := f.Set(Edit{Path: "models.mode", Value: "merge"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(h.path(".hearth/hearth.json")); err != nil {
		t.Fatal(err)
	}
	var changed *ChangedError
	if _, err := c.Write(t.Context()); !errors.As(err, &changed) {
		t.Errorf("a file that was removed came back (%v)", err)
	}
}

func TestEditsOfSeveralAtOnceAreAllMade(t *testing.T) {
	h := newHome(t)
	h.config("{}")
	const writers = 8
	wrote := make(chan error)
	for i := range writers {
		go func() {
			f, _, err := Load(context.Background(), h.options())
			if err == nil {
				var c *Change
				if c, err = f.Set(Edit{Path: fmt.Sprintf("env.vars.K%d", i), Value: "v"}); err == nil {
					_, err = c.Write(context.Background())
				}
			}
			wrote <- err
		}()
	}
	for range writers {
		if err := <-wrote; err != nil {
			t.Error(err)
		}
	}
	f, _ := h.load()
	if got := len(f.Config.Env.Vars); got != writers {
		t.Errorf("%d of %d edits are there: %s", got, writers, h.read(".hearth/hearth.json"))
	}
}

// The check that every edit passes before it counts.
func TestOnlyDiffersAtSeesEveryOtherChange(t *testing.T) {
	for _, c := range []struct {
		a, b, path, value string // value "" means unset
		want              bool
	}{
		{"{a: 1, b: 2}", "{a: 1, b: 3}", "b", "3", true},
		{"{a: 1, b: 2}", "{b: 3, a: 1}", "b", "3", true},
		{"{a: 1, b: 2}", "{a: 9, b: 3}", "b", "3", false},
		{"{a: 1, b: 2}", "{b: 3}", "b", "3", false},
		{"{a: 1, b: 2}", "{a: 1, b: 3, c: 4}", "b", "3", false},
		{"{a: 1, b: 2}", "{a: 1, b: 4}", "b", "3", false},
		{"{a: 1}", "{a: 1, b: {c: {d: 3}}}", "b.c.d", "3", true},
		{"{a: 1}", "{a: 1, b: {c: {d: 3, e: 4}}}", "b.c.d", "3", false},
		{"{a: null}", "{a: {b: 1}}", "a.b", "1", true},
		{"{a: 1}", "{a: {b: 1}}", "a.b", "1", false},
		{"{l: [1, 2, 3]}", "{l: [1, 9, 3]}", "l[1]", "9", true},
		{"{l: [1, 2, 3]}", "{l: [1, 9, 4]}", "l[1]", "9", false},
		{"{l: [1, 2]}", "{l: [1, 2, 3]}", "l[2]", "3", true},
		{"{l: [1, 2]}", "{l: [2, 2, 3]}", "l[2]", "3", false},
		{"{l: [{x: 1, y: 2}]}", "{l: [{x: 5, y: 2}]}", "l[0].x", "5", true},
		{"{l: [{x: 1, y: 2}]}", "{l: [{x: 5, y: 3}]}", "l[0].x", "5", false},
		{"{a: 1, b: 2}", "{a: 1}", "b", "", true},
		{"{a: 1, b: 2}", "{}", "b", "", false},
		{"{a: 1, b: 2}", "{a: 1, b: 2}", "b", "", false},
		{"{a: {b: {c: 1}}}", "{}", "a.b.c", "", true},
		{"{a: {b: {c: 1, d: 2}}}", "{}", "a.b.c", "", false},
		{"{l: [1, 2, 3]}", "{l: [1, 3]}", "l[1]", "", true},
		{"{l: [1, 2, 3]}", "{l: [1, 2]}", "l[1]", "", false},
	} {
		parse := func(text string) *json5.Value {
			doc, err := json5.Parse("", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			return doc.Root
		}
		var v *json5.Value
		if c.value != "" {
			v = parse(c.value)
		}
		steps, err := ParsePath(c.path)
		if err != nil {
			t.Fatal(err)
		}
		if got := onlyDiffersAt(parse(c.a), parse(c.b), steps, v); got != c.want {
			t.Errorf("%s to %s with %s = %q: %v", c.a, c.b, c.path, c.value, got)
		}
	}
}

func TestEditsGoToTheFileThatHoldsTheKey(t *testing.T) {
	start := func(t *testing.T) *home {
		h := newHome(t)
		h.write(".hearth/agents.json5", "{ defaults: { workspace: '~/a', model: 'p/a' } } // theirs\n")
		h.write(".hearth/one.json5", "{ p: { baseUrl: 'http://one' } }")
		h.write(".hearth/two.json5", "{ q: { baseUrl: 'http://two' } }")
		h.config("{\n  agents: { $include: './agents.json5', defaults: { thinkingDefault: 'low', model: 'p/b' } },\n  models: { providers: { $include: ['one.json5', 'two.json5'] } },\n}\n")
		return h
	}
	h := start(t)
	h.apply(Edit{Path: "agents.list", Value: "[{id: 'x'}]"})
	if got := h.read(".hearth/agents.json5"); got != "{ defaults: { workspace: '~/a', model: 'p/a' }, list: [{ id: 'x' }] } // theirs\n" {
		t.Errorf("agents.json5 is %s", got)
	}
	if got := h.read(".hearth/agents.json5.bak.1"); !strings.Contains(got, "theirs") {
		t.Errorf("its backup is %s", got)
	}
	for path, want := range map[string]string{
		"agents.defaults.workspace":  "agents.defaults is put together with the $include at hearth.json:2: edit the file that holds it",
		"models.providers.p.baseUrl": "models.providers is put together with the $include at hearth.json:3: edit the file that holds it",
	} {
		f, _ := start(t).load()
		if _, err := f.Set(Edit{Path: path, Value: "x"}); err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", path, err, want)
		}
	}
	f, _ := start(t).load()
	if _, err := f.Apply(Edit{Path: "agents.list", Value: "[]"}, Edit{Path: "tools.profile", Value: "full"}); err == nil || !strings.Contains(err.Error(), "two files") {
		t.Errorf("edits of two files at once: %v", err)
	}
}

func TestDryRunHasOpenClawsShape(t *testing.T) {
	h := newHome(t)
	h.vars["SET"] = "x"
	f, _ := h.config(`{models: {providers: {l: {baseUrl: "http://u", models: [{id: "m"}]}}}}`)
	for _, c := range []struct {
		name string
		edit Edit
		want string // behind configPath
	}{
		{
			"a bare value", Edit{Path: "models.mode", Value: "merge"},
			`"inputModes":["value"],"checks":{"schema":false,"resolvability":false,"resolvabilityComplete":false},"refsChecked":0,"skippedExecRefs":0}`,
		},
		{
			"a bare value is not checked", Edit{Path: "models.mode", Value: "nope"},
			`"inputModes":["value"],"checks":{"schema":false,"resolvability":false,"resolvabilityComplete":false},"refsChecked":0,"skippedExecRefs":0}`,
		},
		{
			"JSON with references", Edit{Path: "models.providers.l.headers", StrictJSON: true, Value: `{"A": {"source": "env", "provider": "default", "id": "SET"}, "B": {"source": "exec", "provider": "vault", "id": "x"}}`},
			`"inputModes":["json"],"checks":{"schema":true,"resolvability":true,"resolvabilityComplete":false},"refsChecked":1,"skippedExecRefs":1}`,
		},
		{
			"a reference to nothing", Edit{Path: "models.providers.l.apiKey", StrictJSON: true, Value: `{"source": "env", "provider": "default", "id": "UNSET"}`},
			`"inputModes":["json"],"checks":{"schema":true,"resolvability":true,"resolvabilityComplete":true},"refsChecked":1,"skippedExecRefs":0,"errors":[{"kind":"resolvability","message":"environment variable UNSET is not set","ref":"env:default:UNSET"}]}`,
		},
		{
			"an unknown key", Edit{Path: "models.nope", StrictJSON: true, Value: `1`},
			`"inputModes":["json"],"checks":{"schema":true,"resolvability":true,"resolvabilityComplete":true},"refsChecked":0,"skippedExecRefs":0,"errors":[{"kind":"schema","message":"models: Unrecognized key: \"nope\""}]}`,
		},
		{
			"a protected map", Edit{Path: "models.providers", StrictJSON: true, Value: `{}`},
			`"inputModes":["json"],"checks":{"schema":true,"resolvability":true,"resolvabilityComplete":true},"refsChecked":0,"skippedExecRefs":0,"errors":[{"kind":"conflict","message":"this would drop \"l\" from models.providers; use --merge to keep them, or --replace to drop them"}]}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := f.DryRun(t.Context(), false, c.edit)
			got, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			path, err := json.Marshal(h.path(".hearth/hearth.json"))
			if err != nil {
				t.Fatal(err)
			}
			ok := "true"
			if strings.Contains(c.want, "errors") {
				ok = "false"
			}
			if want := `{"ok":` + ok + `,"operations":1,"configPath":` + string(path) + `,` + c.want; string(got) != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
	if h.read(".hearth/hearth.json") != `{models: {providers: {l: {baseUrl: "http://u", models: [{id: "m"}]}}}}` {
		t.Error("a dry run wrote something")
	}
}

func TestValidateHasOpenClawsShape(t *testing.T) {
	h := newHome(t)
	f, _ := h.config("{\n  tools: 1,\n}")
	v := f.Validate()
	if want := (Validation{Path: h.path(".hearth/hearth.json"), Issues: []Issue{{Path: "tools", Message: "Invalid input: expected object, received number", Line: 2}}}); !reflect.DeepEqual(v, want) {
		t.Errorf("got %+v, want %+v", v, want)
	}
	f, _ = h.config("{}")
	if b, err := json.Marshal(f.Validate().Issues); err != nil || string(b) != "[]" {
		t.Errorf("no issues are %s, %v", b, err)
	}
}
