package openai

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"hearth"
	"hearth/model"
	"hearth/model/internal/body"
)

// encode writes a request. Equal requests give equal bytes, and a request with more
// messages begins with the bytes of the one with fewer.
func encode(req *model.Request) (*model.Sent, error) {
	e := encoder{req: req, caps: &req.Capabilities}
	b := &body.Body{List: "messages", Encoded: req.Encoded, Items: make([][]byte, 0, len(req.Messages))}
	b.Head = append(b.Head, body.Member{Name: "model", Value: body.Quote(req.Model)})
	if tools := req.Encoded.Tools(e.tools); tools != nil {
		b.Head = append(b.Head,
			body.Member{Name: "tools", Value: tools},
			body.Member{Name: "tool_choice", Value: []byte(`"auto"`)})
	}
	thinking, err := e.thinking()
	if err != nil {
		return nil, err
	}
	b.Head = append(b.Head, thinking...)
	if req.System != "" {
		b.First = [][]byte{body.Object(role(e.systemRole()), content(body.Quote(req.System)))}
	}
	for _, shape := range req.Shapes {
		b.Items = append(b.Items, shape)
	}
	for i := range req.Messages {
		if item := e.item(i); len(item) > 0 {
			b.Items = append(b.Items, item)
		}
	}
	if b.Params, err = e.params(); err != nil {
		return nil, err
	}
	return b.Encode(req.ExtraBody, e.caps.RefusedFields)
}

type encoder struct {
	req  *model.Request
	caps *model.Capabilities
}

func role(r string) body.Member        { return body.Member{Name: "role", Value: body.Quote(r)} }
func content(value []byte) body.Member { return body.Member{Name: "content", Value: value} }

// systemRole: only the vendor's own host gets the developer role; other servers' chat
// templates drop it, and the person's instructions with it.
func (e *encoder) systemRole() string {
	if e.caps.DeveloperRole && !e.caps.ProxyLike {
		return "developer"
	}
	return "system"
}

// asText reports whether calls and results travel as text in content: the server
// refuses the fields for them, or the model was never given tools.
func (e *encoder) asText() bool {
	return e.caps.StrictKeys || e.caps.Tools == model.ToolsText || e.caps.Tools == model.ToolsNone
}

// tools is nil when there are none: vLLM refuses an empty list.
func (e *encoder) tools() []byte {
	if len(e.req.Tools) == 0 || e.caps.Tools == model.ToolsText || e.caps.Tools == model.ToolsNone {
		return nil
	}
	var all [][]byte
	for _, t := range body.Sorted(e.req.Tools) {
		function := body.Object(
			body.Member{Name: "name", Value: body.Quote(t.Name)},
			body.Member{Name: "description", Value: body.Quote(t.Description)},
			body.Member{Name: "parameters", Value: body.Schema(t.Schema, e.caps.RefusedKeywords)})
		all = append(all, body.Object(
			body.Member{Name: "type", Value: []byte(`"function"`)},
			body.Member{Name: "function", Value: function}))
	}
	return body.Array(all...)
}

// item is the wire form of message i: usually one object, several for several results,
// none for what is not sent.
func (e *encoder) item(i int) []byte {
	m := &e.req.Messages[i]
	return e.req.Encoded.Item(m.ID, func() []byte {
		var objects [][]byte
		switch m.Role {
		case hearth.RoleUser:
			objects = e.user(m)
		case hearth.RoleAssistant:
			objects = e.assistant(m)
		case hearth.RoleTool:
			objects = e.results(m)
		default:
			return nil
		}
		if len(objects) > 0 {
			objects = append(e.between(i), objects...)
		}
		return joined(objects)
	})
}

func joined(objects [][]byte) []byte {
	var out []byte
	for i, o := range objects {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, o...)
	}
	return out
}

// between gives what has to stand before message i for servers whose templates want
// user and assistant in turns, or a word of the assistant after a result. It is part of
// the later message, so nothing sent changes.
func (e *encoder) between(i int) [][]byte {
	if !e.caps.AlternateRoles && !e.caps.AnswerToResults {
		return nil
	}
	before := i - 1
	for before >= 0 && !sent(&e.req.Messages[before]) {
		before--
	}
	if before < 0 {
		return nil
	}
	was, is := e.side(&e.req.Messages[before]), e.side(&e.req.Messages[i])
	switch {
	case e.caps.AnswerToResults && e.req.Messages[before].Role == hearth.RoleTool && e.req.Messages[i].Role == hearth.RoleUser,
		e.caps.AlternateRoles && was == "user" && is == "user":
		members := []body.Member{role("assistant"), content(body.Quote("(no answer)"))}
		return [][]byte{body.Object(append(members, e.reasoning("")...)...)}
	case e.caps.AlternateRoles && was == "assistant" && is == "assistant":
		return [][]byte{body.Object(role("user"), content(body.Quote("(go on)")))}
	}
	return nil
}

func sent(m *hearth.Message) bool {
	return m.Role != hearth.RoleMark && len(m.Parts) > 0
}

// side is who a message counts as where roles alternate; results in fields of their own
// stand outside.
func (e *encoder) side(m *hearth.Message) string {
	if m.Role == hearth.RoleTool && e.asText() {
		return "user"
	}
	return string(m.Role)
}

func (e *encoder) user(m *hearth.Message) [][]byte {
	value := e.value(m.Parts)
	if value == nil {
		return nil
	}
	return [][]byte{body.Object(role("user"), content(value))}
}

// value is a string, or a list of parts where there is a picture to be seen.
func (e *encoder) value(parts []hearth.Part) []byte {
	pictures := e.caps.Vision && !e.caps.StringContent && slices.ContainsFunc(parts, func(p hearth.Part) bool { return isPicture(p.Blob) })
	var texts []string
	var list [][]byte
	for i := range parts {
		p := &parts[i]
		text := p.Text
		if p.Blob != nil {
			if pictures && isPicture(p.Blob) {
				list = append(list, picture(p.Blob))
				continue
			}
			text = body.LeftOut(p.Blob)
		}
		if text != "" {
			texts = append(texts, text)
			list = append(list, body.Object(
				body.Member{Name: "type", Value: []byte(`"text"`)},
				body.Member{Name: "text", Value: body.Quote(text)}))
		}
	}
	switch {
	case pictures:
		return body.Array(list...)
	case len(texts) == 0:
		return nil
	}
	return body.Quote(strings.Join(texts, "\n"))
}

func isPicture(b *hearth.Blob) bool {
	return b != nil && len(b.Data) > 0 && strings.HasPrefix(b.MIME, "image/")
}

func picture(b *hearth.Blob) []byte {
	url := "data:" + b.MIME + ";base64," + base64.StdEncoding.EncodeToString(b.Data)
	return body.Object(
		body.Member{Name: "type", Value: []byte(`"image_url"`)},
		body.Member{Name: "image_url", Value: body.Object(body.Member{Name: "url", Value: body.Quote(url)})})
}

func (e *encoder) assistant(m *hearth.Message) [][]byte {
	text := body.Texts(m.Parts, "")
	thinking := ""
	if e.caps.ReplayThinking {
		thinking = thoughts(m)
	}
	if e.caps.ThinkingAsText && thinking != "" {
		text = strings.TrimSpace(thinking + "\n\n" + text)
	}
	var calls [][]byte
	for i := range m.Parts {
		c := m.Parts[i].Call
		switch {
		case c == nil:
		case e.asText():
			text = strings.TrimLeft(text+"\n"+body.CallText(c), "\n")
		default:
			calls = append(calls, e.call(c, e.extra(m, len(calls), c.Name)))
		}
	}
	members := []body.Member{role("assistant")}
	switch {
	case text != "":
		members = append(members, content(body.Quote(text)))
	case len(calls) == 0:
		return nil
	case e.caps.StringContent:
		members = append(members, content([]byte(`""`)))
	default:
		members = append(members, content([]byte("null")))
	}
	members = append(members, e.reasoning(thinking)...)
	if len(calls) > 0 {
		members = append(members, body.Member{Name: "tool_calls", Value: body.Array(calls...)})
	}
	return [][]byte{body.Object(members...)}
}

// reasoning gives the member that holds what led to an assistant message, as it is called
// where it came from (https://api-docs.deepseek.com/guides/thinking_mode).
func (e *encoder) reasoning(thinking string) []body.Member {
	if thinking == "" && e.caps.NeedsReasoning {
		thinking = body.NoReasoning
	}
	if thinking == "" || e.caps.ThinkingAsText || e.caps.StrictKeys {
		return nil
	}
	return []body.Member{{Name: "reasoning_content", Value: body.Quote(thinking)}}
}

func thoughts(m *hearth.Message) string {
	var b strings.Builder
	for i := range m.Parts {
		b.WriteString(m.Parts[i].Thinking)
	}
	return b.String()
}

func (e *encoder) call(c *hearth.ToolCall, more []body.Member) []byte {
	arguments := body.Quote(body.ArgumentText(c.Arguments))
	if e.caps.ArgumentObjects {
		arguments = body.Arguments(c.Arguments)
	}
	function := body.Object(
		body.Member{Name: "name", Value: body.Quote(body.CallName(c.Name))},
		body.Member{Name: "arguments", Value: arguments})
	return body.Object(append([]body.Member{
		{Name: "id", Value: e.id(c.ID)},
		{Name: "type", Value: []byte(`"function"`)},
		{Name: "function", Value: function},
	}, more...)...)
}

func (e *encoder) results(m *hearth.Message) [][]byte {
	var objects [][]byte
	var texts []string
	for i := range m.Parts {
		r := m.Parts[i].Result
		if r == nil {
			continue
		}
		value := e.resultValue(r)
		if e.asText() {
			texts = append(texts, body.ResultText(r))
			continue
		}
		members := []body.Member{role("tool"), {Name: "tool_call_id", Value: e.id(r.CallID)}}
		if e.caps.ToolResultName {
			members = append(members, body.Member{Name: "name", Value: body.Quote(body.CallName(r.Name))})
		}
		objects = append(objects, body.Object(append(members, content(value))...))
	}
	if len(texts) > 0 {
		objects = append(objects, body.Object(role("user"), content(body.Quote(strings.Join(texts, "\n")))))
	}
	return objects
}

// resultValue is the text, with the pictures of a tool where the server takes them there.
func (e *encoder) resultValue(r *hearth.ToolResult) []byte {
	parts := []hearth.Part{{Text: r.Text}}
	for i := range r.Blobs {
		parts = append(parts, hearth.Part{Blob: &r.Blobs[i]})
	}
	sighted := *e
	if !e.caps.ProxyLike { // the vendor takes text only in a result
		blind := *e.caps
		blind.Vision = false
		sighted.caps = &blind
	}
	if value := sighted.value(parts); value != nil {
		return value
	}
	return body.Quote(body.Output(r))
}

// topLevel are the sampling options that chat completions servers read, in the order in
// which they are written. The rest of the bag belongs to other protocols.
var topLevel = []string{
	"temperature", "top_p", "top_k", "min_p", "typical_p", "presence_penalty", "frequency_penalty",
	"repetition_penalty", "repeat_penalty", "seed", "stop", "response_format", "parallel_tool_calls",
	"logit_bias", "service_tier", "store", "ttl", "draft_model", "priority", "cache_prompt", "verbosity",
}

// vendorOnly goes to the vendor's own host and nowhere else.
var vendorOnly = []string{"service_tier", "store", "verbosity"}

func (e *encoder) params() ([]body.Member, error) {
	var ps []body.Member
	if e.req.MaxTokens > 0 {
		field := e.caps.MaxTokensField
		if field == "" {
			field = "max_completion_tokens"
			if e.caps.ProxyLike {
				field = "max_tokens" // several local servers ignore the longer word
			}
		}
		ps = append(ps, body.Member{Name: field, Value: strconv.AppendInt(nil, int64(e.req.Limit(e.req.MaxTokens)), 10)})
	}
	options, err := body.Members(e.req.Options)
	if err != nil {
		return nil, err
	}
	for _, name := range topLevel {
		if e.caps.ProxyLike && slices.Contains(vendorOnly, name) {
			continue
		}
		for _, o := range options {
			if o.Name == name {
				ps = append(ps, o)
			}
		}
	}
	if e.caps.PromptCacheKey && e.req.Conversation != "" {
		ps = append(ps, body.Member{Name: "prompt_cache_key", Value: body.Quote(e.req.Conversation)})
	}
	if e.caps.SlotChoice && e.req.Slot != nil && *e.req.Slot >= 0 {
		ps = append(ps, body.Member{Name: "id_slot", Value: strconv.AppendInt(nil, int64(*e.req.Slot), 10)})
	}
	if e.caps.ReturnProgress {
		ps = append(ps, body.Member{Name: "return_progress", Value: []byte("true")})
	}
	ps = append(ps, body.Member{Name: "stream", Value: []byte("true")})
	if e.caps.StreamUsage {
		ps = append(ps, body.Member{Name: "stream_options", Value: []byte(`{"include_usage":true}`)})
	}
	return ps, nil
}
