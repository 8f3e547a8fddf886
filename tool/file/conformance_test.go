package file_test

import (
	"os"
	"path/filepath"
	"testing"

	"hearth/tool"
	"hearth/tool/file"
	"hearth/tool/tooltest"
)

func pick(t testing.TB, name string, c file.Config) tool.Tool {
	t.Helper()
	for _, tl := range file.New(c) {
		if tl.Spec().Name == name {
			return tl
		}
	}
	t.Fatalf("there is no tool %s", name)
	return nil
}

func TestConformance(t *testing.T) {
	prepare := func(t testing.TB, root string) {
		t.Helper()
		put(t, root, "notes.md", "one\ntwo\nthree\n")
		put(t, root, "sub/a.txt", "a")
	}
	for name, s := range map[string]tooltest.Suite{
		"read": {
			Good: []string{`{"path":"notes.md"}`, `{"path":"sub"}`, `{"file_path":"notes.md","offset":"2","limit":1}`},
			Bad:  []string{`{}`, `{"path":""}`, `{"path":"gone"}`, `{"path":"notes.md","offset":-1}`, `{"path":"notes.md","limit":"many"}`, `{"path":["a"]}`},
			Path: "path",
		},
		"write": {
			Good: []string{`{"path":"new/deep/f.txt","content":"x"}`, `{"path":"notes.md","content":""}`},
			Bad:  []string{`{"path":"f"}`, `{"content":"x"}`, `{"path":"sub","content":"x"}`, `{"path":"notes.md/x","content":"x"}`, `{"path":"f","content":{"a":1}}`},
			Path: "path", With: `"content":"overwritten"`,
		},
		"edit": {
			Good: []string{
				`{"path":"notes.md","edits":[{"oldText":"two","newText":"2"},{"oldText":"one\n","newText":""}]}`,
				`{"path":"notes.md","oldText":"two","newText":"2"}`,
				`{"path":"notes.md","edits":{"old_string":"two","new_string":"2"}}`,
			},
			Bad: []string{
				`{"path":"notes.md"}`, `{"path":"notes.md","edits":[]}`, `{"path":"gone","edits":[{"oldText":"a","newText":"b"}]}`,
				`{"path":"notes.md","edits":[{"oldText":"","newText":"b"}]}`, `{"path":"notes.md","edits":[{"oldText":"e","newText":"b"}]}`,
				`{"path":"notes.md","edits":[{"oldText":"four","newText":"b"}]}`, `{"path":"notes.md","edits":[{"oldText":"two","newText":"two"}]}`,
				`{"path":"notes.md","edits":[{"oldText":"two"}]}`, `{"path":"sub","edits":[{"oldText":"a","newText":"b"}]}`,
			},
			Path: "path", With: `"edits":[{"oldText":"canary","newText":"changed"}]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s.Prepare = prepare
			s.New = func(t testing.TB, root string) tool.Tool {
				return pick(t, name, file.Config{Root: root, Taints: taints(t)})
			}
			tooltest.Run(t, s)
		})
	}
}

func put(t testing.TB, root, name, content string) {
	t.Helper()
	full := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func taints(t testing.TB) *tool.Taints {
	t.Helper()
	record, err := tool.OpenTaints(filepath.Join(t.TempDir(), "taints"))
	if err != nil {
		t.Fatal(err)
	}
	return record
}
