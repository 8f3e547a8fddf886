package responses

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"hearth"
	"hearth/model"
)

func TestWhatCapabilitiesChange(t *testing.T) {
	picture := hearth.Part{Blob: &hearth.Blob{MIME: "image/png", Name: "cat.png", Data: []byte{1, 2, 3}}}
	rows := []struct {
		name   string
		change func(r *model.Request, c *model.Capabilities)
		has    []string
		lacks  []string
	}{
		{name: "a model without tools is shown past calls as text", change: func(_ *model.Request, c *model.Capabilities) { c.Tools = model.ToolsNone },
			has: []string{`"text":"I look.\n[read]\n{\"path\": \"a\"}\n[END_TOOL_REQUEST]`, `{"role":"user","content":"[result of read]\nA\n[end of result]"}`}, lacks: []string{`"tools"`, "tool_choice", "function_call"}},
		{name: "the developer role stays off where others serve", change: func(_ *model.Request, c *model.Capabilities) { c.DeveloperRole = true }, has: []string{`"input":[{"role":"system"`}},
		{name: "the vendor's own host", change: func(r *model.Request, c *model.Capabilities) {
			c.DeveloperRole, c.Reasoning, c.ProxyLike = true, true, false
			r.Thinking = "high"
		}, has: []string{`{"role":"developer"`, `"reasoning":{"effort":"high"}`, `"store":false,"include":["reasoning.encrypted_content"]`}},
		{name: "nothing of the vendor's elsewhere", change: func(r *model.Request, c *model.Capabilities) {
			c.Reasoning, r.Thinking = true, "high"
			r.Options = json.RawMessage(`{"service_tier":"flex","num_ctx":1,"keep_alive":"5m","top_p":0.9}`)
		}, has: []string{`"top_p":0.9`}, lacks: []string{"store", "include", `"reasoning"`, "service_tier", "num_ctx", "keep_alive", "previous_response_id", "instructions"}},
		{name: "an undeclared effort goes out as the nearest", change: func(r *model.Request, c *model.Capabilities) { c.ReasoningShaped, r.Thinking = true, "xhigh" }, has: []string{`"reasoning":{"effort":"high"}`}},
		{name: "a picture for a model that sees", change: func(r *model.Request, c *model.Capabilities) {
			c.Vision = true
			r.Messages[0].Parts = append(r.Messages[0].Parts, picture)
		}, has: []string{`{"type":"input_image","image_url":"data:image/png;base64,AQID"}`}},
		{name: "a picture for a server that wants strings", change: func(r *model.Request, c *model.Capabilities) {
			c.Vision, c.StringContent = true, true
			r.Messages[0].Parts = append(r.Messages[0].Parts, picture)
		}, has: []string{`[Left out`}, lacks: []string{"AQID"}},
		{name: "an empty result", change: func(r *model.Request, _ *model.Capabilities) { r.Messages[2].Parts[0].Result.Text = "" }, has: []string{`"output":"(no output)"`}},
		{name: "marks are never sent", change: func(r *model.Request, _ *model.Capabilities) {
			r.Messages = []hearth.Message{{Role: hearth.RoleMark, Parts: []hearth.Part{{Mark: &hearth.Mark{}}}}}
		}, has: []string{`"input":[{"role":"system","content":"Be kind."}]`}},
		{name: "reasoning goes back where it is wanted", change: func(_ *model.Request, c *model.Capabilities) { c.ReplayThinking = true }, has: []string{`{"type":"reasoning"},{"type":"message"`}},
		{name: "commentary goes back as it came, and the answer with its phase", change: func(r *model.Request, _ *model.Capabilities) {
			r.Messages = []hearth.Message{{ID: "2", Role: hearth.RoleAssistant, Parts: []hearth.Part{
				{Thinking: "I look."}, {Opaque: json.RawMessage(aside)}, {Opaque: json.RawMessage(`{"type":"phase","phase":"final_answer"}`)}, {Text: "Here."},
			}}}
		}, has: []string{aside + `,{"type":"message","role":"assistant","id":"msg_2","status":"completed","content":[{"type":"output_text","text":"Here.","annotations":[]}],"phase":"final_answer"}]`}},
		{name: "commentary that was taken for the answer goes back once", change: func(r *model.Request, _ *model.Capabilities) {
			r.Messages = []hearth.Message{{ID: "2", Role: hearth.RoleAssistant, Parts: []hearth.Part{{Opaque: json.RawMessage(aside)}, {Text: "I look."}}}}
		}, has: []string{`"Be kind."},` + aside + `]`}},
		{name: "what another protocol kept stays here", change: func(r *model.Request, c *model.Capabilities) {
			c.ReplayThinking = true
			r.Messages[1].Parts[1].Opaque = json.RawMessage(`{"type":"extra_content","content":"{}"}`)
		}, lacks: []string{"extra_content"}},
		{name: "and nowhere else", lacks: []string{`"type":"reasoning"`}},
		{name: "a key for the prompt cache where it is asked for", change: func(r *model.Request, c *model.Capabilities) { c.PromptCacheKey, r.Conversation = true, "m1" }, has: []string{`"prompt_cache_key":"m1"`}},
		{name: "no key elsewhere", change: func(r *model.Request, _ *model.Capabilities) { r.Conversation = "m1" }, lacks: []string{"prompt_cache_key"}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			req := sample()
			if row.change != nil {
				row.change(req, &req.Capabilities)
			}
			sent, err := encode(req)
			if err != nil || !json.Valid(sent.Body) {
				t.Fatalf("%v: %s", err, sent.Body)
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

// aside is commentary as it is kept.
const aside = `{"id":"msg_1","type":"message","status":"completed","content":[{"type":"output_text","annotations":[],"text":"I look."}],"phase":"commentary","role":"assistant"}`

func BenchmarkEncode(b *testing.B) {
	for _, turns := range []int{1, 400} {
		b.Run(fmt.Sprintf("%d turns", turns), func(b *testing.B) {
			req := sample()
			req.Encoded = model.NewEncodedCache()
			var messages []hearth.Message
			for i := range turns {
				for _, m := range req.Messages {
					m.ID = hearth.MessageID(strings.Join([]string{string(m.ID), fmt.Sprint(i)}, "-"))
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
