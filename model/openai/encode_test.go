package openai

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"hearth"
	"hearth/model"
)

func say(r hearth.Role, parts ...hearth.Part) hearth.Message {
	return hearth.Message{Role: r, Parts: parts, At: time.Unix(1, 0)}
}

func text(s string) hearth.Part { return hearth.Part{Text: s} }

func called(id, name, args string) hearth.Part {
	return hearth.Part{Call: &hearth.ToolCall{ID: hearth.CallID(id), Name: name, Arguments: args}}
}

func result(id, name, text string) hearth.Part {
	return hearth.Part{Result: &hearth.ToolResult{CallID: hearth.CallID(id), Name: name, Text: text}}
}

func image() hearth.Part {
	return hearth.Part{Blob: &hearth.Blob{MIME: "image/png", Name: "cat.png", Data: []byte{1, 2, 3}}}
}

// typical is a turn with a tool, as an unknown local server is asked.
func typical() *model.Request {
	return &model.Request{
		Model: "qwen3", System: "You are \"Hearth\".\nBe brief.",
		Tools: []hearth.ToolSpec{
			{Name: "write", Description: "Write a file.", Schema: json.RawMessage(`{"type":"object","properties":{"path":{"type":"string","pattern":"^a"}},"required":["path"],"additionalProperties":false}`)},
			{Name: "read", Description: "Read <a> file.", Schema: json.RawMessage(`{"type":"object","properties":{"path":{"type":"string"}}}`)},
		},
		Messages: []hearth.Message{
			say(hearth.RoleUser, text("read a.txt")),
			say(hearth.RoleAssistant, hearth.Part{Thinking: "A file."}, called("c1", "read", `{"path": "a.txt"}`)),
			say(hearth.RoleTool, result("c1", "read", "Zeile <1> & ü")),
			say(hearth.RoleAssistant, text("It says 1.")),
			say(hearth.RoleMark, hearth.Part{Mark: &hearth.Mark{Kind: hearth.MarkStarted}}),
			say(hearth.RoleUser, text("thanks")),
		},
		MaxTokens:    100,
		Capabilities: model.Layers{Default: model.DefaultLayer()}.Merge(),
	}
}

const (
	typicalHead = `{"model":"qwen3","tools":[` +
		`{"type":"function","function":{"name":"read","description":"Read <a> file.","parameters":{"type":"object","properties":{"path":{"type":"string"}}}}},` +
		`{"type":"function","function":{"name":"write","description":"Write a file.","parameters":{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}}}` +
		`],"tool_choice":"auto","messages":[{"role":"system","content":"You are \"Hearth\".\nBe brief."}`
	typicalItems = `{"role":"user","content":"read a.txt"},` +
		`{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"read","arguments":"{\"path\": \"a.txt\"}"}}]},` +
		`{"role":"tool","tool_call_id":"c1","content":"Zeile <1> & ü"},` +
		`{"role":"assistant","content":"It says 1."},` +
		`{"role":"user","content":"thanks"}`
	typicalTail = `],"max_tokens":100,"stream":true,"stream_options":{"include_usage":true}}`
)

func TestATypicalRequestToTheByte(t *testing.T) {
	sent, err := encode(typical())
	if err != nil {
		t.Fatal(err)
	}
	if want := typicalHead + "," + typicalItems + typicalTail; string(sent.Body) != want {
		t.Errorf("got\n%s\nwant\n%s", sent.Body, want)
	}
	if string(sent.Head) != typicalHead || string(bytes.Join(sent.Items, []byte(","))) != typicalItems || string(sent.Params) != typicalTail || len(sent.Items) != 5 {
		t.Errorf("head %s\nitems %s\nparams %s", sent.Head, sent.Items, sent.Params)
	}
}

func TestWhatCapabilitiesChange(t *testing.T) {
	yes := func(fields ...*bool) {
		for _, f := range fields {
			*f = true
		}
	}
	rows := []struct {
		name   string
		change func(r *model.Request, c *model.Capabilities)
		has    []string
		lacks  []string
	}{
		{name: "no tools, no choice", change: func(r *model.Request, _ *model.Capabilities) { r.Tools = nil }, lacks: []string{`"tools"`, "tool_choice"}},
		{name: "a model without tools is shown past calls as text", change: func(_ *model.Request, c *model.Capabilities) { c.Tools = model.ToolsNone },
			has: []string{`{"role":"assistant","content":"[read]\n{\"path\": \"a.txt\"}\n[END_TOOL_REQUEST]"}`, `{"role":"user","content":"[result of read]\nZeile <1> & ü\n[end of result]"}`}, lacks: []string{`"tools"`, "tool_calls", "tool_call_id"}},
		{name: "strict keys", change: func(_ *model.Request, c *model.Capabilities) { yes(&c.StrictKeys, &c.ReplayThinking) },
			has: []string{`"tools":[`, `"content":"[read]\n`, `"[result of read]\n`}, lacks: []string{"tool_calls", "tool_call_id", "reasoning_content"}},
		{name: "the result's name", change: func(_ *model.Request, c *model.Capabilities) { yes(&c.ToolResultName) }, has: []string{`"tool_call_id":"c1","name":"read","content"`}},
		{name: "thinking sent back", change: func(_ *model.Request, c *model.Capabilities) { yes(&c.ReplayThinking) }, has: []string{`"content":null,"reasoning_content":"A file.","tool_calls"`}},
		{name: "thinking that must be sent back, also where there is none", change: func(r *model.Request, c *model.Capabilities) {
			yes(&c.ReplayThinking, &c.NeedsReasoning)
			r.Messages = append(r.Messages, say(hearth.RoleAssistant, text("Done.")))
		}, has: []string{`"content":null,"reasoning_content":"A file.","tool_calls"`, `{"role":"assistant","content":"Done.","reasoning_content":"(not recorded)"}`}},
		{name: "thinking that must be sent back, in words that the gateway puts between", change: func(r *model.Request, c *model.Capabilities) {
			yes(&c.ReplayThinking, &c.NeedsReasoning, &c.AlternateRoles)
			r.Messages = []hearth.Message{say(hearth.RoleUser, text("a")), say(hearth.RoleUser, text("b"))}
		}, has: []string{`{"role":"assistant","content":"(no answer)","reasoning_content":"(not recorded)"}`}},
		{name: "thinking that must be sent back, to a server that takes only role and content", change: func(_ *model.Request, c *model.Capabilities) {
			yes(&c.ReplayThinking, &c.NeedsReasoning, &c.StrictKeys)
		}, lacks: []string{"reasoning_content", "not recorded"}},
		{name: "thinking not sent back", lacks: []string{"A file."}},
		{name: "content is always a string", change: func(_ *model.Request, c *model.Capabilities) { yes(&c.StringContent) }, has: []string{`{"role":"assistant","content":"","tool_calls"`}},
		{name: "a picture for a model that sees", change: func(r *model.Request, c *model.Capabilities) {
			yes(&c.Vision)
			r.Messages = []hearth.Message{say(hearth.RoleUser, text("what is it?"), image())}
		}, has: []string{`"content":[{"type":"text","text":"what is it?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AQID"}}]`}},
		{name: "a picture for a model that does not", change: func(r *model.Request, _ *model.Capabilities) {
			r.Messages = []hearth.Message{say(hearth.RoleUser, text("what is it?"), image())}
		}, has: []string{`"content":"what is it?\n[Left out`, `cat.png`}, lacks: []string{"AQID", "image_url"}},
		{name: "a picture for a server that wants strings", change: func(r *model.Request, c *model.Capabilities) {
			yes(&c.Vision, &c.StringContent)
			r.Messages = []hearth.Message{say(hearth.RoleUser, text("a"), text("b"), image())}
		}, has: []string{`"content":"a\nb\n[Left out`}, lacks: []string{"AQID"}},
		{name: "several texts without a picture are one string", change: func(r *model.Request, c *model.Capabilities) {
			yes(&c.Vision)
			r.Messages = []hearth.Message{say(hearth.RoleUser, text("a"), text("b"))}
		}, has: []string{`"content":"a\nb"`}},
		{name: "a tool's picture", change: func(r *model.Request, c *model.Capabilities) {
			yes(&c.Vision)
			p := result("c1", "read", "")
			p.Result.Blobs = []hearth.Blob{*image().Blob}
			r.Messages[2] = say(hearth.RoleTool, p)
		}, has: []string{`"tool_call_id":"c1","content":[{"type":"image_url"`}},
		{name: "a tool's picture for the vendor", change: func(r *model.Request, c *model.Capabilities) {
			yes(&c.Vision)
			c.ProxyLike = false
			p := result("c1", "read", "")
			p.Result.Blobs = []hearth.Blob{*image().Blob}
			r.Messages[2] = say(hearth.RoleTool, p)
		}, has: []string{`"content":"[Left out`}, lacks: []string{"AQID"}},
		{name: "an empty result", change: func(r *model.Request, _ *model.Capabilities) {
			r.Messages[2] = say(hearth.RoleTool, result("c1", "read", ""))
		}, has: []string{`"content":"(no output)"`}},
		{name: "arguments go back as received", change: func(r *model.Request, _ *model.Capabilities) {
			r.Messages[1] = say(hearth.RoleAssistant, called("c1", "read", "{ \"z\":1,\n\t\"a\": 1.50 }"))
		}, has: []string{`"arguments":"{ \"z\":1,\n\t\"a\": 1.50 }"`}},
		{name: "arguments that would poison the conversation are wrapped", change: func(r *model.Request, _ *model.Capabilities) {
			r.Messages[1] = say(hearth.RoleAssistant, called("c1", "read", `{"path": `), called("c2", "read", ""))
		}, has: []string{`"arguments":"{\"unreadable_arguments\":\"{\\\"path\\\":`, `"arguments":"{}"`}},
		{name: "roles in turns", change: func(r *model.Request, c *model.Capabilities) {
			yes(&c.AlternateRoles)
			r.Messages = []hearth.Message{say(hearth.RoleUser, text("a")), say(hearth.RoleUser, text("b")), say(hearth.RoleAssistant, text("c")), say(hearth.RoleAssistant, text("d"))}
		}, has: []string{`{"role":"user","content":"a"},{"role":"assistant","content":"(no answer)"},{"role":"user","content":"b"},{"role":"assistant","content":"c"},{"role":"user","content":"(go on)"},{"role":"assistant","content":"d"}`}},
		{name: "Mistral's ids: what fits stays, the rest is always the same nine", change: func(r *model.Request, c *model.Capabilities) {
			yes(&c.ToolIDs9)
			r.Messages = []hearth.Message{
				say(hearth.RoleAssistant, called("call_00ff", "read", "{}"), called("aB3dE6gH9", "read", "{}"), called("", "read", "{}")),
				say(hearth.RoleTool, result("call_00ff", "read", "x"), result("aB3dE6gH9", "read", "y"))}
		}, has: []string{`"tool_calls":[{"id":"GCjsBeOzw"`, `{"id":"aB3dE6gH9"`, `{"id":"fqA4S4SKU"`, `"tool_call_id":"GCjsBeOzw"`, `"tool_call_id":"aB3dE6gH9"`}, lacks: []string{"call_00ff"}},
		{name: "arguments as an object, as the model wrote it", change: func(r *model.Request, c *model.Capabilities) {
			yes(&c.ArgumentObjects)
			r.Messages = []hearth.Message{say(hearth.RoleAssistant, called("c1", "read", `{"z": 1,"a":2}`), called("c2", "read", `{"cut`))}
		}, has: []string{`"name":"read","arguments":{"z": 1,"a":2}}`, `"arguments":{"unreadable_arguments":"{\"cut"}}`}},
		{name: "a word of the assistant after a result", change: func(r *model.Request, c *model.Capabilities) {
			yes(&c.AnswerToResults)
			r.Messages = []hearth.Message{say(hearth.RoleUser, text("a")), say(hearth.RoleUser, text("b")), say(hearth.RoleTool, result("c1", "read", "x")), say(hearth.RoleMark, hearth.Part{Mark: &hearth.Mark{}}), say(hearth.RoleUser, text("c"))}
		}, has: []string{`{"role":"user","content":"a"},{"role":"user","content":"b"},{"role":"tool","tool_call_id":"c1","content":"x"},{"role":"assistant","content":"(no answer)"},{"role":"user","content":"c"}`}},
		{name: "thinking sent back as text", change: func(r *model.Request, c *model.Capabilities) {
			yes(&c.ReplayThinking, &c.ThinkingAsText)
			r.Messages = append(r.Messages[:2:2], say(hearth.RoleAssistant, hearth.Part{Thinking: "Hm."}, text("Yes.")))
		}, has: []string{`{"role":"assistant","content":"A file.","tool_calls":[`, `{"role":"assistant","content":"Hm.\n\nYes."}`}, lacks: []string{"reasoning_content"}},
		{name: "a key for the prompt cache where it is asked for", change: func(r *model.Request, c *model.Capabilities) {
			yes(&c.PromptCacheKey)
			r.Conversation = "m1"
		}, has: []string{`"max_tokens":100,"prompt_cache_key":"m1","stream":true`}},
		{name: "and nowhere else", change: func(r *model.Request, _ *model.Capabilities) { r.Conversation = "m1" }, lacks: []string{"prompt_cache_key"}},
		{name: "an empty system text", change: func(r *model.Request, _ *model.Capabilities) { r.System = "" }, has: []string{`"messages":[{"role":"user"`}},
		{name: "the developer role stays off where others serve", change: func(_ *model.Request, c *model.Capabilities) { yes(&c.DeveloperRole) }, has: []string{`{"role":"system"`}, lacks: []string{"developer"}},
		{name: "the vendor's own host", change: func(r *model.Request, c *model.Capabilities) {
			yes(&c.DeveloperRole, &c.Reasoning)
			c.ProxyLike, c.MaxTokensField = false, ""
			r.Thinking, r.Options = "high", json.RawMessage(`{"service_tier":"flex","store":false}`)
		}, has: []string{`{"role":"developer"`, `"max_completion_tokens":100,"service_tier":"flex","store":false`, `"reasoning_effort":"high"`}},
		{name: "what is only the vendor's", change: func(r *model.Request, c *model.Capabilities) {
			yes(&c.Reasoning)
			r.Thinking, r.Options = "high", json.RawMessage(`{"service_tier":"flex","store":true,"num_ctx":1,"top_p":0.9,"temperature":0}`)
		}, has: []string{`"max_tokens":100,"temperature":0,"top_p":0.9,"stream":true`}, lacks: []string{"service_tier", "store", "num_ctx", "reasoning"}},
		{name: "the field for the length", change: func(_ *model.Request, c *model.Capabilities) { c.MaxTokensField = "max_completion_tokens" }, has: []string{`"max_completion_tokens":100`}, lacks: []string{`"max_tokens"`}},
		{name: "no usage in the stream", change: func(_ *model.Request, c *model.Capabilities) { c.StreamUsage = false }, lacks: []string{"stream_options"}},
		{name: "a field that was refused", change: func(_ *model.Request, c *model.Capabilities) {
			c.RefusedFields = []string{"tool_choice", "max_tokens", "model"}
		}, has: []string{`"model":"qwen3"`}, lacks: []string{"tool_choice", "max_tokens"}},
		{name: "a keyword that was refused", change: func(_ *model.Request, c *model.Capabilities) { c.RefusedKeywords = []string{"required"} }, lacks: []string{`"required"`}},
		{name: "a slot and progress", change: func(r *model.Request, c *model.Capabilities) {
			yes(&c.SlotChoice, &c.ReturnProgress)
			slot := 2
			r.Slot = &slot
		}, has: []string{`"id_slot":2,"return_progress":true,"stream":true`}},
		{name: "no slot where there is no choice", change: func(r *model.Request, _ *model.Capabilities) { slot := 2; r.Slot = &slot }, lacks: []string{"id_slot"}},
		{name: "the owner's members win", change: func(r *model.Request, _ *model.Capabilities) {
			r.ExtraBody = json.RawMessage(`{"tool_choice":"required","foo":1,"max_tokens":7,"messages":[]}`)
		}, has: []string{`"tool_choice":"required","messages":[{"role":"system"`, `],"max_tokens":7,"stream":true,"stream_options":{"include_usage":true},"foo":1}`}},
		{name: "template arguments stand in the head", change: func(r *model.Request, _ *model.Capabilities) {
			r.ChatTemplateKwargs = json.RawMessage(`{"enable_thinking":false}`)
		}, has: []string{`"chat_template_kwargs":{"enable_thinking":false},"messages"`}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			req := typical()
			if row.change != nil {
				row.change(req, &req.Capabilities)
			}
			sent, err := encode(req)
			if err != nil {
				t.Fatal(err)
			}
			if !json.Valid(sent.Body) {
				t.Fatalf("no JSON: %s", sent.Body)
			}
			for _, s := range row.has {
				if !bytes.Contains(sent.Body, []byte(s)) {
					t.Errorf("lacks %s\n%s", s, sent.Body)
				}
			}
			for _, s := range row.lacks {
				if bytes.Contains(sent.Body, []byte(s)) {
					t.Errorf("holds %s\n%s", s, sent.Body)
				}
			}
		})
	}
}

func TestThinkingSwitches(t *testing.T) {
	shaped := func(c *model.Capabilities) { c.ReasoningShaped, c.Reasoning = true, true }
	format := func(f string) func(*model.Capabilities) {
		return func(c *model.Capabilities) { shaped(c); c.ThinkingFormat = f }
	}
	rows := []struct {
		name, level, kwargs string
		change              func(*model.Capabilities)
		want                string // the members between tool_choice and messages
	}{
		{"nothing said", "", "", shaped, ``},
		{"no shaping on a proxy without the owner's word", "high", "", func(c *model.Capabilities) { c.Reasoning = true }, ``},
		{"an effort", "high", "", shaped, `"reasoning_effort":"high",`},
		{"off without a word for it is left out", "off", "", shaped, ``},
		{"off with a word for it", "off", "", func(c *model.Capabilities) { shaped(c); c.Efforts = []string{"none", "low"} }, `"reasoning_effort":"none",`},
		{"a declared level goes out as it is", "xhigh", "", func(c *model.Capabilities) { shaped(c); c.Efforts = []string{"low", "xhigh"} }, `"reasoning_effort":"xhigh",`},
		{"an undeclared one as the nearest", "xhigh", "", shaped, `"reasoning_effort":"high",`},
		{"minimal rises", "minimal", "", shaped, `"reasoning_effort":"low",`},
		{"a mapped level", "high", "", func(c *model.Capabilities) {
			shaped(c)
			c.EffortMap = []model.EffortWord{{Level: "high", Word: "ultra"}}
		}, `"reasoning_effort":"ultra",`},
		{"openrouter", "high", "", format("openrouter"), `"reasoning":{"effort":"high"},`},
		{"openrouter off", "off", "", format("openrouter"), `"reasoning":{"effort":"none"},`},
		{"deepseek", "high", "", format("deepseek"), `"thinking":{"type":"enabled"},"reasoning_effort":"high",`},
		{"deepseek off", "off", "", format("deepseek"), `"thinking":{"type":"disabled"},`},
		{"zai off", "off", "", format("zai"), `"thinking":{"type":"disabled"},`},
		{"qwen", "low", "", format("qwen"), `"enable_thinking":true,`},
		{"qwen off", "off", "", format("qwen"), `"enable_thinking":false,`},
		{"qwen's template", "off", "", format("qwen-chat-template"), `"chat_template_kwargs":{"enable_thinking":false,"preserve_thinking":true},`},
		{"qwen's template with the owner's word", "off", `{"enable_thinking":true}`, format("qwen-chat-template"), `"chat_template_kwargs":{"preserve_thinking":true,"enable_thinking":true},`},
		{"together", "off", "", format("together"), `"reasoning":{"enabled":false},`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			req := typical()
			row.change(&req.Capabilities)
			req.Thinking, req.ChatTemplateKwargs = row.level, json.RawMessage(row.kwargs)
			sent, err := encode(req)
			if err != nil {
				t.Fatal(err)
			}
			head, _, _ := strings.Cut(string(sent.Body), `"messages":`)
			if _, got, _ := strings.Cut(head, `"tool_choice":"auto",`); got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}

// TestRequestsExtendEachOther builds a long conversation under every capability that
// changes bytes: each request begins with the bytes of the one before, with and without
// the cache, and again after a restart.
func TestRequestsExtendEachOther(t *testing.T) {
	var messages []hearth.Message
	for i := range 40 {
		id := fmt.Sprintf("c%d", i)
		messages = append(messages, say(hearth.RoleUser, text("turn "+id), image()),
			say(hearth.RoleAssistant, hearth.Part{Thinking: "hm"}, hearth.Part{Opaque: json.RawMessage(`{"type":"extra_content","call":0,"name":"read","content":"{\"x\":1}"}`)}, text("I read."), called(id, "read", `{"path":"a"}`), called(id+"b", "exec", `{"cut`)),
			say(hearth.RoleMark, hearth.Part{Mark: &hearth.Mark{}}),
			say(hearth.RoleTool, result(id, "read", "x"), result(id+"b", "exec", "")))
		if i%3 > 0 {
			messages = append(messages, say(hearth.RoleAssistant, text("done")))
		}
		if i%5 == 0 {
			messages = append(messages, say(hearth.RoleUser, text("and?")))
		}
	}
	for i := range messages {
		messages[i].ID = hearth.MessageID(fmt.Sprint(i))
	}
	for _, change := range []func(*model.Capabilities){
		func(*model.Capabilities) {},
		func(c *model.Capabilities) { c.StrictKeys = true },
		func(c *model.Capabilities) { c.AlternateRoles, c.StrictKeys = true, true },
		func(c *model.Capabilities) { c.AlternateRoles = true },
		func(c *model.Capabilities) { c.Vision, c.ReplayThinking = true, true },
		func(c *model.Capabilities) { c.StringContent, c.ToolResultName = true, true },
		func(c *model.Capabilities) { c.AnswerToResults, c.ToolIDs9 = true, true },
		func(c *model.Capabilities) { c.AnswerToResults, c.AlternateRoles, c.StrictKeys = true, true, true },
		func(c *model.Capabilities) { c.ArgumentObjects, c.ReplayThinking, c.ThinkingAsText = true, true, true },
		func(c *model.Capabilities) {
			c.NeedsReasoning, c.ReplayThinking, c.SignedCalls, c.AlternateRoles = true, true, true, true
		},
	} {
		cache := model.NewEncodedCache()
		var last *model.Sent
		for n := range len(messages) + 1 {
			req := typical()
			change(&req.Capabilities)
			req.Messages = messages[:n]
			fresh, err := encode(req)
			if err != nil {
				t.Fatal(err)
			}
			req.Encoded = cache
			sent, err := encode(req)
			if err != nil || !bytes.Equal(fresh.Body, sent.Body) {
				t.Fatalf("%d messages: the cache changes bytes", n)
			}
			if last != nil && (!bytes.HasPrefix(sent.Body, bytes.TrimSuffix(last.Body, last.Params)) || !bytes.Equal(sent.Params, last.Params) || sent.Prefix(len(last.Items)) != last.Prefix(len(last.Items))) {
				t.Fatalf("%d messages do not extend %d:\n%s\n%s", n, n-1, last.Body, sent.Body)
			}
			last = sent
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, turns := range []int{1, 400} {
		b.Run(fmt.Sprintf("%d turns", turns), func(b *testing.B) {
			req := typical()
			req.Encoded = model.NewEncodedCache()
			var messages []hearth.Message
			for i := range turns {
				for _, m := range req.Messages {
					m.ID = hearth.MessageID(fmt.Sprint(len(messages), i))
					messages = append(messages, m)
				}
			}
			req.Messages = messages
			b.ReportAllocs()
			for b.Loop() {
				if _, err := encode(req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
