package config

import (
	"cmp"
	"path/filepath"
	"testing"
)

func TestTheConfigIsTheFirstOfTheList(t *testing.T) {
	for _, c := range []struct {
		name   string
		files  []string
		vars   map[string]string
		flag   string
		config string // "~" is the home folder
		target string // "" for the same
		origin string
	}{
		{name: "nothing anywhere: Hearth's own place", config: "~/.hearth/hearth.json"},
		{name: "Hearth's own", files: []string{".hearth/hearth.json", ".openclaw/openclaw.json"}, config: "~/.hearth/hearth.json"},
		{
			name: "OpenClaw's, edited as a copy", files: []string{".openclaw/openclaw.json"},
			config: "~/.openclaw/openclaw.json", target: "~/.hearth/hearth.json",
		},
		{
			name: "OPENCLAW_CONFIG_PATH goes before Hearth's own", files: []string{".hearth/hearth.json", "else/oc.json"},
			vars: map[string]string{"OPENCLAW_CONFIG_PATH": "~/else/oc.json"}, config: "~/else/oc.json", origin: "OPENCLAW_CONFIG_PATH",
		},
		{
			name: "OPENCLAW_CONFIG_PATH that names OpenClaw's own, edited as a copy", files: []string{".openclaw/x.json"},
			vars: map[string]string{"OPENCLAW_CONFIG_PATH": "~/.openclaw/x.json"}, config: "~/.openclaw/x.json", target: "~/.hearth/hearth.json", origin: "OPENCLAW_CONFIG_PATH",
		},
		{
			name: "OPENCLAW_CONFIG_PATH that names OpenClaw's own goes before what is no copy of it", files: []string{".openclaw/x.json", ".hearth/hearth.json"},
			vars: map[string]string{"OPENCLAW_CONFIG_PATH": "~/.openclaw/x.json"}, config: "~/.openclaw/x.json", target: "~/.hearth/hearth.json", origin: "OPENCLAW_CONFIG_PATH",
		},
		{
			name: "OPENCLAW_CONFIG_PATH that names nothing", files: []string{".hearth/hearth.json"},
			vars: map[string]string{"OPENCLAW_CONFIG_PATH": "~/gone.json"}, config: "~/.hearth/hearth.json",
		},
		{
			name: "HEARTH_HOME, and OpenClaw is not looked at", files: []string{".openclaw/openclaw.json", "oc.json"},
			vars: map[string]string{"HEARTH_HOME": "~/h", "OPENCLAW_CONFIG_PATH": "~/oc.json"}, config: "~/h/hearth.json", origin: "HEARTH_HOME",
		},
		{
			name: "HEARTH_CONFIG goes before HEARTH_HOME",
			vars: map[string]string{"HEARTH_HOME": "~/h", "HEARTH_CONFIG": "~/c.json"}, config: "~/c.json", origin: "HEARTH_CONFIG",
		},
		{
			name: "the flag goes before everything", flag: "~/f.json",
			vars: map[string]string{"HEARTH_HOME": "~/h", "HEARTH_CONFIG": "~/c.json"}, config: "~/f.json", origin: "--config",
		},
		{
			name: "the flag may name OpenClaw's, which stays untouched", flag: "~/.openclaw/openclaw.json",
			config: "~/.openclaw/openclaw.json", target: "~/.hearth/hearth.json", origin: "--config",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHome(t)
			for _, f := range c.files {
				h.write(f, "{}")
			}
			full := func(p string) string { return filepath.Join(h.dir, filepath.FromSlash(p[1:])) }
			for k, v := range c.vars {
				h.vars[k] = full(v)
			}
			o := h.options()
			o.Path = c.flag
			p, err := Locate(o)
			if err != nil {
				t.Fatal(err)
			}
			if p.Config != full(c.config) || p.Origin != c.origin || p.Target != full(cmp.Or(c.target, c.config)) {
				t.Errorf("config %s (%s), target %s", p.Config, p.Origin, p.Target)
			}
			if _, named := c.vars["HEARTH_HOME"]; named && (p.OpenClaw != "" || p.State != full("~/h")) {
				t.Errorf("with HEARTH_HOME: state %s, OpenClaw %q", p.State, p.OpenClaw)
			}
		})
	}
}

func TestTheWorkspaceOfAnOpenClawFileStays(t *testing.T) {
	h := newHome(t)
	f, _ := h.load()
	if got := f.Workspace(""); got != h.path(".hearth/workspace") {
		t.Errorf("without a file: %s", got)
	}
	h.write(".openclaw/openclaw.json", `{agents: {list: [{id: "a"}, {id: "b"}, {id: "c", workspace: "~/c"}]}}`)
	f, _ = h.load()
	for id, want := range map[string]string{"": ".openclaw/workspace", "a": ".openclaw/workspace", "b": ".openclaw/workspace-b", "c": "c"} {
		if got := f.Workspace(id); got != h.path(want) {
			t.Errorf("agent %q works in %s, want %s", id, got, want)
		}
	}
	f, _ = h.config(`{agents: {defaults: {workspace: "~/w"}, entries: {a: {}, b: {}}}}`)
	for id, want := range map[string]string{"": "w", "b": "w-b"} {
		if got := f.Workspace(id); got != h.path(want) {
			t.Errorf("agent %q works in %s, want %s", id, got, want)
		}
	}
}
