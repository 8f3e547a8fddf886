package config

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRepairsAreNamedAndNothingElseIsTouched(t *testing.T) {
	for file, want := range map[string]string{
		"bom":          "hearth.json:1: the file begins with a byte order mark: skipped",
		"fence":        "hearth.json:1: Markdown code fences around the config: skipped (2 times, first at line 1)",
		"lone-json5":   "hearth.json:1: Markdown code fences around the config: skipped",
		"pipes":        "hearth.json:2: lines that hold only |: skipped (5 times, first at line 2)",
		"curly":        "hearth.json:3: curly quotes around keys or texts: read as plain quotes (8 times, first at line 3)",
		"open-brace":   "hearth.json:2: the opening { of the file is missing: read as if it were there",
		"outer-braces": "hearth.json:1: the outer { and } of the file are missing: read as if they were there",
		"everything": "hearth.json:1: the file begins with a byte order mark: skipped\n" +
			"hearth.json:1: Markdown code fences around the config: skipped (2 times, first at line 1)\n" +
			"hearth.json:2: lines that hold only |: skipped (2 times, first at line 2)\n" +
			"hearth.json:3: curly quotes around keys or texts: read as plain quotes\n" +
			"hearth.json:3: the opening { of the file is missing: read as if it were there",
	} {
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", "repair", file+".json5"))
			if err != nil {
				t.Fatal(err)
			}
			f, warnings := newHome(t).config(string(text))
			wantWarnings(t, warnings, want)
			if f.Config.Models.Mode != "replace" {
				t.Errorf("models.mode is %q", f.Config.Models.Mode)
			}
			if string(f.sources[0].bytes) != string(text) {
				t.Error("the source is not the file's bytes")
			}
		})
	}
}

func TestCurlyQuotesInsideTextsStay(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "repair", "curly.json5"))
	if err != nil {
		t.Fatal(err)
	}
	f, _ := newHome(t).config(string(text))
	for path, want := range map[string]string{
		`models.providers["a b"].baseUrl`:  "http://127.0.0.1:1/v1",
		`models.providers["a b"].apiKey`:   "keeps “curly” inside",
		`models.providers["it’s"].baseUrl`: `http://say?"hi" to it`,
		`models.providers["it’s"].apiKey`:  "he said “no”",
		`models.providers.mixed.baseUrl`:   "http://x",
		`models.providers.mixed.apiKey`:    "y",
	} {
		v, err := f.Get(path)
		if err != nil {
			t.Error(err)
		} else if v.Text() != want {
			t.Errorf("%s is %q, want %q", path, v.Text(), want)
		}
	}
}

func TestWhatHasNoNameIsNotRepaired(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"a closing brace missing":       {"{\n  models: {\n    mode: \"merge\"\n", "hearth.json:3:18: the file ends, but the '{' of line 2 is still open; the defaults are used\n    mode: \"merge\"\n                 ^"},
		"a comma missing":               {"{\n  a: 1\n  b: 2\n}", "hearth.json:2:7: a ',' or '}' is missing here; the defaults are used\n  a: 1\n      ^"},
		"an error behind a missing {":   {"a: 1,\nb: ],\n}", "hearth.json:2:4: unexpected ']' where a value should be; the defaults are used\nb: ],\n   ^"},
		"an error among curly quotes":   {"{\n  a: “b”,\n  c: d e,\n}", "hearth.json:3:6: the text d needs quotes; the defaults are used\n  c: d e,\n     ^"},
		"pipes with something beside":   {"{\n| a: 1\n}", "hearth.json:2:1: unexpected '|' where a key should be; the defaults are used\n| a: 1\n^"},
		"an empty file":                 {"", "hearth.json:1:1: the file ends where a value should be; the defaults are used\n\n^"},
		"a file that is no object":      {"[1]", "hearth.json:1:1: a config is an object in { }, this is an array; the defaults are used\n[1]\n^"},
		"prose":                         {"Add this to your config:\n{ a: 1 }", "hearth.json:1:5: unexpected 't' where a ':' should follow the key \"Add\"; the defaults are used\nAdd this to your config:\n    ^"},
		"a fence in the middle of text": {"{\n  a: 'x\n```\n',\n}", "hearth.json:2:6: the string that begins here is not closed on its line; the defaults are used\n  a: 'x\n     ^"},
	} {
		t.Run(name, func(t *testing.T) {
			f, warnings := newHome(t).config(c.text)
			if f.Broken == nil {
				t.Fatal("it was read")
			}
			wantWarnings(t, warnings, c.want)
		})
	}
}

func TestRepairsKnowTextsAndComments(t *testing.T) {
	for name, text := range map[string]string{
		"pipes in a block comment":       "{ /*\n|\n*/ a: “x” }",
		"a fence in a block comment":     "{ /*\n```\n*/ a: “x” }",
		"curly quotes in a line comment": "{ // “hm\n a: “x” }",
		"pipes in a continued text":      "{ b: 'y\\\n|\\\n', a: “x” }",
		"a continued text with CRLF":     "{ b: 'y\\\r\n|\\\r\n', a: “x” }",
		"json5 as a key":                 "{\njson5\n: 1, a: “x” }",
	} {
		doc, repairs, err := read("f", []byte(text))
		if err != nil || doc.Root.Get("a").Text != "x" {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(repairs) != 1 || repairs[0].Name != RepairedQuotes || repairs[0].Count != 1 {
			t.Errorf("%s: repairs %v", name, repairs)
		}
	}
}

// A hostile or damaged file costs time in proportion to its size.
func TestReadingIsLinear(t *testing.T) {
	for name, piece := range map[string]string{
		"line breaks": "\n", "curly quotes": "“", "single curly quotes": "‘", "a straight quote and curly ones": "\"“", "pipes": "|\n",
		"slashes": "/", "braces": "{", "members": "a:1,", "fences": "```\n", "json5": "json5\n", "backslashes": "\\", "bytes that are not UTF-8": "\x80",
	} {
		took := func(size, times int) float64 {
			text := []byte(strings.Repeat(piece, size/len(piece)) + "x")
			start := time.Now()
			for range times {
				_, _, _ = read("f", text) // whether it can be read is not the question
			}
			return float64(time.Since(start))
		}
		// As many bytes in one file as in ten take as long, and ten times as long where the
		// cost is the square. Both are under way for about the same time, so a busy machine
		// slows both down; it may spoil one comparison, hardly ten in a row.
		least := math.Inf(1)
		for range 10 {
			if least = min(least, took(300_000, 1)/took(30_000, 10)); least < 4 {
				break
			}
		}
		if least >= 4 {
			t.Errorf("%s: one file takes %.0f times as long as ten with as many bytes", name, least)
		}
	}
}

func FuzzReadKeepsOffsets(f *testing.F) {
	files, err := filepath.Glob("testdata/repair/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("{a: “x\\”,\n|"))
	f.Add([]byte("“”"))
	f.Fuzz(func(t *testing.T, src []byte) {
		before := string(src)
		doc, repairs, err := read("f", src)
		if string(src) != before {
			t.Fatal("the source was changed")
		}
		if err != nil {
			return
		}
		if len(doc.Source) != len(src) {
			t.Fatalf("%q was read as %q", src, doc.Source)
		}
		for _, r := range repairs {
			if r.Count < 1 || r.Line < 1 || r.Line > 1+strings.Count(before, "\n") {
				t.Fatalf("repair %+v of %q", r, src)
			}
		}
	})
}

// What JSON has no words for is no reason to be without a last good copy.
func TestInfinityIsKeptAndShownAsWritten(t *testing.T) {
	h := newHome(t)
	h.write(".hearth/odd.json5", "{config: {d: -Infinity, n: NaN, x: 0x10}}")
	f, _ := h.config("{plugins: {entries: {v: {$include: 'odd.json5'}}}}")
	v, err := f.Get("plugins.entries.v.config")
	if err != nil || v.Masked().Text() != `{"d":-Infinity,"n":NaN,"x":16}` {
		t.Errorf("%q, %v", v.Masked().Text(), err)
	}
	if got := h.read(".hearth/hearth.json.last-good"); !strings.Contains(got, "-Infinity") {
		t.Errorf("the last good copy is %q", got)
	}
}

func TestAConfigThatIsReadOnlyIsNotWritten(t *testing.T) {
	h := newHome(t)
	h.vars["OPENCLAW_CONFIG_READONLY"] = "1"
	f, _ := h.config("{}")
	c, err := f.Set(Edit{Path: "models.mode", Value: "merge"})
	if err != nil {
		t.Fatal(err)
	}
	var refused *ReadOnlyError
	if _, err := c.Write(t.Context()); !errors.As(err, &refused) || h.read(".hearth/hearth.json") != "{}" {
		t.Errorf("%v; the file holds %q", err, h.read(".hearth/hearth.json"))
	}
}

// A file that was saved in another encoding is read, and the texts that suffer are told.
func TestBytesInAnotherEncodingAreTold(t *testing.T) {
	f, warnings := newHome(t).config("{ // caf\xe9\n  agents: { defaults: { workspace: '/tmp/\xe9t\xe9' } } }")
	wantWarnings(t, warnings, "hearth.json:2: a text holds bytes that are no UTF-8: read as \ufffd; save the file as UTF-8")
	if got := f.Config.Agents.Defaults.Workspace; got != "/tmp/\ufffdt\ufffd" {
		t.Errorf("the workspace is %q", got)
	}
	if _, warnings = newHome(t).config("{} // caf\xe9"); len(warnings) > 0 {
		t.Errorf("a comment is told: %v", warnings)
	}
}
