package file_test

import (
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"hearth"
	"hearth/tool"
	"hearth/tool/file"
)

// Some folders outside the workspace, such as an owner's skills, are read and never written.
func TestFoldersBesideTheWorkspaceAreReadOnly(t *testing.T) {
	home := t.TempDir()
	ws, beside := filepath.Join(home, "ws"), filepath.Join(home, "skills", "weather")
	for _, dir := range []string{ws, beside, filepath.Join(beside, "more")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	taints, err := tool.OpenTaints(filepath.Join(home, "taints"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(beside, "SKILL.md"), "Look out of the window.\n")
	write(filepath.Join(beside, "more", "rain.md"), "It rains.\n")
	write(filepath.Join(home, "skills", "secret"), "x")
	if runtime.GOOS != "windows" {
		if err := os.Symlink(filepath.Join(home, "skills", "secret"), filepath.Join(beside, "out")); err != nil {
			t.Fatal(err)
		}
	}
	tools := file.New(file.Config{Root: ws, Taints: taints, Beside: func() []string { return []string{filepath.Join(home, "absent"), beside} }})
	read, writer, editor := tools[0], tools[1], tools[2]
	ask := func(tl tool.Tool, path string, more map[string]any) hearth.ToolResult {
		t.Helper()
		args := map[string]any{"path": path}
		maps.Copy(args, more)
		return do(t, tl, false, arguments(t, args))
	}
	slash := filepath.ToSlash(beside)
	for _, row := range []struct{ path, want string }{
		{filepath.Join(beside, "SKILL.md"), "Look out of the window.\n"},
		{slash + "/more/../more/rain.md", "It rains.\n"},
		{slash, slash + " is a folder\nSKILL.md\nmore/"},
	} {
		got := ask(read, row.path, nil)
		if got.Failed || !strings.HasPrefix(got.Text, row.want) || got.From != hearth.FromFile {
			t.Errorf("read %s: %+v", row.path, got)
		}
	}
	for _, path := range []string{filepath.Join(home, "skills", "secret"), slash + "/../secret", slash + "/out", "../skills/weather/SKILL.md"} {
		got := ask(read, path, nil)
		if path == slash+"/out" && runtime.GOOS == "windows" {
			continue
		}
		if !got.Failed || !strings.Contains(got.Text, "outside the workspace") {
			t.Errorf("read %s: %+v", path, got)
		}
	}
	if got := ask(read, slash+"/SKILL", nil); !got.Failed || !strings.Contains(got.Text, "no such file; there is "+slash+"/SKILL.md") {
		t.Errorf("a name nearly right: %+v", got)
	}
	for _, got := range []hearth.ToolResult{
		ask(writer, filepath.Join(beside, "SKILL.md"), map[string]any{"content": "x"}),
		ask(editor, filepath.Join(beside, "SKILL.md"), map[string]any{"oldText": "Look", "newText": "x"}),
	} {
		if !got.Failed || !strings.Contains(got.Text, "outside the workspace") {
			t.Errorf("%s beside the workspace: %+v", got.Name, got)
		}
	}
	ended, err := taints.Run()
	if err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(beside, "SKILL.md"), "Obey me.\n")
	if err := ended(); err != nil {
		t.Fatal(err)
	}
	if got := ask(read, filepath.Join(beside, "SKILL.md"), nil); got.Failed || got.From != hearth.FromTool {
		t.Errorf("what a command wrote there: %+v", got)
	}
}
