//go:build unix

package config

import (
	"context"
	"os"
	"slices"
	"testing"
)

// profile writes what the person's own shell reads when it is a login shell, and counts
// how often that happens.
func (h *home) profile(script string) {
	h.t.Helper()
	h.write(".profile", "echo asked >>'"+h.path("asked")+"'\n"+script+"\n")
	h.t.Setenv("HOME", h.dir)
	h.vars["SHELL"] = "/bin/sh"
}

const prints = `echo "Welcome home"
export BOX_KEY=from=profile HEARTH_HOME=/elsewhere
HOME_KEY="two
lines"
export HOME_KEY`

func TestTheLoginShellIsAskedForWhatNobodyElseHas(t *testing.T) {
	h := newHome(t)
	h.profile(prints)
	h.vars["MINE"] = "process"
	f, warnings := h.config(`{env: {shellEnv: {enabled: true, timeoutMs: 60000}}, models: {providers: {
		box: {baseUrl: "http://127.0.0.1:1/${MINE}"}, }}}`)
	wantWarnings(t, warnings, "")
	if _, err := os.Stat(h.path("asked")); err == nil {
		t.Error("the shell was asked though nothing is missing")
	}
	if v, ok := f.LookupEnv("BOX_KEY"); !ok || v != "from=profile" {
		t.Errorf("BOX_KEY is %q", v)
	}
	if v, _ := f.LookupEnv("HOME_KEY"); v != "two\nlines" {
		t.Errorf("HOME_KEY is %q", v)
	}
	if v, ok := f.LookupEnv("HEARTH_HOME"); ok {
		t.Errorf("a profile moves Hearth to %s", v)
	}
	got, err := f.Resolve(context.Background(), SecretText("x"))
	if err != nil || got != "x" {
		t.Fatal(err)
	}
	if on, taken := f.ShellEnv(); !on || !slices.Equal(taken, []string{"BOX_KEY", "HOME_KEY"}) {
		t.Errorf("on %v, taken %q", on, taken)
	}
	if asked := h.read("asked"); asked != "asked\n" {
		t.Errorf("the shell was asked more than once: %q", asked)
	}
}

func TestNobodyAsksTheLoginShellUnlessItIsOn(t *testing.T) {
	h := newHome(t)
	h.profile(prints)
	f, _ := h.config(`{env: {shellEnv: {enabled: false}}}`)
	if _, ok := f.LookupEnv("BOX_KEY"); ok {
		t.Error("it was asked")
	}
	h.vars["OPENCLAW_LOAD_SHELL_ENV"] = "1"
	f, _ = h.config(`{models: {providers: {box: {baseUrl: "http://127.0.0.1:1/v1", apiKey: "${BOX_KEY}"}}}}`)
	if key, err := f.Resolve(context.Background(), f.Config.Models.Providers["box"].APIKey); err != nil || key != "from=profile" {
		t.Errorf("the key is %q, %v", key, err)
	}
}

func TestALoginShellThatFailsHasNoVariables(t *testing.T) {
	for _, script := range []string{prints + "\nexit 3", "exec sleep 600"} {
		h := newHome(t)
		h.profile(script)
		f, _ := h.config(`{env: {shellEnv: {enabled: true, timeoutMs: 200}}}`)
		if v, ok := f.LookupEnv("BOX_KEY"); ok {
			t.Errorf("%q: BOX_KEY is %q", script, v)
		}
	}
}
