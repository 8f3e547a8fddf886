package tool_test

import (
	"context"
	"strings"
	"testing"

	"hearth"
	"hearth/tool"
)

var known = []string{"path=file_path,filename", "limit", "all", "env", "edits"}

func readArguments(raw string) *tool.Arguments {
	return tool.ReadArguments(hearth.ToolCall{Name: "demo", Arguments: raw}, known...)
}

func TestArgumentsForgiveWhatIsNotInDoubt(t *testing.T) {
	for _, row := range []struct {
		name, raw, path string
		limit           int
		all             bool
	}{
		{"as specified", `{"path":"a.md","limit":3,"all":true}`, "a.md", 3, true},
		{"a number and a truth value in quotes", `{"path":"a.md","limit":"3","all":"true"}`, "a.md", 3, true},
		{"a whole number written as a fraction", `{"path":"a.md","limit":3.0}`, "a.md", 3, false},
		{"another name of the parameter", `{"file_path":"a.md"}`, "a.md", 7, false},
		{"both names with one value", `{"file_path":"a.md","path":"a.md"}`, "a.md", 7, false},
		{"null means absent", `{"path":"a.md","limit":null,"mode":null}`, "a.md", 7, false},
		{"the object in a string", `"{\"path\":\"a.md\"}"`, "a.md", 7, false},
		{"a raw line break in a string", "{\"path\":\"a\nb\"}", "a\nb", 7, false},
		{"white space around", " {\"path\":\"a.md\"}\n", "a.md", 7, false},
		{"a number where text belongs", `{"path":42}`, "42", 7, false},
		{"a pair of surrogates", `{"path":"\ud83d\ude00"}`, "😀", 7, false},
		{"a replacement character that was meant", `{"path":"\ufffd"}`, "�", 7, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := readArguments(row.raw)
			path, limit, all := a.RequiredText("path"), a.Int("limit", 7), a.Bool("all")
			if a.Err() != nil || path != row.path || limit != row.limit || all != row.all {
				t.Errorf("%s: path %q, limit %d, all %t, error %v", row.raw, path, limit, all, a.Err())
			}
		})
	}
}

func TestArgumentsSayWhatIsWrong(t *testing.T) {
	for _, row := range []struct{ name, raw, want string }{
		{"cut off", `{"path":"a.m`, `the arguments are not valid JSON: unexpected end of JSON input after "{\"path\":\"a.m" (12 bytes; was it cut off?)`},
		{"a comma too many", `{"path":"a",}`, `invalid character '}' looking for beginning of object key string`},
		{"a list", `["a.md"]`, "the arguments must be a JSON object, not a JSON array"},
		{"an unknown name", `{"path":"a","mode":"w"}`, `unknown argument "mode"; demo takes path, limit, all, env, edits`},
		{"two names, two values", `{"path":"a","file_path":"b"}`, `"path" is given twice with different values`},
		{"missing", `{}`, `"path" is missing`},
		{"empty text", "", `"path" is missing`},
		{"an object for text", `{"path":{"a":1}}`, `"path" must be a string, not an object; put it in quotes`},
		{"words for a number", `{"path":"a","limit":"ten"}`, `"limit" must be a whole number, not "ten"`},
		{"a fraction", `{"path":"a","limit":1.5}`, `"limit" must be a whole number, not 1.5`},
		{"a number too large", `{"path":"a","limit":1e300}`, `"limit" must be a whole number, not 1e300`},
		{"a word for a truth value", `{"path":"a","all":"perhaps"}`, `"all" must be true or false, not "perhaps"`},
		{"half a surrogate pair", `{"path":"\ud83d"}`, `"path" holds half of a \u pair or a byte that is not UTF-8`},
		{"a byte that is not UTF-8", "{\"path\":\"a\xff\"}", `"path" holds half of a \u pair or a byte that is not UTF-8`},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := readArguments(row.raw)
			a.RequiredText("path")
			a.Int("limit", 0)
			a.Bool("all")
			if a.Err() == nil || !strings.Contains(a.Err().Error(), row.want) {
				t.Errorf("%s: %v, want %s", row.raw, a.Err(), row.want)
			}
		})
	}
}

func TestTextMapAndObjects(t *testing.T) {
	a := readArguments(`{"env":{"A":"1","B":2},"edits":{"path":"x"}}`)
	env, edits := a.TextMap("env"), a.Objects("edits", "path")
	if a.Err() != nil || env["A"] != "1" || env["B"] != "2" || len(edits) != 1 || edits[0].Text("path") != "x" {
		t.Errorf("env %v, edits %v, error %v", env, edits, a.Err())
	}
	a = readArguments(`{"env":["A=1"],"edits":"[{\"path\":\"x\"},{\"path\":\"y\"}]"}`)
	if env, edits := a.TextMap("env"), a.Objects("edits", "path"); a.Err() != nil || env["A"] != "1" || len(edits) != 2 {
		t.Errorf("env %v, edits %v, error %v", env, edits, a.Err())
	}
	for _, raw := range []string{`{"env":"A"}`, `{"env":["A"]}`, `{"edits":3}`, `{"edits":"x"}`, `{"edits":[{"wrong":1}]}`, `{"env":{"A":[]}}`, `{"edits":["x"]}`, `{"edits":""}`} {
		a := readArguments(raw)
		a.TextMap("env")
		a.Objects("edits", "path")
		if a.Err() == nil {
			t.Errorf("%s: no complaint", raw)
		}
	}
}

func TestATurnIsTaintedUnlessSomebodySaysOtherwise(t *testing.T) {
	if !tool.TaintedTurn(context.Background()) || tool.TaintedTurn(tool.NewContext(context.Background(), false)) || !tool.TaintedTurn(tool.NewContext(context.Background(), true)) {
		t.Error("TaintedTurn does not say what NewContext was told, or trusts silence")
	}
}

func FuzzArguments(f *testing.F) {
	f.Add(`{"path":"a","limit":"3","env":{"A":"b"},"edits":[{"path":"x"}]}`)
	f.Add("\"{\\\"path\\\":\n1}\"")
	f.Fuzz(func(t *testing.T, raw string) {
		a, b := readArguments(raw), readArguments(raw)
		for _, x := range []*tool.Arguments{a, b} {
			x.RequiredText("path")
			x.Int("limit", 0)
			x.Bool("all")
			x.TextMap("env")
			for _, e := range x.Objects("edits", "path") {
				e.RequiredText("path")
			}
		}
		if (a.Err() == nil) != (b.Err() == nil) || a.Err() != nil && a.Err().Error() != b.Err().Error() {
			t.Fatalf("two readings differ: %v, %v", a.Err(), b.Err())
		}
	})
}
