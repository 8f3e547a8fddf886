package file_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"hearth"
	"hearth/tool"
	"hearth/tool/file"
)

func arguments(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func do(t testing.TB, tl tool.Tool, tainted bool, args string) hearth.ToolResult {
	t.Helper()
	got, err := tl.Run(tool.NewContext(t.Context(), tainted), hearth.ToolCall{ID: "c", Name: tl.Spec().Name, Arguments: args})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func content(t testing.TB, root, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "line %d\n", i+1)
	}
	return b.String()
}

func TestRead(t *testing.T) {
	for _, row := range []struct {
		name, content, args, want string
		failed                    bool
	}{
		{name: "a short file is given as it is", content: "one\ntwo\n", args: `{"path":"f"}`, want: "one\ntwo\n"},
		{name: "no line break at the end", content: "one", args: `{"path":"f"}`, want: "one"},
		{name: "an empty file", content: "", args: `{"path":"f"}`, want: "[the file is empty]"},
		{name: "a page says how to go on", content: numbered(10), args: `{"path":"f","offset":3,"limit":2}`, want: "line 3\nline 4\n[lines 3-4 of 10; continue with offset 5]"},
		{name: "the last page says nothing", content: numbered(10), args: `{"path":"f","offset":9}`, want: "line 9\nline 10\n"},
		{name: "offset zero is the first line", content: "one\n", args: `{"path":"f","offset":0}`, want: "one\n"},
		{name: "beyond the end", content: numbered(3), args: `{"path":"f","offset":9}`, want: "[there is no line 9; the file has 3 lines]"},
		{name: "the cap on lines", content: numbered(60), args: `{"path":"f"}`, want: numbered(50) + "[lines 1-50 of 60; continue with offset 51]"},
		{name: "the cap on bytes ends at a whole line", content: strings.Repeat("é23456789\n", 90), args: `{"path":"f"}`, want: strings.Repeat("é23456789\n", 45) + "[lines 1-45 of 90; continue with offset 46]"},
		{name: "one endless line", content: strings.Repeat("é", 1000), args: `{"path":"f"}`, want: strings.Repeat("é", 250) + "\n[line 1 is 2000 bytes long and only its beginning is shown; a command can show the rest]"},
		{name: "after an endless line", content: strings.Repeat("x", 1000) + "\nnext\n", args: `{"path":"f"}`, want: strings.Repeat("x", 500) + "\n[line 1 is 1001 bytes long and only its beginning is shown; a command can show the rest. lines 1-1 of 2; continue with offset 2]"},
		{name: "bytes that are not UTF-8", content: "caf\xe9 au lait, and much more text\n", args: `{"path":"f"}`, want: "caf\ufffd au lait, and much more text\n[1 bytes are not UTF-8 text and are shown as \ufffd]"},
		{name: "CR LF", content: "one\r\ntwo\r\n", args: `{"path":"f"}`, want: "one\ntwo\n[lines end in CR LF; edit keeps that]"},
		{name: "a byte order mark is not text", content: "\ufeffone\n", args: `{"path":"f"}`, want: "one\n"},
		{name: "a binary file", content: "ELF\x00\x01\x02", args: `{"path":"f"}`, failed: true, want: "read f: it is a binary file of 6 bytes, which read cannot show"},
		{name: "UTF-16", content: "\xff\xfeo\x00n\x00e\x00", args: `{"path":"f"}`, failed: true, want: "read f: it is a binary file of 8 bytes, which read cannot show; it looks like UTF-16 text, which must be converted to UTF-8 first"},
		{name: "a name nearly right", content: "x", args: `{"path":"F.md"}`, failed: true, want: "read F.md: no such file; there is f"},
		{name: "outside", content: "x", args: `{"path":"../f"}`, failed: true, want: "read ../f: it is outside the workspace; paths are relative to the workspace folder"},
		{name: "broken JSON", content: "x", args: `{"path":"f"`, failed: true, want: `read: the arguments are not valid JSON: unexpected end of JSON input after "{\"path\":\"f\"" (11 bytes; was it cut off?)`},
	} {
		t.Run(row.name, func(t *testing.T) {
			root := t.TempDir()
			put(t, root, "f", row.content)
			got := do(t, pick(t, "read", file.Config{Root: root, MaxLines: 50, MaxBytes: 500}), false, row.args)
			if got.Failed != row.failed || got.Text != row.want {
				t.Errorf("failed %t, text %q\nwant %q", got.Failed, got.Text, row.want)
			}
		})
	}
}

func TestReadAcceptsAbsolutePathsInsideTheWorkspace(t *testing.T) {
	root := t.TempDir()
	put(t, root, "sub/f", "inside")
	if got := do(t, pick(t, "read", file.Config{Root: root}), false, arguments(t, map[string]string{"path": filepath.Join(root, "sub", "f")})); got.Text != "inside" {
		t.Errorf("%q", got.Text)
	}
}

func TestReadListsFolders(t *testing.T) {
	root := t.TempDir()
	put(t, root, "b.txt", "")
	put(t, root, "a/x", "")
	want := ". is a folder\na/\nb.txt"
	if runtime.GOOS != "windows" { // where no name may hold such characters
		put(t, root, "evil\x1b[2K\n.txt", "")
		want += "\nevil\\x1b[2K\\n.txt"
	}
	got := do(t, pick(t, "read", file.Config{Root: root}), false, `{"path":"."}`)
	if got.Text != want || got.Failed {
		t.Errorf("%q, want %q", got.Text, want)
	}
}

func TestReadShowsPictures(t *testing.T) {
	root := t.TempDir()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 2400, 100))); err != nil {
		t.Fatal(err)
	}
	put(t, root, "shot.png", b.String())
	put(t, root, "bomb.png", "\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x06\x00\x00\x00")
	read := pick(t, "read", file.Config{Root: root})
	got := do(t, read, false, `{"path":"shot.png"}`)
	if got.Failed || got.Text != "shot.png: a picture, 1200 × 50 pixels" || len(got.Blobs) != 1 || got.Blobs[0].MIME != "image/png" || got.Blobs[0].Width != 1200 || len(got.Blobs[0].Data) != got.Blobs[0].Bytes {
		t.Errorf("%q %+v", got.Text, got.Blobs)
	}
	if got := do(t, read, false, `{"path":"bomb.png"}`); !got.Failed || !strings.Contains(got.Text, "a picture that cannot be used") {
		t.Errorf("a bomb: %q", got.Text)
	}
}

func TestReadOfAHugeFileIsBounded(t *testing.T) {
	root := t.TempDir()
	put(t, root, "zeros", "")
	put(t, root, "log", "first line\n")
	put(t, root, "text", strings.Repeat("x", 9000))
	for name, size := range map[string]int64{"zeros": 1 << 40, "log": 1 << 30, "text": 1 << 40} {
		if err := os.Truncate(filepath.Join(root, name), size); err != nil {
			t.Skip("no sparse files here:", err)
		}
	}
	read := pick(t, "read", file.Config{Root: root})
	if got := do(t, read, false, `{"path":"zeros"}`); !got.Failed || !strings.Contains(got.Text, "binary file of 1099511627776 bytes") {
		t.Errorf("%q", got.Text)
	}
	if got := do(t, read, false, `{"path":"text","offset":2}`); got.Text != "[line 2 is too far into the file; use a command to see it]" {
		t.Errorf("%q", got.Text)
	}
	put(t, root, "many", strings.Repeat(strings.Repeat("x", 99)+"\n", 700_000))
	got := do(t, read, false, `{"path":"many","limit":1}`)
	if !strings.Contains(got.Text, "[lines 1-1 of more than 6") {
		t.Errorf("%.300q", got.Text)
	}
	ctx, cancel := context.WithCancelCause(tool.NewContext(t.Context(), false))
	cancel(nil)
	if got, err := read.Run(ctx, hearth.ToolCall{Name: "read", Arguments: `{"path":"many"}`}); err != nil || !got.Failed {
		t.Errorf("cancelled: %v %+v", err, got)
	}
}

func TestWrite(t *testing.T) {
	root := t.TempDir()
	write := pick(t, "write", file.Config{Root: filepath.Join(root, "ws")})
	got := do(t, write, false, `{"path":"a/b/c.txt","content":"héllo\n"}`)
	if got.Failed || got.Text != "wrote 7 bytes to a/b/c.txt (new file)" || content(t, root, "ws/a/b/c.txt") != "héllo\n" {
		t.Fatalf("%+v", got)
	}
	full := filepath.Join(root, "ws/a/b/c.txt")
	if err := os.Chmod(full, 0o750); err != nil {
		t.Fatal(err)
	}
	got = do(t, write, false, `{"path":"a/b/c.txt","content":"two"}`)
	if got.Text != "wrote 3 bytes to a/b/c.txt" || content(t, root, "ws/a/b/c.txt") != "two" {
		t.Errorf("%+v", got)
	}
	if info, err := os.Stat(full); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o750 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(filepath.Dir(full)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if err := os.Chmod(full, 0o440); err != nil {
		t.Fatal(err)
	}
	if got := do(t, write, false, `{"path":"a/b/c.txt","content":"three"}`); !got.Failed || got.Text != "write a/b/c.txt: the file is read-only; nothing was written" {
		t.Errorf("%q", got.Text)
	}
}

// A model that was shown [secret] writes it back, and the credential would be gone.
func TestWriteKeepsACredentialThatTheModelWasNotShown(t *testing.T) {
	root := t.TempDir()
	write := pick(t, "write", file.Config{Root: root, Shown: func(s string) string { return strings.ReplaceAll(s, "hunter22", "[secret]") }})
	if err := os.WriteFile(filepath.Join(root, "app.conf"), []byte("key=hunter22\nport=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := do(t, write, false, `{"path":"app.conf","content":"key=[secret]\nport=2\n"}`)
	if !got.Failed || !strings.Contains(got.Text, "change the other lines with edit; nothing was written") || content(t, root, "app.conf") != "key=hunter22\nport=1\n" {
		t.Errorf("%q", got.Text)
	}
	for _, harmless := range []string{`{"path":"app.conf","content":"port=2\n"}`, `{"path":"app.conf","content":"[secret] of nobody"}`, `{"path":"new.conf","content":"[secret]"}`} {
		if got := do(t, write, false, harmless); got.Failed {
			t.Errorf("%s: %q", harmless, got.Text)
		}
	}
}

func TestWriteFollowsASymlinkInsideTheWorkspaceAndSaysSoBefore(t *testing.T) {
	root := t.TempDir()
	put(t, root, "SOUL.md", "me")
	if err := os.Symlink("SOUL.md", filepath.Join(root, "notes.md")); err != nil {
		t.Skip("no symlinks here:", err)
	}
	write := pick(t, "write", file.Config{Root: root})
	c := hearth.ToolCall{Name: "write", Arguments: `{"path":"notes.md","content":"you"}`}
	foreseer, ok := write.(tool.Foreseer)
	if !ok {
		t.Fatal("write foresees nothing")
	}
	if _, targets := foreseer.Foresee(c); !slices.Equal(targets, []string{"notes.md", "SOUL.md"}) {
		t.Errorf("targets %q", targets)
	}
	if got := do(t, write, false, c.Arguments); got.Failed || content(t, root, "SOUL.md") != "you" {
		t.Errorf("%+v", got)
	}
	if info, err := os.Lstat(filepath.Join(root, "notes.md")); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Error("the symlink is gone")
	}
}

func TestEdit(t *testing.T) {
	type edit struct {
		Old string `json:"oldText"`
		New string `json:"newText"`
	}
	for _, row := range []struct {
		name, before string
		edits        []edit
		after, want  string // after "" = unchanged, and want is the complaint
	}{
		{"one replacement", "a\nb\nc\n", []edit{{"b", "B"}}, "a\nB\nc\n", "edited f: 1 replacement at line 2"},
		{"several, in any order", "a\nb\nc\n", []edit{{"c\n", ""}, {"a", "A\nA"}}, "A\nA\nb\n", "edited f: 2 replacements at lines 1, 3"},
		{"all look at the file as it was", "a b", []edit{{"a", "b"}, {"b", "a"}}, "b a", "edited f: 2 replacements at lines 1, 1"},
		{"CR LF is kept", "a\r\nb\r\nc\r\n", []edit{{"a\nb", "x\ny\nz"}}, "x\r\ny\r\nz\r\nc\r\n", "edited f: 1 replacement at line 1"},
		{"CR LF in oldText fits too", "a\r\nb\r\n", []edit{{"a\r\nb", "x"}}, "x\r\n", "edited f: 1 replacement at line 1"},
		{"LF is kept", "a\nb\n", []edit{{"a\r\nb", "x\r\ny"}}, "x\ny\n", "edited f: 1 replacement at line 1"},
		{"a mixed file keeps what is not touched", "a\r\nb\nc\r\nd\r\n", []edit{{"d", "e\nf"}}, "a\r\nb\nc\r\ne\r\nf\r\n", "edited f: 1 replacement at line 4"},
		{"only the line end", "a\r\nb", []edit{{"a\n", "a "}}, "a b", "edited f: 1 replacement at line 1"},
		{"no line break at the end stays so", "a\nb", []edit{{"b", "c"}}, "a\nc", "edited f: 1 replacement at line 2"},
		{"a byte order mark stays", "\ufeffa\n", []edit{{"a", "b"}}, "\ufeffb\n", "edited f: 1 replacement at line 1"},

		{"twice", "x\ny\nx\n", []edit{{"x", "z"}}, "", "edit f: edits[0]: oldText occurs 2 times, at lines 1, 3; add lines around it until it is unique\nNothing was changed."},
		{"overlapping itself", "aaa", []edit{{"aa", "b"}}, "", "edit f: edits[0]: oldText occurs 2 times, at lines 1, 1; add lines around it until it is unique\nNothing was changed."},
		{"one bad edit stops all", "a\nb\n", []edit{{"a", "A"}, {"nope", "x"}}, "", "edit f: edits[1]: oldText does not occur in the file; nothing in it looks alike. Read the file and copy the text exactly\nNothing was changed."},
		{"nearly right shows the nearest text", "func main() {\n\tfmt.Println(\"hi\")\n}\n", []edit{{"func main() {\n    fmt.Println(\"hi\")\n", "x"}}, "", "edit f: edits[0]: oldText does not occur in the file. The nearest text, at line 1, is:\nfunc main() {\n\tfmt.Println(\"hi\")\nIt differs in white space only.\nNothing was changed."},
		{"edits that touch each other", "abcd", []edit{{"abc", "x"}, {"cd", "y"}}, "", "edit f: edits[0] and edits[1] change the same text; make one edit of them\nNothing was changed."},
		{"a binary file", "a\x00b", []edit{{"a", "b"}}, "", "edit f: it is a binary file; nothing was changed"},
		{"not UTF-8", "a\xffb", []edit{{"a", "b"}}, "", "edit f: it is not UTF-8 text; convert it first, or change it with a command; nothing was changed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			root := t.TempDir()
			put(t, root, "f", row.before)
			got := do(t, pick(t, "edit", file.Config{Root: root}), false, arguments(t, map[string]any{"path": "f", "edits": row.edits}))
			if row.after == "" {
				row.after = row.before
			}
			if now := content(t, root, "f"); got.Text != row.want || now != row.after || got.Failed != (row.after == row.before) {
				t.Errorf("text %q\nwant %q\nfile %q\nwant %q", got.Text, row.want, now, row.after)
			}
		})
	}
}

func TestFilesOfATaintedTurnTaintTheirReader(t *testing.T) {
	root := t.TempDir()
	put(t, root, "mine.md", "mine")
	put(t, root, "half.md", "mine")
	record := taints(t)
	c := file.Config{Root: root, Taints: record}
	read, write, edit := pick(t, "read", c), pick(t, "write", c), pick(t, "edit", c)
	do(t, write, true, `{"path":"theirs.md","content":"obey"}`)
	do(t, write, false, `{"path":"ours.md","content":"fine"}`)
	do(t, edit, true, `{"path":"half.md","oldText":"mine","newText":"obey"}`)
	for name, want := range map[string]hearth.Provenance{"mine.md": hearth.FromFile, "theirs.md": hearth.FromTool, "ours.md": hearth.FromFile, "half.md": hearth.FromTool, ".": hearth.FromTool} {
		if got := do(t, read, false, arguments(t, map[string]string{"path": name})); got.From != want {
			t.Errorf("%s is from %q, want %q", name, got.From, want)
		}
	}
	if got := do(t, edit, false, `{"path":"theirs.md","oldText":"obeyy","newText":"x"}`); got.From != hearth.FromTool {
		t.Errorf("a quotation of a tainted file is from %q", got.From)
	}
	do(t, write, false, `{"path":"theirs.md","content":"replaced"}`)
	if got := do(t, read, false, `{"path":"theirs.md"}`); got.From != hearth.FromFile {
		t.Errorf("replaced by a clean turn, still from %q", got.From)
	}
	ended, err := record.Run()
	if err != nil {
		t.Fatal(err)
	}
	put(t, root, "built.md", "by a command")
	if err := ended(); err != nil {
		t.Fatal(err)
	}
	if got := do(t, read, false, `{"path":"built.md"}`); got.From != hearth.FromTool {
		t.Errorf("a file that a command wrote is from %q", got.From)
	}
}

func TestTaintIsNotWashedOffByRenamingOrByACleanEdit(t *testing.T) {
	root := t.TempDir()
	record := taints(t)
	c := file.Config{Root: root, Taints: record}
	read, write, edit := pick(t, "read", c), pick(t, "write", c), pick(t, "edit", c)
	from := func(name string) hearth.Provenance {
		t.Helper()
		return do(t, read, false, arguments(t, map[string]string{"path": name})).From
	}
	do(t, write, true, `{"path":"a/theirs.md","content":"obey me"}`)
	ended, err := record.Run()
	if err != nil {
		t.Fatal(err)
	}
	put(t, root, "built.md", "obey me")
	if err := ended(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a/theirs.md", "built.md"} {
		if got := do(t, edit, false, arguments(t, map[string]string{"path": name, "oldText": "me", "newText": "us"})); got.Failed || from(name) != hearth.FromTool {
			t.Errorf("%s after a clean turn edited a word is from %q: %s", name, from(name), got.Text)
		}
	}
	if err := os.Rename(filepath.Join(root, "a"), filepath.Join(root, "b")); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && from("b/theirs.md") != hearth.FromTool {
		t.Errorf("in a folder with another name it is from %q", from("b/theirs.md"))
	}
}

func TestAWriteThatCannotBeRememberedDoesNotHappen(t *testing.T) {
	root, state := t.TempDir(), t.TempDir()
	record, err := tool.OpenTaints(filepath.Join(state, "taints"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(state, "taints"), 0o700); err != nil {
		t.Fatal(err)
	}
	got := do(t, pick(t, "write", file.Config{Root: root, Taints: record}), true, `{"path":"f","content":"x"}`)
	if _, err := os.Stat(filepath.Join(root, "f")); !got.Failed || err == nil {
		t.Errorf("%q, stat %v", got.Text, err)
	}
}

func TestTheGatewaysOwnFilesAreHidden(t *testing.T) {
	root := t.TempDir()
	put(t, root, ".hearth/hearth.json", "secret")
	if err := os.Symlink(".hearth", filepath.Join(root, "link")); err != nil {
		t.Skip("no symlinks here:", err)
	}
	c := file.Config{Root: root, Hidden: []string{filepath.Join(root, ".hearth")}}
	for _, p := range []string{".hearth/hearth.json", "link/hearth.json", "./x/../.hearth/hearth.json", filepath.Join(root, ".hearth/hearth.json"), ".hearth", "link"} {
		args := arguments(t, map[string]string{"path": p})
		if got := do(t, pick(t, "read", c), false, args); !got.Failed || strings.Contains(got.Text, "secret") {
			t.Errorf("read %s: %q", p, got.Text)
		}
		args = arguments(t, map[string]string{"path": p + "/new", "content": "x"})
		if got := do(t, pick(t, "write", c), false, args); !got.Failed {
			t.Errorf("write %s: %q", p, got.Text)
		}
	}
	if content(t, root, ".hearth/hearth.json") != "secret" {
		t.Error("changed")
	}
}

func TestTheSchemasAreSmall(t *testing.T) {
	total := 0
	for _, tl := range file.New(file.Config{Root: t.TempDir()}) {
		raw, err := json.Marshal(tl.Spec())
		if err != nil {
			t.Fatal(err)
		}
		total += len(raw)
	}
	if total > 1300 {
		t.Errorf("read, write and edit take %d bytes of every prompt", total)
	}
}

func FuzzEdit(f *testing.F) {
	f.Add("a\r\nb\nc\r\n", "b\nc", "x\ny")
	f.Fuzz(func(t *testing.T, before, old, replacement string) {
		root := t.TempDir()
		put(t, root, "f", before)
		got := do(t, pick(t, "edit", file.Config{Root: root}), false, arguments(t, map[string]any{"path": "f", "oldText": old, "newText": replacement}))
		after := content(t, root, "f")
		if got.Failed != (after == before) {
			t.Fatalf("failed %t, before %q, after %q: %s", got.Failed, before, after, got.Text)
		}
		if !got.Failed && !strings.Contains(before, "\r") && !strings.Contains(replacement+old, "\r") && after != strings.Replace(before, old, replacement, 1) {
			t.Fatalf("%q with %q for %q gave %q", before, replacement, old, after)
		}
	})
}

// What is said of a folder is what was looked at: nobody counts one that holds millions.
func TestAFolderThatHoldsTooMuchIsNotCounted(t *testing.T) {
	root := t.TempDir()
	for i := range 10_001 {
		if err := os.Symlink("nowhere", filepath.Join(root, fmt.Sprintf("f%05d", i))); err != nil {
			t.Skip("no symlinks here:", err)
		}
	}
	got := do(t, pick(t, "read", file.Config{Root: root}), false, `{"path":"."}`)
	if got.Failed || !strings.HasSuffix(got.Text, "\n[more than 9500 others are not shown; use a command to see them]") {
		t.Errorf("%q", got.Text[max(0, len(got.Text)-200):])
	}
}
