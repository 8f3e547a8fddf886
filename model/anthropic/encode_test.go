package anthropic

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"hearth"
	"hearth/model"
	"hearth/model/modeltest"
)

// conversation holds everything that a request can.
func conversation() *model.Request {
	cat := hearth.Blob{Hash: "c", MIME: "image/png", Name: "cat.png", Data: []byte("cat")}
	return &model.Request{
		Model: "claude-x", System: "Be kind.\n", MaxTokens: 4000, Thinking: "low",
		Capabilities: model.Capabilities{Window: 200000, WindowKnown: true, Vision: true, ProxyLike: true},
		Options:      json.RawMessage(`{"num_ctx":5,"temperature":1,"tool_choice":{"type":"auto"},"top_k":3}`),
		Tools: []hearth.ToolSpec{
			{Name: "write", Description: "Writes <a> file.", Schema: json.RawMessage(`{"type":"object","additionalProperties":false,"properties":{"path":{"type":"string","minLength":1}},"required":["path"]}`)},
			{Name: "read", Description: "Reads.", Schema: json.RawMessage(`{}`)},
		},
		Messages: []hearth.Message{
			{ID: "1", Role: hearth.RoleUser, Parts: []hearth.Part{{Text: "[Sat]"}, {Text: "what is \"this\"?"}, {Blob: &cat}}},
			{ID: "2", Role: hearth.RoleAssistant, Parts: []hearth.Part{
				{Thinking: "hm"}, {Opaque: json.RawMessage(`{"type":"thinking","thinking":"hm","signature":"s"}`)},
				{Opaque: json.RawMessage(`{"type":"reasoning","encrypted_content":"of another protocol"}`)}, {Text: "I look."},
				{Call: &hearth.ToolCall{ID: "toolu_1", Name: "read", Arguments: `{"path": "b",  "a":1}`}},
				{Call: &hearth.ToolCall{ID: "functions.read:1", Name: "read", Arguments: `{"path":`}},
			}},
			{ID: "3", Role: hearth.RoleTool, Parts: []hearth.Part{{Result: &hearth.ToolResult{CallID: "toolu_1", Name: "read", Text: "milk", Blobs: []hearth.Blob{cat}}}}},
			{ID: "4", Role: hearth.RoleMark, Parts: []hearth.Part{{Mark: &hearth.Mark{Kind: hearth.MarkStarted}}}},
			{ID: "5", Role: hearth.RoleTool, Parts: []hearth.Part{{Result: &hearth.ToolResult{CallID: "functions.read:1", Name: "read", Text: "no such file", Failed: true}}}},
			{ID: "6", Role: hearth.RoleUser, Parts: []hearth.Part{{Text: "hurry"}}},
			{ID: "7", Role: hearth.RoleAssistant, Parts: []hearth.Part{{Opaque: json.RawMessage(`{"type":"thinking","thinking":"x","signature":"s"}`)}, {Text: " \n"}}},
			{ID: "8", Role: hearth.RoleAssistant, Parts: []hearth.Part{{Text: "A cat."}}},
			{ID: "9", Role: hearth.RoleUser, Parts: []hearth.Part{{Text: "thanks"}}},
		},
	}
}

const head = `{"model":"claude-x","system":"Be kind.\n","tools":[` +
	`{"name":"read","description":"Reads.","input_schema":{"type":"object","properties":{}}},` +
	`{"name":"write","description":"Writes <a> file.","input_schema":{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}}` +
	`],"thinking":{"type":"enabled","budget_tokens":2048},"tool_choice":{"type":"auto"},"messages":[`

const image = `{"type":"image","source":{"type":"base64","media_type":"image/png","data":"Y2F0"}}`

var wire = []string{
	`{"role":"user","content":[{"type":"text","text":"[Sat]\nwhat is \"this\"?"},` + image + `]}`,
	`{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"I look."},` +
		`{"type":"tool_use","id":"toolu_1","name":"read","input":{"path": "b",  "a":1}},` +
		`{"type":"tool_use","id":"functions_read_1","name":"read","input":{"unreadable_arguments":"{\"path\":"}}]}`,
	`{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"milk"},` + image + `]},` +
		`{"type":"tool_result","tool_use_id":"functions_read_1","content":"no such file","is_error":true},{"type":"text","text":"hurry"}]}`,
	`{"role":"assistant","content":[{"type":"text","text":"A cat."}]}`,
	`{"role":"user","content":[{"type":"text","text":"thanks"}]}`,
}

const tail = `],"max_tokens":4000,"stream":true,"temperature":1,"top_k":3}`

func TestEncodeWritesTheWholeConversation(t *testing.T) {
	s := encoded(t, conversation())
	if string(s.Head) != head {
		t.Errorf("head\n%s\nwant\n%s", s.Head, head)
	}
	if string(s.Params) != tail {
		t.Errorf("params\n%s\nwant\n%s", s.Params, tail)
	}
	if len(s.Items) != len(wire) {
		t.Fatalf("%d items: %s", len(s.Items), s.Body)
	}
	for i, want := range wire {
		if string(s.Items[i]) != want {
			t.Errorf("item %d\n%s\nwant\n%s", i, s.Items[i], want)
		}
	}
	if want := head + strings.Join(wire, ",") + tail; string(s.Body) != want {
		t.Errorf("body\n%s\nwant\n%s", s.Body, want)
	}
}

func TestEncodeIsTheSameWithAndWithoutACache(t *testing.T) {
	plain := encoded(t, conversation())
	req := conversation()
	req.Encoded = model.NewEncodedCache()
	for range 3 {
		if s := encoded(t, req); string(s.Body) != string(plain.Body) {
			t.Errorf("with a cache\n%s\nwithout\n%s", s.Body, plain.Body)
		}
	}
}

// An answer comes after each request, so what was sent never grows by a neighbour.
func TestEveryRequestExtendsTheOneBefore(t *testing.T) {
	req := conversation()
	all := req.Messages
	var before string
	for _, n := range []int{1, 6, 9} {
		req.Messages = all[:n]
		s := encoded(t, req)
		prefix := strings.TrimSuffix(string(s.Body), string(s.Params))
		if !strings.HasPrefix(prefix, before) {
			t.Fatalf("with %d messages\n%s\ndoes not begin with\n%s", n, prefix, before)
		}
		before = prefix
	}
}

func TestParams(t *testing.T) {
	proxy := func(c model.Capabilities) model.Capabilities { c.ProxyLike = true; return c }
	thought := []hearth.Message{{Role: hearth.RoleAssistant, Parts: []hearth.Part{{Thinking: "hm"}, {Text: "a"}}}}
	for _, row := range []struct {
		name string
		req  model.Request
		want string // within the body
		not  string
	}{
		{name: "an answer has a limit although nobody says one", want: `"max_tokens":8192`},
		{name: "a quarter of a small window", req: model.Request{Capabilities: model.Capabilities{Window: 16384, MaxTokens: 9000}}, want: `"max_tokens":4096`},
		{name: "what the model can write", req: model.Request{Capabilities: model.Capabilities{Window: 200000, MaxTokens: 16000}}, want: `"max_tokens":16000`},
		{name: "but no more than is useful", req: model.Request{Capabilities: model.Capabilities{Window: 1000000, MaxTokens: 128000}}, want: `"max_tokens":32000`},
		{name: "the owner's limit wins", req: model.Request{MaxTokens: 100, Capabilities: model.Capabilities{MaxTokens: 5}}, want: `"max_tokens":100`},

		{name: "only the vendor is asked to cache", req: model.Request{}, want: `"cache_control":{"type":"ephemeral"}`},
		{name: "nobody else is", req: model.Request{Capabilities: proxy(model.Capabilities{})}, not: "cache_control"},

		{name: "no level says nothing", not: "thinking"},
		{name: "neither does off", req: model.Request{Thinking: "off"}, not: "thinking"},
		{name: "the vendor takes an effort", req: model.Request{Thinking: "high"}, want: `"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}`},
		{name: "and decides itself where we do not", req: model.Request{Thinking: "adaptive"}, want: `"thinking":{"type":"adaptive"},"messages"`},
		{name: "a level that the model lacks becomes a near one", req: model.Request{Thinking: "xhigh"}, want: `"effort":"high"`},
		{name: "a declared one goes out", req: model.Request{Thinking: "xhigh", Capabilities: model.Capabilities{Efforts: []string{"xhigh"}}}, want: `"effort":"xhigh"`},
		{name: "or its word", req: model.Request{Thinking: "xhigh", Capabilities: model.Capabilities{EffortMap: []model.EffortWord{{Level: "xhigh", Word: "max"}}}}, want: `"effort":"max"`},
		{name: "the vendor's older models take a budget", req: model.Request{Thinking: "low", MaxTokens: 8000, Capabilities: model.Capabilities{ThinkingFormat: "budget"}}, want: `"thinking":{"type":"enabled","budget_tokens":2048}`},
		{name: "so do other servers", req: model.Request{Thinking: "high", MaxTokens: 8000, Capabilities: proxy(model.Capabilities{})}, want: `"budget_tokens":6000},"messages":[],"max_tokens":8000`},
		{name: "unless they are known to be new", req: model.Request{Thinking: "high", Capabilities: proxy(model.Capabilities{ThinkingFormat: "adaptive"})}, want: `{"type":"adaptive"}`},
		{name: "the owner's limit holds, and thinking takes three quarters of it at most", req: model.Request{Thinking: "high", MaxTokens: 1500, Capabilities: proxy(model.Capabilities{})}, want: `"budget_tokens":1125},"messages":[],"max_tokens":1500`},
		{name: "a limit without room for both has no thinking", req: model.Request{Thinking: "low", MaxTokens: 1000, Capabilities: proxy(model.Capabilities{})}, want: `"messages":[],"max_tokens":1000`, not: "thinking"},
		{name: "without a limit an answer has room beside its thoughts", req: model.Request{Thinking: "low", Capabilities: proxy(model.Capabilities{Window: 2000})}, want: `"budget_tokens":1024},"messages":[],"max_tokens":2048`},

		{name: "unsigned thoughts stay here", req: model.Request{Thinking: "low", Messages: thought}, want: `[{"type":"text","text":"a"}]`},
		{name: "unless the model wants them", req: model.Request{Messages: thought, Capabilities: model.Capabilities{ReplayThinking: true}}, want: `[{"type":"thinking","thinking":"hm","signature":""},{"type":"text","text":"a"}]`},
		{name: "a model that must have them is told where there are none", req: model.Request{Messages: []hearth.Message{{Role: hearth.RoleAssistant, Parts: []hearth.Part{{Text: "a"}}}}, Capabilities: model.Capabilities{ReplayThinking: true, NeedsReasoning: true}},
			want: `[{"type":"thinking","thinking":"(not recorded)","signature":""},{"type":"text","text":"a"}]`},
		{name: "no tools, no member", not: "tools"},
		{name: "no system text, no member", not: "system"},
		{name: "a text model gets a sentence for a picture", req: model.Request{Messages: []hearth.Message{{Role: hearth.RoleUser, Parts: []hearth.Part{{Blob: &hearth.Blob{Name: "a.png"}}}}}}, want: `[{"type":"text","text":"[Left out, because this model reads text only: a.png]"}]`},
		{name: "a result without words is still one", req: model.Request{Messages: []hearth.Message{{Role: hearth.RoleTool, Parts: []hearth.Part{{Result: &hearth.ToolResult{CallID: "c"}}}}}}, want: `[{"type":"tool_result","tool_use_id":"c","content":""}]`},
		{name: "an extra body wins over all", req: model.Request{ExtraBody: json.RawMessage(`{"max_tokens":1,"x":1}`)}, want: `"max_tokens":1,"stream":true,"cache_control":{"type":"ephemeral"},"x":1}`},
		{name: "what was refused is left out", req: model.Request{Capabilities: model.Capabilities{RefusedFields: []string{"cache_control"}}}, not: "cache_control"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := encoded(t, &row.req)
			if !strings.Contains(string(s.Body), row.want) || row.not != "" && strings.Contains(string(s.Body), row.not) {
				t.Errorf("%s\nwant %s, not %s", s.Body, row.want, row.not)
			}
		})
	}
}

// The vendor refuses thoughts that stand elsewhere than it wrote them.
func TestThoughtsGoBackWhereTheyStood(t *testing.T) {
	d := newDecoder(&model.Request{Model: "m"}, nil)
	m := hearth.Message{Role: hearth.RoleAssistant}
	var parts struct{ text, calls []hearth.Part }
	for i, b := range []contentBlock{
		{Type: "thinking", Thinking: "one", Signature: "s1"},
		{Type: "text", Text: "Grüße."},
		{Type: "thinking", Thinking: "two", Signature: "s2"},
		{Type: "tool_use", ID: "a", Name: "read", Input: json.RawMessage(`{}`)},
		{Type: "redacted_thinking", Data: "x"},
		{Type: "tool_use", ID: "b", Name: "read", Input: json.RawMessage(`{}`)},
		{Type: "text", Text: "So."},
	} {
		for _, delta := range append(d.begin(i, b), d.close(i)...) {
			switch {
			case delta.Opaque != nil:
				m.Parts = append(m.Parts, hearth.Part{Opaque: delta.Opaque})
			case delta.Text != "":
				parts.text = append(parts.text, hearth.Part{Text: delta.Text})
			case delta.Call != nil:
				parts.calls = append(parts.calls, hearth.Part{Call: delta.Call})
			}
		}
	}
	m.Parts = append(append(m.Parts, parts.text...), parts.calls...) // as the agent keeps them
	s := encoded(t, &model.Request{Thinking: "high", Messages: []hearth.Message{m}})
	want := `{"role":"assistant","content":[{"type":"thinking","thinking":"one","signature":"s1"},{"type":"text","text":"Grüße."},` +
		`{"type":"thinking","thinking":"two","signature":"s2"},{"type":"tool_use","id":"a","name":"read","input":{}},{"type":"redacted_thinking","data":"x"},` +
		`{"type":"text","text":"So."},{"type":"tool_use","id":"b","name":"read","input":{}}]}`
	if string(s.Items[0]) != want {
		t.Errorf("got  %s\nwant %s", s.Items[0], want)
	}
	// Text that grew shorter on its way must not be lost or doubled.
	m.Parts[1].Opaque = thought{Type: "thinking", Signature: "s", AfterText: 1 << 30, AfterCalls: 99}.keep()
	s = encoded(t, &model.Request{Thinking: "high", Messages: []hearth.Message{m}})
	if strings.Count(string(s.Body), "Grüße.So.") != 1 || strings.Count(string(s.Body), "tool_use") != 2 {
		t.Errorf("%s", s.Body)
	}
}

func TestThoughtsGoBackOnlyWhileThinkingIsOn(t *testing.T) {
	req := conversation()
	req.Thinking = "off"
	if s := encoded(t, req); strings.Contains(string(s.Body), "signature") {
		t.Errorf("%s", s.Body)
	}
}

func TestEncodeRefusesWhatItCannotWrite(t *testing.T) {
	for name, req := range map[string]*model.Request{
		"options that are no object":    {Options: json.RawMessage(`[1]`)},
		"an extra body that is none":    {ExtraBody: json.RawMessage(`1`)},
		"a picture without bytes":       {Capabilities: model.Capabilities{Vision: true}, Messages: []hearth.Message{{Parts: []hearth.Part{{Blob: &hearth.Blob{}}}}}},
		"a tool's picture without them": {Capabilities: model.Capabilities{Vision: true}, Messages: []hearth.Message{{Role: hearth.RoleTool, Parts: []hearth.Part{{Result: &hearth.ToolResult{Blobs: []hearth.Blob{{}}}}}}}},
	} {
		if _, err := encode(req); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestACallWithoutAnIdOrWithAUsedOneGetsOurs(t *testing.T) {
	made := 0
	d := newDecoder(&model.Request{Model: "m"}, func() hearth.CallID { made++; return hearth.CallID(fmt.Sprint("ours", made)) })
	var got []string
	for i, id := range []string{"a", "", "a", "b"} {
		d.begin(i, contentBlock{Type: "tool_use", ID: id})
		got = append(got, string(d.close(i)[0].Call.ID))
	}
	if strings.Join(got, " ") != "a ours1 ours2 b" {
		t.Errorf("ids %q", got)
	}
}

func encoded(t *testing.T, req *model.Request) *model.Sent {
	t.Helper()
	s, err := encode(req)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(s.Body) {
		t.Fatalf("no JSON: %s", s.Body)
	}
	return s
}

func FuzzAnswer(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(modeltest.Part(archive, "answer")))
	}
	made := 0
	newID := func() hearth.CallID { made++; return hearth.CallID(fmt.Sprint("id", made)) }
	f.Fuzz(func(t *testing.T, answer []byte) {
		d := newDecoder(&model.Request{Model: "m"}, newID)
		if deltas, err := d.whole(answer); err == nil && deltas[len(deltas)-1].Stop == "" {
			t.Fatalf("%q as a whole has no stop", answer)
		}
		d = newDecoder(&model.Request{Model: "m"}, newID)
		for line := range strings.Lines(string(answer)) {
			deltas, done, failed := d.event([]byte(strings.TrimPrefix(line, "data: ")))
			for i, delta := range deltas {
				if (delta.Stop != "") != (done && i == len(deltas)-1) {
					t.Fatalf("%q: delta %d of %d is %+v, done %v", line, i, len(deltas), delta, done)
				}
				if delta.Opaque != nil && !json.Valid(delta.Opaque) {
					t.Fatalf("%q: opaque %q", line, delta.Opaque)
				}
			}
			if done && (len(deltas) == 0 || failed != nil) {
				t.Fatalf("%q is done without a stop", line)
			}
			if done {
				return
			}
		}
	})
}
