package config

import (
	"context"
	"os"
	"runtime"
	"strings"
	"testing"
)

func TestABrokenFileLeavesTheLastGoodConfigInUse(t *testing.T) {
	h := newHome(t)
	h.config("{models: {mode: 'replace'}} // mine")
	if got := h.read(".hearth/hearth.json.last-good"); got != "{models: {mode: 'replace'}} // mine" {
		t.Errorf("last good is %q", got)
	}
	f, warnings := h.config("{\n  models: {\n    mode: 'merge\n  },\n}")
	wantWarnings(t, warnings, "hearth.json:3:11: the string that begins here is not closed on its line; the last good config is used\n    mode: 'merge\n          ^")
	if f.Config.Models.Mode != "replace" || !f.LastGood || f.Broken == nil {
		t.Errorf("config %+v, last good %v, broken %v", f.Config.Models, f.LastGood, f.Broken)
	}
	v := f.Validate()
	if v.Valid || len(v.Issues) != 1 || v.Issues[0].Line != 3 || v.Issues[0].Path != "<root>" {
		t.Errorf("validate says %+v", v)
	}
	if _, err := f.Set(Edit{Path: "models.mode", Value: "merge"}); err == nil || !strings.Contains(err.Error(), "until it parses") {
		t.Errorf("a broken file is edited: %v", err)
	}
	if got := h.read(".hearth/hearth.json.last-good"); !strings.Contains(got, "mine") {
		t.Errorf("the broken file replaced the last good copy: %q", got)
	}
}

func TestTheLastGoodCopyHoldsItsIncludes(t *testing.T) {
	h := newHome(t)
	inc := h.write(".hearth/inc.json5", "{ mode: '${MODE}' }")
	h.vars["MODE"] = "replace"
	h.config("{models: {$include: 'inc.json5'}}")
	if err := os.Remove(inc); err != nil {
		t.Fatal(err)
	}
	f, _ := h.load()
	if !f.LastGood || f.Config.Models.Mode != "replace" {
		t.Errorf("config %+v (%v)", f.Config.Models, f.Broken)
	}
	if got := h.read(".hearth/hearth.json.last-good"); got != "// included: "+inc+"\n"+`{"models":{"mode":"${MODE}"}}` {
		t.Errorf("last good is %s", got)
	}
}

func TestWithoutALastGoodCopyTheDefaultsAreUsed(t *testing.T) {
	f, warnings := newHome(t).config("{")
	wantWarnings(t, warnings, "hearth.json:1:2: the file ends, but the '{' of line 1 is still open; the defaults are used\n{\n ^")
	if f.LastGood || len(f.Config.Models.Providers) > 0 {
		t.Errorf("config %+v", f.Config)
	}
}

func TestAMissingFileIsToldOnlyWhenSomebodyNamedIt(t *testing.T) {
	h := newHome(t)
	if _, warnings := h.load(); len(warnings) > 0 {
		t.Errorf("warnings %v", warnings)
	}
	h.vars["HEARTH_CONFIG"] = h.path("typo.json")
	_, warnings := h.load()
	wantWarnings(t, warnings, "typo.json: there is no such file (HEARTH_CONFIG): the defaults are used")
}

func TestAFileThatCannotBeReadIsAWarning(t *testing.T) {
	h := newHome(t)
	if err := os.MkdirAll(h.path(".hearth/hearth.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	h.vars["HEARTH_CONFIG"] = h.path(".hearth/hearth.json")
	f, warnings, err := Load(context.Background(), h.options())
	if err != nil || f.Broken == nil || len(warnings) != 1 || warnings[0].Kind != Unreadable {
		t.Errorf("a folder in the file's place: %v, %v, %v", f.Broken, warnings, err)
	}
}

func TestTheLastGoodCopyOfAnotherFileIsInTheStateFolder(t *testing.T) {
	h := newHome(t)
	for _, name := range []string{"a.json", "b.json"} {
		h.vars["HEARTH_CONFIG"] = h.write("etc/"+name, "{agents: {defaults: {workspace: '"+name+"'}}}")
		h.load()
	}
	if entries, err := os.ReadDir(h.path("etc")); err != nil || len(entries) != 2 {
		t.Errorf("%v, %v", entries, err)
	}
	h.vars["HEARTH_CONFIG"] = h.write("etc/a.json", "{")
	if f, _ := h.load(); f.Config.Agents.Defaults.Workspace != "a.json" {
		t.Errorf("the last good config is %+v (%v)", f.Config.Agents.Defaults, f.Broken)
	}
}

func TestReadOnlyWritesNothing(t *testing.T) {
	h := newHome(t)
	h.write(".openclaw/openclaw.json", "{}")
	o := h.options()
	o.ReadOnly = true
	if _, _, err := Load(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(h.path(".hearth")); err == nil {
		t.Error("the state folder was made")
	}
}

func TestOpenClawsFolderIsNeverWrittenTo(t *testing.T) {
	h := newHome(t)
	h.write(".openclaw/openclaw.json", "{models: {mode: 'replace'}}")
	h.load()
	entries, err := os.ReadDir(h.path(".openclaw"))
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
	if got := h.read(".hearth/hearth.json.last-good"); got != "{models: {mode: 'replace'}}" {
		t.Errorf("last good is %q", got)
	}
	info, err := os.Stat(h.path(".hearth/hearth.json.last-good"))
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %o", info.Mode().Perm())
	}
}

func TestAReloadKeepsWhatRunsWhenTheFileBroke(t *testing.T) {
	h := newHome(t)
	h.write(".hearth/hearth.json", "{models: {mode: 'replace'}}")
	o := h.options()
	o.ReadOnly = true // so there is no last good copy
	f, _, err := Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	h.write(".hearth/hearth.json", "{models: ")
	next, warnings, changed, err := f.Reload(t.Context())
	if err != nil || !changed || next.Config.Models.Mode != "replace" || len(warnings) != 1 || !strings.Contains(warnings[0].Message, "what was read before stays in use") {
		t.Errorf("%+v, %v, %v, %v", next.Config.Models, warnings, changed, err)
	}
}

// What is named by an $include is looked at as long as the config names it: also a file
// that could not be read the last time.
func TestAnIncludeThatBrokeIsReadAgainWhenItWasMended(t *testing.T) {
	for name, spoil := range map[string]func(h *home, path string){
		"it does not parse": func(h *home, _ string) { h.write(".hearth/tools.json", "{exec: {security: }}") },
		"it is not there": func(h *home, path string) {
			if err := os.Remove(path); err != nil {
				h.t.Fatal(err)
			}
		},
		"it includes itself": func(h *home, _ string) { h.write(".hearth/tools.json", "{$include: 'tools.json'}") },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t)
			path := h.write(".hearth/tools.json", "{exec: {security: 'full'}}")
			f, _ := h.config("{tools: {$include: 'tools.json'}}")
			reload := func(wantWarning bool, want string) {
				t.Helper()
				next, warnings, changed, err := f.Reload(t.Context())
				if err != nil || !changed || (len(warnings) == 1) != wantWarning || next.Config.Tools.Exec.Security != want {
					t.Fatalf("exec.security %q, %v, changed %v, %v", next.Config.Tools.Exec.Security, warnings, changed, err)
				}
				f = next
			}
			spoil(h, path)
			reload(true, "full")
			h.write(".hearth/tools.json", "{exec: {security: 'deny'}}")
			reload(false, "deny")
		})
	}
}

func TestAFileThatIsGoneStaysInUse(t *testing.T) {
	h := newHome(t)
	f, _ := h.config("{models: {mode: 'replace'}}")
	if err := os.Remove(f.Path()); err != nil {
		t.Fatal(err)
	}
	reload := func(wantChanged bool, wantMode string) []Warning {
		t.Helper()
		next, warnings, changed, err := f.Reload(t.Context())
		if err != nil || changed != wantChanged || next.Config.Models.Mode != wantMode {
			t.Fatalf("mode %q, changed %v, %v", next.Config.Models.Mode, changed, err)
		}
		f = next
		return warnings
	}
	wantWarnings(t, reload(true, "replace"), "hearth.json: the file is gone; what was read before stays in use")
	reload(false, "replace")
	h.write(".hearth/.env", "M=merge\n")
	reload(false, "replace") // and what was read with it
	h.write(".hearth/hearth.json", "{models: {mode: '${M}'}}")
	reload(true, "merge")
}

func TestReloadReadsOnlyWhatChanged(t *testing.T) {
	h := newHome(t)
	ctx := context.Background()
	h.write(".hearth/inc.json5", "{ mode: 'merge' }")
	f, _ := h.config("{models: {$include: 'inc.json5'}}")
	reload := func(wantChanged bool, wantMode string) []Warning {
		t.Helper()
		next, warnings, changed, err := f.Reload(ctx)
		if err != nil || changed != wantChanged || next.Config.Models.Mode != wantMode {
			t.Errorf("reload: mode %q, changed %v, %v; want %q, %v", next.Config.Models.Mode, changed, err, wantMode, wantChanged)
		}
		f = next
		return warnings
	}
	reload(false, "merge")
	h.write(".hearth/inc.json5", "{ mode: 'replace' }")
	reload(true, "replace")
	reload(false, "replace")
	h.write(".hearth/inc.json5", "{ mode: }")
	wantWarnings(t, reload(true, "replace"), "inc.json5:1:9: unexpected '}' where a value should be; what was read before stays in use\n{ mode: }\n        ^")
	reload(false, "replace")
	h.write(".hearth/hearth.json", "{models: {mode: '${M}'}}")
	wantWarnings(t, reload(true, ""), `hearth.json:1: missing env var "M" at models.mode`)
	if !f.Validate().Valid {
		t.Error("a missing variable makes the file invalid")
	}
	h.write(".hearth/.env", "M=merge\n")
	reload(true, "merge")
}

// A key that was replaced in its own file is another one from the next turn on.
func TestReloadSeesAFileOfCredentials(t *testing.T) {
	h := newHome(t)
	h.write(".hearth/key.txt", "key-one\n")
	f, _ := h.config(`{
  models: { providers: { box: { baseUrl: "http://127.0.0.1:8000/v1", apiKey: { source: "file", provider: "keys", id: "value" } } } },
  secrets: { providers: { keys: { source: "file", path: "~/.hearth/key.txt", mode: "singleValue", allowInsecurePath: true } } },
}`)
	reload := func(wantChanged bool, wantKey string) {
		t.Helper()
		next, warnings, changed, err := f.Reload(t.Context())
		if err != nil || changed != wantChanged {
			t.Errorf("changed %v, %v; want %v", changed, err, wantChanged)
		}
		if len(warnings) > 0 {
			t.Errorf("told is %v", warnings)
		}
		if key, err := next.Resolve(t.Context(), next.Config.Models.Providers["box"].APIKey); err != nil || key != wantKey {
			t.Errorf("the key is %q, %v; want %q", key, err, wantKey)
		}
		f = next
	}
	reload(false, "key-one")
	h.write(".hearth/key.txt", "the-key-after-it\n")
	reload(true, "the-key-after-it")
	reload(false, "the-key-after-it")
}
