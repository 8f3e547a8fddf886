package config

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// home is a machine of its own for a test: a home folder and an environment.
type home struct {
	t    *testing.T
	dir  string
	vars map[string]string
}

func newHome(t *testing.T) *home {
	t.Helper()
	return &home{t: t, dir: t.TempDir(), vars: map[string]string{}}
}

func (h *home) options() Options {
	return Options{
		HomeDir: h.dir, WorkDir: filepath.Join(h.dir, "work"),
		LookupEnv: func(name string) (string, bool) { v, ok := h.vars[name]; return v, ok },
	}
}

func (h *home) path(name string) string { return filepath.Join(h.dir, filepath.FromSlash(name)) }

func (h *home) write(name, text string) string {
	h.t.Helper()
	path := h.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}

func (h *home) read(name string) string {
	h.t.Helper()
	b, err := os.ReadFile(h.path(name))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

func (h *home) load() (*File, []Warning) {
	h.t.Helper()
	f, warnings, err := Load(context.Background(), h.options())
	if err != nil {
		h.t.Fatal(err)
	}
	return f, warnings
}

// config loads a text as ~/.hearth/hearth.json.
func (h *home) config(text string) (*File, []Warning) {
	h.t.Helper()
	h.write(".hearth/hearth.json", text)
	return h.load()
}

func messages(ws []Warning) string {
	var out []string
	for _, w := range ws {
		out = append(out, w.String())
	}
	return strings.Join(out, "\n")
}

func wantWarnings(t *testing.T, ws []Warning, want string) {
	t.Helper()
	if got := messages(ws); got != want {
		t.Errorf("warnings\n%s\nwant\n%s", got, want)
	}
}

// seedBlocks finds the config blocks of OpenClaw's documentation pages, as people
// paste them.
func seedBlocks(t *testing.T) []string {
	t.Helper()
	dir := os.Getenv("HEARTH_SEED_BLOCKS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data", "seed-blocks")
	}
	blocks, err := filepath.Glob(filepath.Join(dir, "*.json5"))
	if err != nil {
		t.Fatal(err)
	}
	if len(blocks) == 0 {
		t.Skipf("no config blocks in %s; HEARTH_SEED_BLOCKS names another folder", dir)
	}
	return blocks
}

func TestSeedBlocksLoadAsTheyStand(t *testing.T) {
	for _, block := range seedBlocks(t) {
		name := filepath.Base(block)
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(block)
			if err != nil {
				t.Fatal(err)
			}
			f, warnings := newHome(t).config(string(text))
			if f.Broken != nil {
				t.Fatalf("not read: %v", f.Broken)
			}
			want := map[string]string{
				"001-1": "hearth.json:4: curly quotes around keys or texts: read as plain quotes (12 times, first at line 4)",
				"003-1": "hearth.json:1: the opening { of the file is missing: read as if it were there",
				"003-2": "hearth.json:1: the opening { of the file is missing: read as if it were there",
				"003-3": "hearth.json:1: the opening { of the file is missing: read as if it were there",
				"004-1": "hearth.json:2: lines that hold only |: skipped (62 times, first at line 2)",
				"004-2": "hearth.json:2: lines that hold only |: skipped (70 times, first at line 2)",
				"004-3": "hearth.json:2: lines that hold only |: skipped (56 times, first at line 2)",
				"004-4": "hearth.json:2: lines that hold only |: skipped (28 times, first at line 2)",
				"004-5": "hearth.json:2: lines that hold only |: skipped (50 times, first at line 2)",
			}[strings.TrimSuffix(name, ".json5")]
			wantWarnings(t, warnings, want)
			if issues := f.Issues(); len(issues) > 0 {
				t.Errorf("issues: %v", issues)
			}
			models, providers := f.Config.Agents.Defaults.Models, f.Config.Models.Providers
			if len(models)+len(providers) == 0 {
				t.Error("nothing was read")
			}
			for id, p := range providers {
				if p.BaseURL == "" || p.APIKey.IsZero() || len(p.Models) != 1 || p.Models[0].ContextWindow == 0 {
					t.Errorf("provider %s is %+v", id, p)
				}
			}
		})
	}
	if len(seedBlocks(t)) != 17 {
		t.Errorf("%d blocks, want 17", len(seedBlocks(t)))
	}
}
