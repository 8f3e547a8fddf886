package config

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"hearth/internal/json5"
)

// Edits work on damaged files as on sound ones: the result reads as the old config
// with the one change, by the same repairs or fewer.
func FuzzEditsOfDamagedFiles(f *testing.F) {
	files, err := filepath.Glob("testdata/repair/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, "models", `{"x": "y"}`)
		f.Add(text, "new", `"it's"`)
	}
	f.Add([]byte("a: “b”, c: {d: ‘e’ // f\n}"), "a", "1")
	f.Fuzz(func(t *testing.T, src []byte, key, value string) {
		reader := func(src []byte) (*json5.Document, error) {
			doc, _, err := read("f", src)
			return doc, err
		}
		doc, err := reader(src)
		v, errV := json5.Parse("", []byte(value))
		if err != nil || errV != nil || len(src) > 2000 || len(value) > 200 {
			return
		}
		path := []json5.Step{json5.Key(key)}
		out, err := json5.Set(reader, src, path, v.Root)
		if err != nil {
			return // not UTF-8, or nested too deep
		}
		after, err := reader(out)
		if err != nil {
			t.Fatalf("set %q to %q in %q gives %q: %v", key, value, src, out, err)
		}
		if !onlyDiffersAt(doc.Root, after.Root, path, v.Root) {
			t.Fatalf("set %q to %q in %q gives %q", key, value, src, out)
		}
	})
}

func FuzzPathsAreReadAsTheyAreWritten(f *testing.F) {
	for _, s := range []string{"a.b[0].c", `a["x/y"].d`, "a['b.c']", "[0]", `["\u0000"]`, "a[b]", "ключ.ё"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		steps, err := ParsePath(path)
		if err != nil {
			return
		}
		again, err := ParsePath(formatPath(steps))
		if err != nil || !reflect.DeepEqual(steps, again) {
			t.Fatalf("%q is %v, written %q, read back as %v (%v)", path, steps, formatPath(steps), again, err)
		}
	})
}
