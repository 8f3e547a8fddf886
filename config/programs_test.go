package config

import (
	"path/filepath"
	"slices"
	"testing"
)

func TestProgramsNamesWhatTheGatewayRunsByItself(t *testing.T) {
	h := newHome(t)
	at := func(name string) string { return filepath.ToSlash(realPath(h.path(name))) }
	f, warnings := h.config(`{
  secrets: { providers: { k: { source: "exec", command: "` + at("bin/key.sh") + `", args: ["--from=conf.json", "~/x"] }, e: { source: "env" } } },
  models: { providers: { p: { baseUrl: "http://127.0.0.1:1", localService: { command: "/bin/sh", args: ["start.sh", "-v"], cwd: "` + at("srv") + `" } },
    q: { baseUrl: "http://127.0.0.1:2", localService: { command: "/bin/sh", args: ["-c", "cd ` + at("ws") + ` && exec './run.sh'; ` + at("other") + `/x.sh"], env: { PYTHONPATH: "` + at("py") + `" } } } } },
}`)
	wantWarnings(t, warnings, "")
	got := f.Programs()
	for i := range got {
		got[i] = filepath.ToSlash(got[i])
	}
	for _, want := range []string{at("bin/key.sh"), at("bin/conf.json"), at("x"), at("srv"), at("srv/start.sh"), at("ws/run.sh"), at("other/x.sh"), at("py")} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not among %q", want, got)
		}
	}
}
