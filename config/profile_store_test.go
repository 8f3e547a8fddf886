package config

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestAStoredProfileIsReadAgain(t *testing.T) {
	home, f := desk(t, map[string]string{theirMain: `{"profiles": {"p:manual": {"type": "api_key", "key": "theirs"}}}`})
	until := time.UnixMilli(time.Now().Add(time.Hour).UnixMilli())
	for _, p := range []Profile{
		{ID: "p:manual", Provider: "p", Kind: "api_key", Secret: SecretText("old")},
		{ID: "p:other", Provider: "p", Kind: "token", Secret: SecretText("sk-2"), Expires: until},
		{ID: "p:manual", Provider: "p", Kind: "token", Secret: SecretText("new")},
	} {
		path, err := f.StoreProfile(t.Context(), "", p)
		if err != nil || path != filepath.Join(home, ourMain) {
			t.Fatal(path, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(home, ourMain))
	if err != nil || strings.Contains(string(text), "old") || !strings.Contains(string(text), `"version": 1`) {
		t.Errorf("%v: %s", err, text)
	}
	info, err := os.Stat(filepath.Join(home, ourMain))
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	next, _, changed, err := f.Reload(t.Context())
	if err != nil || !changed {
		t.Fatal(changed, err)
	}
	all, warnings := next.Profiles("")
	manual, _ := all.Find("p:manual")
	other, _ := all.Find("p:other")
	if manual.Secret != SecretText("new") || manual.Kind != "token" || !other.Expires.Equal(until) || len(warnings) > 0 {
		t.Errorf("%+v, %+v, %v", manual, other, warnings)
	}
	if kept, err := os.ReadFile(filepath.Join(home, theirMain)); err != nil || !strings.Contains(string(kept), "theirs") {
		t.Errorf("OpenClaw's file changed: %s, %v", kept, err)
	}
}

func TestAStoreThatIsWrongIsNotWrittenOver(t *testing.T) {
	for _, text := range []string{`{"profiles": {"p:x": {"key": "very-secret"} oops`, `{"profiles": ["very-secret"]}`, `["very-secret"]`} {
		home, f := desk(t, map[string]string{ourMain: text})
		_, err := f.StoreProfile(t.Context(), "", Profile{ID: "p:x", Provider: "p", Kind: "api_key", Secret: SecretText("k")})
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", text, err)
		}
		if kept, _ := os.ReadFile(filepath.Join(home, ourMain)); string(kept) != text {
			t.Errorf("%s became %s", text, kept)
		}
	}
}

func TestNothingIsStoredInOpenClawsFolder(t *testing.T) {
	home := t.TempDir()
	own := filepath.Join(home, ".openclaw")
	f, _, err := Load(t.Context(), Options{HomeDir: home, WorkDir: home, ReadOnly: true, LookupEnv: func(name string) (string, bool) { return own, name == "HEARTH_HOME" }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.StoreProfile(t.Context(), "", Profile{ID: "p:x", Provider: "p", Kind: "api_key", Secret: SecretText("k")}); err == nil {
		t.Error("it was written there")
	}
	if _, err := os.Stat(own); err == nil {
		t.Error("a folder was made there")
	}
}
