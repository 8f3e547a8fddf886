package json5

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

// plain turns a tree into what encoding/json would decode into an any.
func plain(v *Value) any {
	switch v.Kind {
	case Null:
		return nil
	case Bool:
		return v.Text == "true"
	case Number:
		return v.Float()
	case String:
		return v.Text
	case Array:
		out := []any{}
		for _, e := range v.Elements {
			out = append(out, plain(e))
		}
		return out
	}
	out := map[string]any{}
	for _, m := range v.Members {
		out[m.Key] = plain(m.Value)
	}
	return out
}

func TestParseReadsEverythingJSON5Has(t *testing.T) {
	obj := func(k string, v any) map[string]any { return map[string]any{k: v} }
	for _, c := range []struct {
		name, src string
		want      any
	}{
		{"an empty object", "{}", map[string]any{}},
		{"a trailing comma in an object", "{a:1,}", obj("a", 1.0)},
		{"a trailing comma in an array", "[1,2,]", []any{1.0, 2.0}},
		{"comments of both kinds", "// x\n{/* y */a/**/:/***/1//z\n}", obj("a", 1.0)},
		{"an unquoted unicode key", "{größe: 1}", obj("größe", 1.0)},
		{"an escape in an unquoted key", `{gr\u00f6sse: 1}`, obj("grösse", 1.0)},
		{"a key that is a reserved word", "{null: 1}", obj("null", 1.0)},
		{"single quotes", `{'a': 'b"c'}`, obj("a", `b"c`)},
		{"a double quote escaped in single quotes", `'a\'b'`, "a'b"},
		{"hexadecimal", "0xFF", 255.0},
		{"negative hexadecimal", "-0x10", -16.0},
		{"an explicit plus", "+1", 1.0},
		{"no digits before the point", ".5", 0.5},
		{"no digits after the point", "5.", 5.0},
		{"a point and an exponent", "5.e1", 50.0},
		{"Infinity", "-Infinity", math.Inf(-1)},
		{"x escapes", `"\x41"`, "A"},
		{"a zero escape", `"a\0b"`, "a\x00b"},
		{"an escape of an ordinary letter", `"\q\/"`, "q/"},
		{"a vertical tab escape", `"\v"`, "\v"},
		{"a line continuation", "'a\\\nb\\\r\nc'", "abc"},
		{"a surrogate pair", `"\ud83d\ude00"`, "😀"},
		{"half a surrogate pair", `"\ud83dx"`, "\ufffdx"},
		{"a byte order mark", "\ufeff{a:1}", obj("a", 1.0)},
		{"exotic blanks", "\v\f\u00a0\u2028\u2003{}", map[string]any{}},
		{"line separators inside a string", "\"a\u2028b\"", "a\u2028b"},
		{"a key twice: the last one counts", "{a:1,a:2}", obj("a", 2.0)},
		{"words with comments right behind them", "[null/*x*/,true//y\n]", []any{nil, true}},
		{"words", "[null,true,false]", []any{nil, true, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := Parse("", []byte(c.src))
			if err != nil {
				t.Fatalf("Parse(%q): %v", c.src, err)
			}
			if got := plain(d.Root); !reflect.DeepEqual(got, c.want) {
				t.Errorf("Parse(%q) = %#v, want %#v", c.src, got, c.want)
			}
		})
	}
}

func TestParseSaysWhereAndWhat(t *testing.T) {
	for _, c := range []struct {
		name, src string
		line, col int
		message   string
	}{
		{"nothing at all", "", 1, 1, "the file ends where a value should be"},
		{"a missing comma, told where it is missing", "{\n  a: 1\n  b: 2\n}", 2, 7, "a ',' or '}' is missing here"},
		{"a missing comma on one line", "{a: 1 b: 2}", 1, 7, "a ',' or '}' is missing here"},
		{"an open brace, told with its line, behind the last text", "{\n a: {\n  b: 1,\n", 3, 8, "the file ends, but the '{' of line 2 is still open"},
		{"an open bracket", "{\n a: [1,\n", 2, 8, "the file ends, but the '[' of line 2 is still open"},
		{"no value", "{\n a: \n", 2, 4, "the file ends where a value should be"},
		{"an open brace after a value", "{\n a: {\n  b: 1", 3, 7, "the file ends, but the '{' of line 2 is still open"},
		{"a curly quote", "{a: “b”}", 1, 5, "the curly quote “ where a value should be"},
		{"columns count characters", "{ä: “b”}", 1, 5, "the curly quote “ where a value should be"},
		{"the mark at the start has no column", "\ufeff{a: ]}", 1, 5, "unexpected ']' where a value should be"},
		{"text without quotes", "{a: hello}", 1, 5, "the text hello needs quotes"},
		{"a model ref without quotes", "{a: local/qwen-3}", 1, 5, "the text local/qwen-3 needs quotes"},
		{"two commas", "{a:1,,}", 1, 6, "unexpected ',' where a key should be"},
		{"an octal number", "01", 1, 1, "a number may not begin with 0"},
		{"a string over a line end", "'a\nb'", 1, 1, "the string that begins here is not closed on its line"},
		{"a comment without end", "{} /*", 1, 4, "this comment has no end (*/)"},
		{"two values", "{} {}", 1, 4, "unexpected '{' after the end of the value"},
		{"a number with letters", "{a: 10k}", 1, 5, "this is not a number; text needs quotes"},
		{"an octal escape", `"\01"`, 1, 2, "octal escapes are not part of JSON5"},
		{"a bad u escape", `"\u12"`, 1, 6, "4 hexadecimal digits should follow"},
		{"too deep", strings.Repeat("[", MaxDepth+2), 1, MaxDepth + 2, "nested deeper than 500 levels"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("f", []byte(c.src))
			var e *SyntaxError
			if !errors.As(err, &e) {
				t.Fatalf("Parse(%q) = %v, want a *SyntaxError", c.src, err)
			}
			if e.Line != c.line || e.Column != c.col || e.Message != c.message {
				t.Errorf("Parse(%q)\n got %d:%d %s\nwant %d:%d %s", c.src, e.Line, e.Column, e.Message, c.line, c.col, c.message)
			}
		})
	}
}

func TestExcerptPutsTheCaretUnderThePlace(t *testing.T) {
	_, err := Parse("hearth.json", []byte("{\n\tport: 1,\n\tmode: ]\n}"))
	var e *SyntaxError
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if got, want := e.Excerpt(nil), " mode: ]\n       ^"; got != want {
		t.Errorf("excerpt\n%s\nwant\n%s", got, want)
	}
	if got, want := e.Error(), "hearth.json:3:8: unexpected ']' where a value should be"; got != want {
		t.Errorf("error %q, want %q", got, want)
	}

	_, err = Parse("", []byte(`{"a":"`+strings.Repeat("x", 500)+`", ]`))
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	lines := strings.Split(e.Excerpt(nil), "\n")
	if len(lines[0]) != excerptWidth || lines[0][len(lines[1])-1] != ']' {
		t.Errorf("a long line is shown as\n%s", e.Excerpt(nil))
	}
}

func TestOffsetsGiveTheSourceBack(t *testing.T) {
	src := "\ufeff{ 'a' : [ 0x10 , \"b\\n\" ] /* c */ , d: { } }"
	d, err := Parse("", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	m := d.Root.Members[0]
	if got := src[m.KeyStart:m.KeyEnd]; got != "'a'" {
		t.Errorf("key is %q", got)
	}
	if got := string(m.Value.Raw()); got != "[ 0x10 , \"b\\n\" ]" {
		t.Errorf("value is %q", got)
	}
	if got := d.Root.At(Key("a"), Index(0)).Text; got != "0x10" {
		t.Errorf("number literal is %q", got)
	}
	if src[d.Root.commas[0]] != ',' || d.Root.commas[1] != -1 {
		t.Errorf("commas %v", d.Root.commas)
	}
}

func TestNumbersKeepTheirDigits(t *testing.T) {
	for lit, want := range map[string]string{
		"12345678901234567890":  "12345678901234567890",
		"-0":                    "-0",
		"+1":                    "1",
		".5":                    "0.5",
		"-.5e3":                 "-0.5e3",
		"5.":                    "5",
		"5.e3":                  "5e3",
		"1.50":                  "1.50",
		"0xffffffffffffffffff":  "4722366482869645213695",
		"-0X1F":                 "-31",
		"1E+2":                  "1E+2",
		"1e400":                 "1e400",
		"9007199254740993":      "9007199254740993",
		"0.1000000000000000001": "0.1000000000000000001",
	} {
		d, err := Parse("", []byte(lit))
		if err != nil {
			t.Errorf("%s: %v", lit, err)
			continue
		}
		got, err := d.Root.AppendJSON(nil)
		if err != nil || string(got) != want || !json.Valid(got) {
			t.Errorf("%s as JSON is %s, %v; want %s", lit, got, err, want)
		}
	}
	for _, lit := range []string{"NaN", "-Infinity"} {
		d, err := Parse("", []byte(lit))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Root.AppendJSON(nil); !errors.Is(err, ErrNotJSON) {
			t.Errorf("%s as JSON: %v", lit, err)
		}
	}
}

func TestIntTakesWholeNumbersOnly(t *testing.T) {
	for lit, want := range map[string]int64{"8192": 8192, "1e3": 1000, "8.0": 8, "0x10": 16, "-3": -3, "9007199254740993": 9007199254740993} {
		d, _ := Parse("", []byte(lit))
		if got, ok := d.Root.Int(); !ok || got != want {
			t.Errorf("%s: %d, %v; want %d", lit, got, ok, want)
		}
	}
	for _, lit := range []string{"1.5", "1e40", "NaN", "Infinity", "'8'"} {
		d, _ := Parse("", []byte(lit))
		if got, ok := d.Root.Int(); ok {
			t.Errorf("%s is taken for the integer %d", lit, got)
		}
	}
}

func FuzzParseNeverPanicsAndReadsJSONAsJSON(f *testing.F) {
	for _, s := range []string{
		"{}", `{"a":[1,-2.5e3,"x\u00e9\n",null,true]}`, "\ufeff{a:1,// c\n'b':.5,}", "[+1,0x1F,Infinity,NaN,'\\\n']",
		`{"a":1,"a":{"b":2}}`, `"\ud83d\ude00\udead"`, "/*", "{a", `{"a" "b"}`, "\"\xff\"", "{\\u0061:1}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		d, err := Parse("", src)
		var want any
		if json.Unmarshal(src, &want) == nil {
			if err != nil {
				if strings.Contains(err.Error(), "nested deeper") {
					return
				}
				t.Fatalf("valid JSON is refused: %v", err)
			}
			if got := plain(d.Root); !reflect.DeepEqual(got, want) {
				t.Fatalf("read as %#v, encoding/json says %#v", got, want)
			}
		}
		if err != nil {
			return
		}
		out, err := d.Root.AppendJSON(nil)
		if err != nil {
			return
		}
		again, err := Parse("", out)
		if err != nil || !json.Valid(out) {
			t.Fatalf("AppendJSON of %q gives %q: %v", src, out, err)
		}
		twice, err := again.Root.AppendJSON(nil)
		if err != nil || !bytes.Equal(out, twice) {
			t.Fatalf("AppendJSON is not stable: %q then %q (%v)", out, twice, err)
		}
	})
}

func TestParseBareReadsAnObjectWithoutItsBraces(t *testing.T) {
	for _, c := range []struct {
		name, src string
		closed    bool
		want      string // as JSON, or the error's place
	}{
		{"no opening brace", "a: 1,\nb: {c: 2},\n}", true, `{"a":1,"b":{"c":2}}`},
		{"no braces", "// x\na: 1,\nb: [{c: 2}]", false, `{"a":1,"b":[{"c":2}]}`},
		{"no braces, a comma and a comment last", "a: 1, // x", false, `{"a":1}`},
		{"a brace too many", "a: 1}", false, ":1:5"},
		{"a brace missing inside", "a: {b: 1", false, ":1:9"},
		{"a list missing its end", "a: [1", false, ":1:6"},
		{"the closing brace missing after all", "a: 1", true, ":1:5: the file ends where a '}' should be"},
		{"nothing", " // x", false, ":1:6"},
		{"an object after all", "{a: 1}", false, ":1:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := ParseBare("", []byte(c.src), c.closed)
			got := ""
			if err != nil {
				got = err.Error()
			} else if b, err := d.Root.AppendJSON(nil); err == nil {
				got = string(b)
			}
			if got != c.want && (c.want[0] != ':' || !strings.Contains(got, c.want)) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
