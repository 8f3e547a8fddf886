package json5

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func plainly(src []byte) (*Document, error) { return Parse("", src) }

func mustParse(t testing.TB, src string) *Value {
	t.Helper()
	d, err := Parse("", []byte(src))
	if err != nil {
		t.Fatalf("Parse(%q): %v", src, err)
	}
	return d.Root
}

// steps reads a/0/b: numbers are indexes.
func steps(path string) []Step {
	var out []Step
	for s := range strings.SplitSeq(path, "/") {
		if n := strings.IndexAny(s, "0123456789"); n == 0 && len(s) == 1 {
			out = append(out, Index(int(s[0]-'0')))
			continue
		}
		out = append(out, Key(s))
	}
	return out
}

func TestSetChangesOnlyTheBytesItMust(t *testing.T) {
	for _, c := range []struct{ name, src, path, value, want string }{
		{
			"a number in place, everything else stays",
			"// head\n{\n\ta : 1 , // one\n\t'b': 2,\n}\n", "a", "7",
			"// head\n{\n\ta : 7 , // one\n\t'b': 2,\n}\n",
		},
		{"the same value changes nothing", "{a: 0x10, b: 'x'}", "a", "16", "{a: 0x10, b: 'x'}"},
		{"a text keeps its kind of quotes", "{a: 'x', b: \"y\"}", "b", "'z'", "{a: 'x', b: \"z\"}"},
		{"a new text takes the document's quotes", "{a: 'x'}", "b", "\"it's\"", `{a: 'x', b: 'it\'s'}`},
		{
			"a new member takes indentation, bare key and trailing comma",
			"{\n  a: 1,\n  b: 2,\n}", "c", "3",
			"{\n  a: 1,\n  b: 2,\n  c: 3,\n}",
		},
		{
			"no trailing comma where there is none",
			"{\n    \"a\": 1\n}", "c", "3",
			"{\n    \"a\": 1,\n    \"c\": 3\n}",
		},
		{
			"a comment behind the last member stays with it",
			"{\n  a: 1 // one\n  // end\n}", "b", "2",
			"{\n  a: 1, // one\n  b: 2\n  // end\n}",
		},
		{
			"a comment of several lines behind the last member too",
			"{\n  a: 1, /* one\n  more */\n}", "b", "2",
			"{\n  a: 1, /* one\n  more */\n  b: 2,\n}",
		},
		{"CRLF stays", "{\r\n  a: 1\r\n}\r\n", "b", "2", "{\r\n  a: 1,\r\n  b: 2\r\n}\r\n"},
		{"a byte order mark stays", "\ufeff{\n  a: 1,\n}", "b", "{c: 1}", "\ufeff{\n  a: 1,\n  b: { c: 1 },\n}"},
		{"one line stays one line", "{ a: 1, b: { c: 1 } }", "b/d", "{e: [1, {f: 2}]}", "{ a: 1, b: { c: 1, d: { e: [1, { f: 2 }] } } }"},
		{"minified stays minified", `{"a":1,"b":{"c":1}}`, "b/d", "{e: [1, 2]}", `{"a":1,"b":{"c":1,"d":{"e":[1,2]}}}`},
		{"a block comment on one line", "{ a: 1 /* x */ }", "b", "2", "{ a: 1 /* x */, b: 2 }"},
		{"a line comment behind one line", "{ a: 1 // x\n}", "b", "2", "{ a: 1, // x\n  b: 2\n}"},
		{
			"missing parents are made in the document's style",
			"{\n  \"a\": {\n    \"b\": 1\n  }\n}", "x/y/z", "'w'",
			"{\n  \"a\": {\n    \"b\": 1\n  },\n  \"x\": {\n    \"y\": {\n      \"z\": \"w\"\n    }\n  }\n}",
		},
		{"an empty object in a document of several lines", "{\n  a: {},\n}", "a/b", "1", "{\n  a: {\n    b: 1,\n  },\n}"},
		{"an empty object on one line", "{a: {}, b: 1}", "a/b", "1", "{a: {b: 1}, b: 1}"},
		{"an empty document becomes plain JSON", "{}", "a/b", "['x', 1]", "{\n  \"a\": {\n    \"b\": [\n      \"x\",\n      1\n    ]\n  }\n}"},
		{"an object that holds only a comment", "{\n  // keep me\n}", "a", "1", "{\n  // keep me\n  \"a\": 1\n}"},
		{"an element after the last", "{a: [1, 2]}", "a/2", "3", "{a: [1, 2, 3]}"},
		{"an element on its own line", "[\n  {\n    a: 1,\n  },\n]", "1", "{a: 2}", "[\n  {\n    a: 1,\n  },\n  { a: 2 },\n]"},
		{"the last one of a key that occurs twice", "{a: 1, a: 2}", "a", "3", "{a: 1, a: 3}"},
		{
			"an object is changed member by member",
			"{\n  m: {\n    // x\n    a: 1, // one\n    b: 2, // two\n    c: 3,\n  },\n}", "m", "{a: 1, c: 4, d: 5}",
			"{\n  m: {\n    // x\n    a: 1, // one\n    // two\n    c: 4,\n    d: 5,\n  },\n}",
		},
		{"an element that goes takes only itself along", "[\n  1, // one\n  2,\n  3, // three\n]", "", "[1, 3]", "[\n  1, // one\n  3, // three\n]"},
		{"another kind replaces the whole", "{a: [1, 2], b: 1}", "a", "'x'", `{a: "x", b: 1}`},
		{"null makes way for parents", "{a: null}", "a/b", "1", "{a: {b: 1}}"},
		{"numbers stay as they were typed", "{a: 1}", "b", "0x1F", "{a: 1, b: 0x1F}"},
		{"a blank between the lines stays", "{\n  a: 1,\n\n  b: 2,\n\n}", "c", "3", "{\n  a: 1,\n\n  b: 2,\n  c: 3,\n\n}"},
		{"the colon's blanks are copied", "{\n  a : 1,\n}", "b", "{c: 1}", "{\n  a : 1,\n  b : { c : 1 },\n}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var path []Step
			if c.path != "" {
				path = steps(c.path)
			}
			src, want := c.src, c.want
			if path == nil { // a list as the whole document: put it into a member
				src, want, path = "{x: "+src+"}", "{x: "+want+"}", steps("x")
			}
			if src[0] == '[' {
				src, want, path = "{x: "+src+"}", "{x: "+want+"}", append(steps("x"), path...)
			}
			got, err := Set(plainly, []byte(src), path, mustParse(t, c.value))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestUnsetTakesOnlyTheMember(t *testing.T) {
	for _, c := range []struct{ name, src, path, want string }{
		{"the first on one line", "{a: 1, b: 2}", "a", "{b: 2}"},
		{"the first with blanks inside the braces", "{ a: 1, b: 2 }", "a", "{ b: 2 }"},
		{"the middle", "{a: 1, b: 2, c: 3}", "b", "{a: 1, c: 3}"},
		{"the last takes the comma before it", "{a: 1, b: 2}", "b", "{a: 1}"},
		{"the last with a trailing comma", "{a: 1, b: 2,}", "b", "{a: 1,}"},
		{"the only one", "{a: {b: 1}}", "a/b", "{a: {}}"},
		{"the only one over several lines", "{\n  a: {\n    b: 1,\n  },\n}", "a/b", "{\n  a: {},\n}"},
		{"a comment before it stays", "{\n  a: 1,\n  // about b\n  b: 2,\n}", "b", "{\n  a: 1,\n  // about b\n}"},
		{"a comment behind it stays on its line", "{\n  a: 1, // one\n  b: 2, // two\n  c: 3,\n}", "b", "{\n  a: 1, // one\n  // two\n  c: 3,\n}"},
		{"a comment between value and comma stays", "{\n  a: 1,\n  b: 2 /* two */,\n  c: 3\n}", "b", "{\n  a: 1, /* two */\n  c: 3\n}"},
		{"a key that occurs twice goes twice", "{a: 1, b: 2, a: 3}", "a", "{b: 2}"},
		{"an element", "{a: [1, 2, 3]}", "a/1", "{a: [1, 3]}"},
		{"the only one beside a comment", "{\n  // keep\n  a: 1,\n}", "a", "{\n  // keep\n}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Unset(plainly, []byte(c.src), steps(c.path))
			if err != nil || string(got) != c.want {
				t.Errorf("got\n%s (%v)\nwant\n%s", got, err, c.want)
			}
		})
	}
}

func TestEditsRefuseWhatCannotBe(t *testing.T) {
	one := mustParse(t, "1")
	for path, want := range map[string]string{
		"a/b":   `key "b" asks for an object, but this is number at step 2 of the path`,
		"l/5":   "index 5 is beyond the end of 1 elements at step 2 of the path",
		"l/x":   `key "x" asks for an object, but this is array at step 2 of the path`,
		"o/0":   "index 0 asks for an array, but this is object at step 2 of the path",
		"new/3": "index 3 is beyond the end of 0 elements",
	} {
		if _, err := Set(plainly, []byte("{a: 1, l: [1], o: {}}"), steps(path), one); err == nil || err.Error() != want {
			t.Errorf("set %s: %v, want %s", path, err, want)
		}
	}
	for _, path := range []string{"b", "a/b", "l/1", "l/x"} {
		if _, err := Unset(plainly, []byte("{a: 1, l: [1]}"), steps(path)); !errors.Is(err, ErrNotFound) {
			t.Errorf("unset %s: %v", path, err)
		}
	}
}

// undoable are objects into which a member can go and come out again without a trace.
// An empty object whose braces are apart is drawn together (its file's backup knows
// better).
func undoable(v *Value) bool {
	return len(v.Members) > 0 || v.Doc.lastComment(v.inner, v.innerEnd) > v.inner || v.inner == v.innerEnd
}

func FuzzSetThenUnsetIsIdentity(f *testing.F) {
	for _, s := range []string{
		"{}", "{a: 1}", "{\n  a: 1, // x\n  b: {c: [1, {d: 2}]} /* y */\n}\r\n", "{'a': 1 // x\n}", `{"a":{"b":{}}}`,
		"{/* x */}", "{ // x\n}", "{a:1 /*x\n*/ , }", "[{a: 1},\n {b: 2}]", "\ufeff{\n\ta: {\n\t\tb: 1\n\t}\n}",
		"{a: 1 // x\n /* y */ , // z\n}", "{\ra:1,\r}", "{a: 1, b: 2 /* x */\n // y\n}", "{a: [\n1, 2 // x\n]}",
	} {
		f.Add([]byte(s), "new", "{x: [1, 'y', {z: 1}]}")
	}
	f.Fuzz(func(t *testing.T, src []byte, key, value string) {
		doc, err := Parse("", src)
		v, errV := Parse("", []byte(value))
		if err != nil || errV != nil || len(src) > 2000 || len(value) > 500 || !utf8.ValidString(key) {
			return
		}
		var visit func(at *Value, path []Step)
		visit = func(at *Value, path []Step) {
			if at.Kind == Object && undoable(at) && at.Get(key) == nil {
				thereAndBack(t, src, append(slices.Clip(path), Key(key)), v.Root)
			}
			for _, m := range at.Unique() {
				visit(m.Value, append(slices.Clip(path), Key(m.Key)))
			}
			for i, e := range at.Elements {
				visit(e, append(slices.Clip(path), Index(i)))
			}
		}
		visit(doc.Root, nil)
	})
}

func thereAndBack(t *testing.T, src []byte, path []Step, v *Value) {
	t.Helper()
	there, err := Set(plainly, src, path, v)
	if err != nil {
		if strings.Contains(err.Error(), "nested deeper") {
			return
		}
		t.Fatalf("set in %q: %v", src, err)
	}
	doc, err := Parse("", there)
	if err != nil {
		t.Fatalf("set in %q gives %q: %v", src, there, err)
	}
	if got := doc.Root.At(path...); got == nil || !Equal(got, v) {
		t.Fatalf("set in %q gives %q: the value is not there", src, there)
	}
	back, err := Unset(plainly, there, path)
	if err != nil {
		t.Fatalf("unset in %q: %v", there, err)
	}
	if !bytes.Equal(back, src) {
		t.Fatalf("there and back\n%q\n%q\n%q", src, there, back)
	}
}

func FuzzSetReachesAnyValueAndLeavesTheRest(f *testing.F) {
	f.Add([]byte("{a: [1, 2, {b: 3}], c: {d: 1, e: 2}} // x"), "[2, {b: 4}]")
	f.Add([]byte("{\n  a: {b: 1, /*x*/ c: 2},\n  d: 'x',\n}"), "{c: {e: 1}}")
	f.Fuzz(func(t *testing.T, src []byte, value string) {
		doc, err := Parse("", src)
		v, errV := Parse("", []byte(value))
		if err != nil || errV != nil || doc.Root.Kind != Object || len(src) > 2000 || len(value) > 500 {
			return
		}
		for _, m := range doc.Root.Unique() {
			out, err := Set(plainly, src, []Step{Key(m.Key)}, v.Root)
			if err != nil {
				if strings.Contains(err.Error(), "nested deeper") {
					continue
				}
				t.Fatalf("set %q in %q to %q: %v", m.Key, src, value, err)
			}
			after, err := Parse("", out)
			if err != nil {
				t.Fatalf("set %q in %q to %q gives %q: %v", m.Key, src, value, out, err)
			}
			for _, o := range doc.Root.Unique() {
				want := o.Value
				if o.Key == m.Key {
					want = v.Root
				}
				if got := after.Root.Get(o.Key); got == nil || !Equal(got, want) {
					t.Fatalf("set %q in %q to %q gives %q: %q is wrong", m.Key, src, value, out, o.Key)
				}
			}
			if a, b := comments(src, doc), comments(out, after); strings.Count(b, "*/") < strings.Count(a, "*/")-strings.Count(string(m.Value.Raw()), "*/") {
				t.Fatalf("set %q in %q to %q gives %q: a comment is lost", m.Key, src, value, out)
			}
		}
	})
}

// comments gives the source without its texts, which may look like comments.
func comments(src []byte, doc *Document) string {
	out := bytes.Clone(src)
	var hide func(v *Value)
	hide = func(v *Value) {
		if v.Kind == String {
			for i := v.Start; i < v.End; i++ {
				out[i] = ' '
			}
		}
		for _, m := range v.Members {
			for i := m.KeyStart; i < m.KeyEnd; i++ {
				out[i] = ' '
			}
			hide(m.Value)
		}
		for _, e := range v.Elements {
			hide(e)
		}
	}
	hide(doc.Root)
	return string(out)
}
