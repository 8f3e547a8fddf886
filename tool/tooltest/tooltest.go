// Package tooltest is the conformance suite that every tool passes: what the model is
// told of it never moves, nothing a model writes breaks the house, what it says of its
// effects is true, and no path leaves the workspace.
package tooltest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"

	"hearth"
	"hearth/tool"
)

// A Suite says how to make one tool and how to call it.
type Suite struct {
	// New gives the tool on a workspace folder that Prepare filled. It registers its
	// own cleanup with t.
	New func(t testing.TB, workspace string) tool.Tool
	// Prepare fills the workspace; it may be nil.
	Prepare func(t testing.TB, workspace string)
	// Good are arguments of calls that succeed in a fresh workspace.
	Good []string
	// Bad are arguments that are valid JSON and do not fit the tool's schema.
	Bad []string
	// Path is the argument that names a file or folder, "" where there is none; With
	// are the other arguments that a call with it needs, as members of a JSON object.
	Path, With string
}

// Secret is in every file outside the workspace that a tool must never show or change.
const Secret = "canary-outside-the-workspace"

// Run runs the suite.
func Run(t *testing.T, s Suite) {
	t.Run("the spec is canonical and never moves", s.spec)
	t.Run("good calls succeed", s.good)
	t.Run("broken arguments fail and are not errors", s.broken)
	t.Run("what the schema refuses, the tool refuses", s.rules)
	t.Run("effects are honest", s.effects)
	t.Run("a call can be shown on one line", s.describe)
	t.Run("a cancelled call ends and says so", s.cancelled)
	t.Run("calls from many goroutines", s.concurrent)
	t.Run("no path leaves the workspace", s.escapes)
}

// workspace makes a folder with a neighbour that holds the secret.
func (s Suite) workspace(t testing.TB) string {
	t.Helper()
	top := t.TempDir()
	root := filepath.Join(top, "ws")
	must(t, os.Mkdir(root, 0o755))
	for _, name := range []string{"canary.txt", "ws-canary.txt"} {
		must(t, os.WriteFile(filepath.Join(top, name), []byte(Secret), 0o644))
	}
	if s.Prepare != nil {
		s.Prepare(t, root)
	}
	return root
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func call(tl tool.Tool, arguments string) hearth.ToolCall {
	return hearth.ToolCall{ID: "call-1", Name: tl.Spec().Name, Arguments: arguments}
}

// run runs one call and checks what holds for every result.
func run(t testing.TB, tl tool.Tool, arguments string) hearth.ToolResult {
	t.Helper()
	c := call(tl, arguments)
	before := c
	got, err := tl.Run(tool.NewContext(t.Context(), false), c)
	if err != nil {
		t.Fatalf("%s %s: error %v; a call that cannot work is a Failed result", c.Name, arguments, err)
	}
	check(t, c, got)
	if c != before {
		t.Errorf("the call changed")
	}
	return got
}

func check(t testing.TB, c hearth.ToolCall, got hearth.ToolResult) {
	t.Helper()
	if got.CallID != c.ID || got.Name != c.Name {
		t.Errorf("%s: the result answers %q %q", c.Arguments, got.CallID, got.Name)
	}
	if got.From == "" {
		t.Errorf("%s: the result does not say who is behind it", c.Arguments)
	}
	if got.Text == "" && len(got.Blobs) == 0 {
		t.Errorf("%s: the result says nothing", c.Arguments)
	}
	if got.Detail != nil && !json.Valid(got.Detail) {
		t.Errorf("%s: Detail is not JSON: %s", c.Arguments, got.Detail)
	}
	for _, b := range got.Blobs {
		if len(b.Data) != b.Bytes || len(b.Hash) != 64 {
			t.Errorf("%s: blob of %d bytes says %d, hash %q", c.Arguments, len(b.Data), b.Bytes, b.Hash)
		}
	}
	if strings.Contains(got.Text, "\x00") || strings.ToValidUTF8(got.Text, "") != got.Text {
		t.Errorf("%s: the text is not clean UTF-8: %q", c.Arguments, got.Text)
	}
}

var schemaWords = []string{"description", "enum", "items", "properties", "required", "type"}

func (s Suite) spec(t *testing.T) {
	one, two := s.New(t, s.workspace(t)), s.New(t, s.workspace(t))
	spec := one.Spec()
	if spec.Name == "" || spec.Description == "" {
		t.Errorf("name %q, description %q", spec.Name, spec.Description)
	}
	if !bytes.Equal(spec.Schema, two.Spec().Schema) || spec.Description != two.Spec().Description {
		t.Error("two tools of the same kind have different specs")
	}
	var schema any
	must(t, json.Unmarshal(spec.Schema, &schema))
	canonical, err := json.Marshal(schema)
	must(t, err)
	if !bytes.Equal(canonical, spec.Schema) {
		t.Errorf("the schema is not canonical:\n%s\nwant\n%s", spec.Schema, canonical)
	}
	plainSchema(t, schema, false)
	for _, arguments := range s.Good {
		run(t, one, arguments)
	}
	if got := one.Spec(); !bytes.Equal(got.Schema, spec.Schema) || got.Description != spec.Description {
		t.Error("the spec moved after calls")
	}
}

// plainSchema checks that a schema uses only the words that every model server takes.
func plainSchema(t *testing.T, schema any, names bool) {
	t.Helper()
	switch v := schema.(type) {
	case map[string]any:
		for word, inner := range v {
			if !names && !slices.Contains(schemaWords, word) {
				t.Errorf("schema word %q is not understood by every model server", word)
			}
			plainSchema(t, inner, !names && word == "properties")
		}
	case []any:
		for _, inner := range v {
			plainSchema(t, inner, false)
		}
	}
}

func (s Suite) good(t *testing.T) {
	for _, arguments := range s.Good {
		tl := s.New(t, s.workspace(t))
		if c, ok := tl.(tool.Checker); ok && c.Check(call(tl, arguments)) != nil {
			t.Errorf("%s: Check finds %v", arguments, c.Check(call(tl, arguments)))
		}
		if got := run(t, tl, arguments); got.Failed {
			t.Errorf("%s failed: %s", arguments, got.Text)
		}
	}
}

// brokenArguments fit no tool: not JSON, not an object, an argument nobody has.
var brokenArguments = []string{
	`{`, `{"`, `[]`, `[1,2]`, `42`, `"text"`, `true`, `{"no_such_argument":1}`, `{"a":}`, "\x00", "{\"\xff\":1}", `{}}`,
	strings.Repeat(`{"a":`, 20_000), `{"path":{"path":{"path":{}}},"no_such_argument":[[[[]]]]}`,
}

func (s Suite) broken(t *testing.T) {
	tl := s.New(t, s.workspace(t))
	farthest := tl.Effect(call(tl, `{`))
	for _, arguments := range slices.Concat(brokenArguments, s.Bad) {
		got := run(t, tl, arguments)
		if !got.Failed {
			t.Errorf("%.80s did not fail: %s", arguments, got.Text)
		}
		if len(got.Text) > 2000 {
			t.Errorf("%.80s: %d bytes of complaint", arguments, len(got.Text))
		}
	}
	for _, arguments := range brokenArguments {
		if c, ok := tl.(tool.Checker); ok && c.Check(call(tl, arguments)) == nil {
			t.Errorf("%.80s: Check finds nothing wrong", arguments)
		}
		if got := tl.Effect(call(tl, arguments)); got != farthest {
			t.Errorf("%.80s: effect %s, where unreadable arguments give %s", arguments, got, farthest)
		}
	}
}

// rules breaks each rule of the schema in a call that is good otherwise: a tool that
// checks its own arguments must find what its schema says.
func (s Suite) rules(t *testing.T) {
	tl := s.New(t, s.workspace(t))
	checker, ok := tl.(tool.Checker)
	if !ok {
		return // its schema is what decides
	}
	var schema struct {
		Properties map[string]struct {
			Type string   `json:"type"`
			Enum []string `json:"enum"`
		} `json:"properties"`
		Required []string `json:"required"`
	}
	must(t, json.Unmarshal(tl.Spec().Schema, &schema))
	base := slices.IndexFunc(s.Good, func(arguments string) bool { return tool.Fits(tl.Spec(), arguments) == nil })
	if base < 0 {
		t.Fatal("no good call fits the schema")
	}
	refused := func(name, value string) {
		t.Helper()
		var arguments map[string]json.RawMessage
		must(t, json.Unmarshal([]byte(s.Good[base]), &arguments))
		if arguments[name] = json.RawMessage(value); value == "" {
			delete(arguments, name)
		}
		bad, err := json.Marshal(arguments)
		must(t, err)
		if tool.Fits(tl.Spec(), string(bad)) == nil {
			t.Errorf("%s fits the schema", bad)
		}
		if checker.Check(call(tl, string(bad))) == nil {
			t.Errorf("%s: Check finds nothing wrong", bad)
		}
	}
	for _, name := range schema.Required {
		refused(name, "")
	}
	for name, p := range schema.Properties {
		wrong := `{"no":{"such":"value"}}`
		if p.Type == "object" || p.Type == "array" {
			wrong = "7"
		}
		refused(name, wrong)
		if len(p.Enum) > 0 {
			refused(name, `"no such word"`)
		}
	}
}

// state is every name and content below a folder, so that a change shows.
func state(t testing.TB, root string) string {
	t.Helper()
	var b strings.Builder
	must(t, filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		b.WriteString(name + " " + d.Type().String())
		if d.Type().IsRegular() {
			data, err := os.ReadFile(name)
			if err != nil && !errors.Is(err, fs.ErrPermission) {
				return err
			}
			b.Write(data)
		}
		b.WriteByte('\n')
		return nil
	}))
	return b.String()
}

func (s Suite) effects(t *testing.T) {
	for _, arguments := range s.Good {
		root := s.workspace(t)
		tl := s.New(t, root)
		before := state(t, filepath.Dir(root))
		effect := tl.Effect(call(tl, arguments))
		if state(t, filepath.Dir(root)) != before {
			t.Errorf("%s: asking for the effect changed something", arguments)
		}
		if f, ok := tl.(tool.Foreseer); ok {
			argv, targets := f.Foresee(call(tl, arguments))
			if state(t, filepath.Dir(root)) != before {
				t.Errorf("%s: foreseeing changed something", arguments)
			}
			if effect == hearth.EffectRun && len(argv) == 0 || effect == hearth.EffectWrite && len(targets) == 0 {
				t.Errorf("%s: effect %s foresees argv %q and targets %q", arguments, effect, argv, targets)
			}
		}
		run(t, tl, arguments)
		changed := state(t, filepath.Dir(root)) != before
		if changed && effect == hearth.EffectRead {
			t.Errorf("%s: says it reads, and changed something", arguments)
		}
		if !strings.Contains(state(t, filepath.Dir(root)), Secret) {
			t.Errorf("%s: the file outside is gone", arguments)
		}
	}
}

func (s Suite) describe(t *testing.T) {
	tl := s.New(t, s.workspace(t))
	d, ok := tl.(tool.Describer)
	if !ok {
		t.Skip("it has no Describe")
	}
	hostile := []string{`{"path":"a\nb\u001b[2K\u202e","command":"ls\n\u202erm","content":"x","data":"\u0007"}`}
	for _, arguments := range slices.Concat(s.Good, s.Bad, brokenArguments, hostile) {
		line := d.Describe(call(tl, arguments))
		if line == "" || len(line) > 4000 {
			t.Errorf("%.80s is shown as %d bytes", arguments, len(line))
		}
		for _, r := range line {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
				t.Errorf("%.80s is shown with %U: %q", arguments, r, line)
			}
		}
	}
}

func (s Suite) cancelled(t *testing.T) {
	for _, arguments := range s.Good {
		root := s.workspace(t)
		tl := s.New(t, root)
		before := state(t, root)
		ctx, cancel := context.WithCancel(tool.NewContext(t.Context(), false))
		cancel()
		got, err := tl.Run(ctx, call(tl, arguments))
		if err != nil {
			t.Fatalf("%s: error %v", arguments, err)
		}
		check(t, call(tl, arguments), got)
		if !got.Failed {
			t.Errorf("%s: cancelled before it began, and did not fail: %s", arguments, got.Text)
		}
		if state(t, root) != before {
			t.Errorf("%s: cancelled before it began, and changed something", arguments)
		}
	}
}

func (s Suite) concurrent(t *testing.T) {
	root := s.workspace(t)
	tl := s.New(t, root)
	var all sync.WaitGroup
	for _, arguments := range slices.Concat(s.Good, s.Good, s.Bad, brokenArguments[:4]) {
		all.Go(func() {
			c := call(tl, arguments)
			tl.Effect(c)
			if d, ok := tl.(tool.Describer); ok {
				d.Describe(c)
			}
			if got, err := tl.Run(tool.NewContext(t.Context(), true), c); err != nil {
				t.Errorf("%s: %v", arguments, err)
			} else {
				check(t, c, got)
			}
		})
	}
	all.Wait()
}

// escapes tries every way out that has worked somewhere.
func (s Suite) escapes(t *testing.T) {
	if s.Path == "" {
		t.Skip("it takes no path")
	}
	root := s.workspace(t)
	top := filepath.Dir(root)
	must(t, os.Mkdir(filepath.Join(root, "in"), 0o755))
	links := map[string]string{
		"abs": filepath.Join(top, "canary.txt"), "rel": "../canary.txt", "dir": "..", "absdir": top,
		"in/up": "../..", "two": "abs", "loop": "loop", "self": ".", "in/deep": "../in/up", "root": "/", "missing": "../new.txt",
	}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			if runtime.GOOS == "windows" {
				continue // symlinks need a right there that few have
			}
			t.Fatal(err)
		}
	}
	paths := []string{
		"../canary.txt", "in/../../canary.txt", "./../canary.txt", filepath.Join(top, "canary.txt"), "/etc/passwd", "..", "/", "../",
		root + "/../canary.txt", root + "-canary.txt", "../ws-canary.txt", "//etc/passwd", "in/..//../canary.txt",
		"abs", "rel", "two", "loop", "dir/canary.txt", "absdir/canary.txt", "in/up/canary.txt", "in/deep/canary.txt", "self/dir/canary.txt",
		"root" + filepath.Join(top, "canary.txt"), "missing", "abs/x", "in/../abs", "..\\canary.txt", "\x00", "in\x00/../../canary.txt",
		"../canary.txt\x00", "~/canary.txt", "file://" + filepath.Join(top, "canary.txt"), "%2e%2e/canary.txt", "․․/canary.txt", "..\u200b/canary.txt",
		"C:\\Windows\\win.ini", "\\\\server\\share\\f", "/proc/self/root" + filepath.Join(top, "canary.txt"), "/proc/self/environ", "/dev/zero", "/dev/stdin",
		strings.Repeat("../", 60) + strings.TrimPrefix(filepath.Join(top, "canary.txt"), "/"), strings.Repeat("a/", 5000), strings.Repeat("a", 300),
	}
	tl := s.New(t, root)
	outside := outsideState(t, top)
	for _, p := range paths {
		name, err := json.Marshal(p)
		must(t, err)
		arguments := `{"` + s.Path + `":` + string(name)
		if s.With != "" {
			arguments += "," + s.With
		}
		got := run(t, tl, arguments+"}")
		if strings.Contains(got.Text, Secret) || strings.Contains(got.Text, "root:") {
			t.Errorf("%q shows what is outside: %s", p, got.Text)
		}
		if outsideState(t, top) != outside {
			t.Fatalf("%q changed what is outside", p)
		}
	}
}

func outsideState(t *testing.T, top string) string {
	t.Helper()
	entries, err := os.ReadDir(top)
	must(t, err)
	var b strings.Builder
	for _, e := range entries {
		b.WriteString(e.Name() + " " + e.Type().String() + "\n")
		if e.Type().IsRegular() {
			data, err := os.ReadFile(filepath.Join(top, e.Name()))
			must(t, err)
			b.Write(data)
		}
	}
	return b.String()
}
