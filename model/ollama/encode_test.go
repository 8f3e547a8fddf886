package ollama

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"hearth"
	"hearth/model"
)

func user1(text string) hearth.Message {
	return hearth.Message{ID: "u", Role: hearth.RoleUser, Parts: []hearth.Part{{Text: text}}}
}

// conversation holds everything that a request can.
func conversation() *model.Request {
	cat := hearth.Blob{Hash: "c", MIME: "image/png", Name: "cat.png", Data: []byte("cat")}
	return &model.Request{
		Model: "qwen3:4b", System: "Be kind.\n", MaxTokens: 200, Thinking: "high",
		Capabilities: model.Capabilities{Window: 32768, WindowKnown: true, Vision: true},
		Options:      json.RawMessage(`{"keep_alive":"1h","temperature":0.5,"top_k":3}`),
		Tools: []hearth.ToolSpec{
			{Name: "write", Description: "Writes <a> file.", Schema: json.RawMessage(`{"type":"object","additionalProperties":false,"properties":{"path":{"type":"string","minLength":1}},"required":["path"]}`)},
			{Name: "read", Description: "Reads.", Schema: json.RawMessage(`{}`)},
		},
		Messages: []hearth.Message{
			{ID: "1", Role: hearth.RoleUser, Parts: []hearth.Part{{Text: "[Sat]"}, {Text: "what is \"this\"?"}, {Blob: &cat}}},
			{ID: "2", Role: hearth.RoleAssistant, Parts: []hearth.Part{
				{Thinking: "hm"}, {Opaque: json.RawMessage(`{"type":"thinking"}`)}, {Text: "I look."},
				{Call: &hearth.ToolCall{ID: "x", Name: "read", Arguments: `{"path": "b",  "a":1}`}},
				{Call: &hearth.ToolCall{ID: "y", Name: "read", Arguments: `{"path":`}},
			}},
			{ID: "3", Role: hearth.RoleTool, Parts: []hearth.Part{
				{Result: &hearth.ToolResult{CallID: "x", Name: "read", Text: "milk", Blobs: []hearth.Blob{cat}}},
				{Result: &hearth.ToolResult{CallID: "y", Name: "read", Text: "no such file", Failed: true}},
			}},
			{ID: "4", Role: hearth.RoleMark, Parts: []hearth.Part{{Mark: &hearth.Mark{Kind: hearth.MarkStarted}}}},
			{ID: "5", Role: hearth.RoleAssistant, Parts: []hearth.Part{{Text: "A cat."}}},
			{ID: "6", Role: hearth.RoleUser, Parts: []hearth.Part{{Text: "thanks"}}},
		},
	}
}

const head = `{"model":"qwen3:4b","think":true,"tools":[` +
	`{"type":"function","function":{"name":"read","description":"Reads.","parameters":{"type":"object","properties":{}}}},` +
	`{"type":"function","function":{"name":"write","description":"Writes <a> file.","parameters":{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}}}` +
	`],"messages":[{"role":"system","content":"Be kind.\n"}`

var items = []string{
	`{"role":"user","content":"[Sat]\nwhat is \"this\"?","images":["Y2F0"]}`,
	`{"role":"assistant","content":"I look.","tool_calls":[{"function":{"name":"read","arguments":{"path": "b",  "a":1}}},{"function":{"name":"read","arguments":{"unreadable_arguments":"{\"path\":"}}}]}`,
	`{"role":"tool","content":"milk","tool_name":"read"},{"role":"user","content":"[pictures from read]","images":["Y2F0"]},{"role":"tool","content":"no such file","tool_name":"read"}`,
	`{"role":"assistant","content":"A cat."}`,
	`{"role":"user","content":"thanks"}`,
}

const tail = `],"stream":true,"truncate":false,"shift":false,"keep_alive":"1h","options":{"num_ctx":32768,"num_predict":200,"temperature":0.5,"top_k":3}}`

func TestEncodeWritesTheWholeConversation(t *testing.T) {
	s := encoded(t, conversation())
	if string(s.Head) != head {
		t.Errorf("head\n%s\nwant\n%s", s.Head, head)
	}
	if string(s.Params) != tail {
		t.Errorf("params\n%s\nwant\n%s", s.Params, tail)
	}
	if len(s.Items) != len(items) {
		t.Fatalf("%d items", len(s.Items))
	}
	for i, want := range items {
		if string(s.Items[i]) != want {
			t.Errorf("item %d\n%s\nwant\n%s", i, s.Items[i], want)
		}
	}
	if want := head + "," + strings.Join(items, ",") + tail; string(s.Body) != want || !json.Valid(s.Body) {
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

func TestEveryRequestExtendsTheOneBefore(t *testing.T) {
	req := conversation()
	all := req.Messages
	var before string
	for n := range len(all) + 1 {
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
	for _, row := range []struct {
		name string
		req  model.Request
		want string // within the body
		not  string
	}{
		{name: "an unknown window is a guess that stays", want: `"options":{"num_ctx":16384}`},
		{name: "not beyond what the model was trained for", req: model.Request{Capabilities: model.Capabilities{TrainedMax: 8192}}, want: `"num_ctx":8192`},
		{name: "and not all of a large one", req: model.Request{Capabilities: model.Capabilities{TrainedMax: 262144, Window: 16384}}, want: `"num_ctx":16384`},
		{name: "a known window is used", req: model.Request{Capabilities: model.Capabilities{TrainedMax: 8192, Window: 40960, WindowKnown: true}}, want: `"num_ctx":40960`},
		{name: "the owner's num_ctx wins", req: model.Request{Options: json.RawMessage(`{"num_ctx":4096}`), Capabilities: model.Capabilities{Window: 40960, WindowKnown: true}}, want: `"options":{"num_ctx":4096}`},
		{name: "the owner may have it cut after all", req: model.Request{Options: json.RawMessage(`{"truncate":true}`)}, want: `"truncate":true,"shift":false`},
		{name: "format is a member of the body, options are not", req: model.Request{Options: json.RawMessage(`{"format":"json","num_thread":2,"num_keep":5}`)}, want: `"format":"json","options":{"num_ctx":16384,"num_keep":5,"num_thread":2}`},
		{name: "an extra body wins over all", req: model.Request{ExtraBody: json.RawMessage(`{"truncate":true,"x":1}`)}, want: `"stream":true,"truncate":true,"shift":false,"options":{"num_ctx":16384},"x":1}`},
		{name: "what was refused is left out", req: model.Request{Capabilities: model.Capabilities{RefusedFields: []string{"shift"}}}, not: "shift"},

		{name: "no level says nothing", not: "think"},
		{name: "off is false", req: model.Request{Thinking: "off"}, want: `"think":false`},
		{name: "a level is true, because most models know no more", req: model.Request{Thinking: "high"}, want: `"think":true`},
		{name: "a declared level is its word", req: model.Request{Thinking: "medium", Capabilities: model.Capabilities{Efforts: []string{"medium"}}}, want: `"think":"medium"`},
		{name: "minimal is low", req: model.Request{Thinking: "minimal", Capabilities: model.Capabilities{Efforts: []string{"minimal"}}}, want: `"think":"low"`},
		{name: "xhigh is high", req: model.Request{Thinking: "xhigh", Capabilities: model.Capabilities{Efforts: []string{"xhigh"}}}, want: `"think":"high"`},
		{name: "unless a word was declared for it", req: model.Request{Thinking: "xhigh", Capabilities: model.Capabilities{EffortMap: []model.EffortWord{{Level: "xhigh", Word: "ultra"}}}}, want: `"think":"ultra"`},
		{name: "a refused switch is left out", req: model.Request{Thinking: "high", Capabilities: model.Capabilities{RefusedFields: []string{"think"}}}, not: "think"},
		{name: "but off still goes through", req: model.Request{Thinking: "off", Capabilities: model.Capabilities{RefusedFields: []string{"think"}}}, want: `"think":false`},
		{name: "the owner's own think wins", req: model.Request{Thinking: "off", Options: json.RawMessage(`{"think":"low"}`)}, want: `{"model":"","think":"low","messages":[`},

		{name: "no tools, no member", not: "tools"},
		{name: "no system text, no message", not: "system"},
		{name: "a text model gets a sentence for a picture", req: model.Request{Messages: []hearth.Message{{Role: hearth.RoleUser, Parts: []hearth.Part{{Text: "see"}, {Blob: &hearth.Blob{Name: "a.png"}}}}}}, want: `"content":"see\n[Left out, because this model reads text only: a.png]"}`},
		{name: "also for one from a tool", req: model.Request{Messages: []hearth.Message{{Role: hearth.RoleTool, Parts: []hearth.Part{{Result: &hearth.ToolResult{Name: "shot", Blobs: []hearth.Blob{{MIME: "image/png"}}}}}}}}, want: `"content":"[Left out, because this model reads text only: image/png]","tool_name":"shot"}`},
		{name: "thinking goes back where the model wants it", req: model.Request{Capabilities: model.Capabilities{ReplayThinking: true}, Messages: []hearth.Message{{Role: hearth.RoleAssistant, Parts: []hearth.Part{{Thinking: "hm"}, {Text: "a"}}}}}, want: `{"role":"assistant","content":"a","thinking":"hm"}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := encoded(t, &row.req)
			if !strings.Contains(string(s.Body), row.want) || row.not != "" && strings.Contains(string(s.Body), row.not) {
				t.Errorf("%s\nwant %s, not %s", s.Body, row.want, row.not)
			}
		})
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

func BenchmarkEncode200Messages(b *testing.B) {
	req := conversation()
	for len(req.Messages) < 200 {
		m := user1(strings.Repeat("word ", 200))
		m.ID = hearth.MessageID(fmt.Sprintf("0123456789abcdef%d", len(req.Messages)))
		req.Messages = append(req.Messages, m)
	}
	req.Encoded = model.NewEncodedCache()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := encode(req); err != nil {
			b.Fatal(err)
		}
	}
}
