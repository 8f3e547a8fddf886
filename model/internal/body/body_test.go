package body

import (
	"encoding/json"
	"strings"
	"testing"

	"hearth"
)

func raw(items ...string) [][]byte {
	var out [][]byte
	for _, s := range items {
		out = append(out, []byte(s))
	}
	return out
}

func sample() *Body {
	return &Body{
		Head: []Member{{"model", []byte(`"m"`)}, {"tools", []byte(`[]`)}}, List: "messages",
		First: raw(`{"s":1}`), Items: raw(`{"a":1}`, `{"b":2}`),
		Params: []Member{{"stream", []byte("true")}, {"top_p", []byte("1")}},
	}
}

func TestEncode(t *testing.T) {
	for _, row := range []struct {
		name, extra string
		refused     []string
		head, tail  string
	}{
		{name: "parts come in their order", head: `{"model":"m","tools":[],"messages":[{"s":1}`, tail: `],"stream":true,"top_p":1}`},
		{name: "the owner's members win where ours stood", extra: `{"top_p": 0.5,"model":"x"}`, head: `{"model":"x","tools":[],"messages":[{"s":1}`, tail: `],"stream":true,"top_p":0.5}`},
		{name: "new ones come last, those of the template in the head", extra: `{"z":1,"tool_choice":"required","a":null}`, head: `{"model":"m","tools":[],"tool_choice":"required","messages":[{"s":1}`, tail: `],"stream":true,"top_p":1,"z":1,"a":null}`},
		{name: "messages cannot be replaced", extra: `{"messages":[]}`, head: `{"model":"m","tools":[],"messages":[{"s":1}`, tail: `],"stream":true,"top_p":1}`},
		{name: "what a server refused is left out", extra: `{"z":1}`, refused: []string{"top_p", "tools", "z"}, head: `{"model":"m","messages":[{"s":1}`, tail: `],"stream":true}`},
		{name: "what says how to use tools goes with the tools", extra: `{"tool_choice":"required","parallel_tool_calls":false,"z":1}`, refused: []string{"tools"}, head: `{"model":"m","messages":[{"s":1}`, tail: `],"stream":true,"top_p":1,"z":1}`},
		{name: "and stays with those of the owner", extra: `{"tools":[1],"tool_choice":"required"}`, head: `{"model":"m","tools":[1],"tool_choice":"required","messages":[{"s":1}`, tail: `],"stream":true,"top_p":1}`},
		{name: "what makes a request is not", refused: []string{"model", "messages", "stream"}, head: `{"model":"m","tools":[],"messages":[{"s":1}`, tail: `],"stream":true,"top_p":1}`},
		{name: "the last of two members counts", extra: `{"a":1,"b":2,"a":3}`, head: `{"model":"m","tools":[],"messages":[{"s":1}`, tail: `],"stream":true,"top_p":1,"a":3,"b":2}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := sample().Encode(json.RawMessage(row.extra), row.refused)
			if err != nil {
				t.Fatal(err)
			}
			if string(s.Head) != row.head || string(s.Params) != row.tail {
				t.Errorf("head %s\nparams %s", s.Head, s.Params)
			}
			if want := row.head + `,{"a":1},{"b":2}` + row.tail; string(s.Body) != want || !json.Valid(s.Body) {
				t.Errorf("body %s\nwant %s", s.Body, want)
			}
			if len(s.Items) != 2 || string(s.Items[1]) != `{"b":2}` {
				t.Errorf("items %s", s.Items)
			}
		})
	}
	for _, extra := range []string{"[]", "{", `"x"`, "{} {}"} {
		if _, err := sample().Encode(json.RawMessage(extra), nil); err == nil {
			t.Errorf("extra body %s is no error", extra)
		}
	}
}

func TestABodyWithoutMessagesIsStillOne(t *testing.T) {
	s, err := (&Body{List: "input"}).Encode(nil, nil)
	if err != nil || string(s.Body) != `{"input":[]}` || string(s.Head) != `{"input":[` || string(s.Params) != `]}` {
		t.Errorf("%s %v", s.Body, err)
	}
}

// A later request extends an earlier one: its bytes begin with the earlier one's head and items.
func TestMoreItemsExtendTheBytes(t *testing.T) {
	b := sample()
	before, err := b.Encode(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Items = append(b.Items, []byte(`{"c":3}`))
	after, err := b.Encode(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	prefix := strings.TrimSuffix(string(before.Body), string(before.Params))
	if !strings.HasPrefix(string(after.Body), prefix) || before.Prefix(2) != after.Prefix(2) || before.Prefix(2) == after.Prefix(3) {
		t.Errorf("%s\ndoes not begin with\n%s", after.Body, prefix)
	}
}

func TestStringEscapesWhatMustBe(t *testing.T) {
	for in, want := range map[string]string{
		"": `""`, "a<b>&": `"a<b>&"`, "\"\\": `"\"\\"`, "\n\r\t\x00\x1f": `"\n\r\t\u0000\u001f"`,
		"é👍\u2028": "\"é👍\u2028\"", "a\xffb\xe2\x82": "\"a\ufffdb\ufffd\ufffd\"", "\x7f": "\"\x7f\"",
	} {
		if got := string(Quote(in)); got != want {
			t.Errorf("%q becomes %s, want %s", in, got, want)
		}
	}
}

func FuzzString(f *testing.F) {
	f.Add("a\"\\\n\xff\u2028")
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		if err := json.Unmarshal(Quote(s), &back); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		want, _ := json.Marshal(s) // a string always can
		var std string
		if err := json.Unmarshal(want, &std); err != nil || back != std {
			t.Errorf("%q came back as %q, from the standard library as %q", s, back, std)
		}
	})
}

func TestArgumentsGoBackAsReceivedOrWrapped(t *testing.T) {
	for in, want := range map[string]string{
		`{"b": 1,"a":  [2]}`: `{"b": 1,"a":  [2]}`,
		" {}\n":              `{}`,
		"":                   `{}`,
		"null":               `{}`,
		`{"a":`:              `{"unreadable_arguments":"{\"a\":"}`,
		`[1]`:                `{"unreadable_arguments":"[1]"}`,
		`"x"`:                `{"unreadable_arguments":"\"x\""}`,
		`"{\"a\": 1}"`:       `{"a": 1}`,
		"{\"a\":\"x\ny\"}":   `{"a":"x\u000ay"}`,
		`{"a":1}{"b":2}`:     `{"unreadable_arguments":"{\"a\":1}{\"b\":2}"}`,
	} {
		if got := string(Arguments(in)); got != want {
			t.Errorf("%s becomes %s, want %s", in, got, want)
		}
	}
}

func TestSchemaIsReducedToWhatEveryServerTakes(t *testing.T) {
	for _, row := range []struct {
		name, in, want string
		refused        []string
	}{
		{
			name: "rich keywords go, at every depth",
			in: `{"$schema":"x","additionalProperties":false,"type":"object","required":["b","a"],"properties":{
				"b":{"pattern":"^(?:a)$","type":"string","minLength":1,"description":"B <b>"},
				"a":{"type":"array","items":{"type":"object","properties":{"c":{"enum":["x","y"],"default":"x"}},"required":["c"],"$ref":"#"},"maxItems":3}}}`,
			want: `{"type":"object","properties":{"b":{"type":"string","description":"B <b>"},"a":{"type":"array","items":{"type":"object","properties":{"c":{"enum":["x","y"]}},"required":["c"]}}},"required":["b","a"]}`,
		},
		{name: "no schema takes any object", in: ``, want: `{"type":"object","properties":{}}`},
		{name: "neither does a broken one", in: `{"type"`, want: `{"type":"object","properties":{}}`},
		{name: "empty lists say nothing", in: `{"type":"object","required":[],"properties":{"a":{"enum":[]}}}`, want: `{"type":"object","properties":{"a":{}}}`},
		{name: "true is any value", in: `{"properties":{"a":true,"b":{"items":true}}}`, want: `{"type":"object","properties":{"a":{},"b":{"items":{}}}}`},
		{name: "a property may be called like a keyword", in: `{"properties":{"type":{"type":"string"},"pattern":{"type":"string"}}}`, want: `{"type":"object","properties":{"type":{"type":"string"},"pattern":{"type":"string"}}}`},
		{name: "what a server refused goes", refused: []string{"enum", "type"}, in: `{"properties":{"a":{"type":"string","enum":["x"]}}}`, want: `{"type":"object","properties":{"a":{"type":"string"}}}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := string(Schema(json.RawMessage(row.in), row.refused)); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
	deep := strings.Repeat(`{"properties":{"a":`, 500) + "{}" + strings.Repeat("}}", 500)
	if got := Schema(json.RawMessage(deep), nil); !json.Valid(got) || len(got) > 2000 {
		t.Errorf("a very deep schema becomes %d bytes", len(got))
	}
}

func TestToolsAreSortedWithoutTouchingTheCallersOwn(t *testing.T) {
	mine := []hearth.ToolSpec{{Name: "write"}, {Name: "exec"}}
	if got := Sorted(mine); got[0].Name != "exec" || mine[0].Name != "write" {
		t.Errorf("%v %v", got, mine)
	}
}

func TestLeftOutIsOneBracketedLine(t *testing.T) {
	got := LeftOut(&hearth.Blob{Name: "a]\n[b.png"})
	if got != "[Left out, because this model reads text only: a___b.png]" {
		t.Error(got)
	}
	if got := LeftOut(&hearth.Blob{MIME: "image/png"}); !strings.Contains(got, "image/png") {
		t.Error(got)
	}
}
