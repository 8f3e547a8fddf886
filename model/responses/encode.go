package responses

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hearth"
	"hearth/model"
	"hearth/model/internal/body"
)

// encode writes the body of a request, always the same for the same request.
func encode(req *model.Request) (*model.Sent, error) {
	bag, err := body.Members(req.Options)
	if err != nil {
		return nil, fmt.Errorf("options: %w", err)
	}
	caps := &req.Capabilities
	b := body.Body{List: "input", Encoded: req.Encoded, Head: []body.Member{{Name: "model", Value: body.Quote(req.Model)}}}
	if word := effort(req); word != "" {
		b.Head = append(b.Head, body.Member{Name: "reasoning", Value: body.Object(body.Member{Name: "effort", Value: body.Quote(word)})})
	}
	if len(req.ChatTemplateKwargs) > 0 {
		b.Head = append(b.Head, body.Member{Name: "chat_template_kwargs", Value: req.ChatTemplateKwargs})
	}
	if len(req.Tools) > 0 && !asText(caps) {
		b.Head = append(b.Head, body.Member{Name: "tools", Value: req.Encoded.Tools(func() []byte { return tools(req) })}, body.Member{Name: "tool_choice", Value: []byte(`"auto"`)})
	}
	if req.System != "" {
		// LM Studio ignores "instructions" (its issue 1154) and Ollama drops the developer
		// role without a word (its issue 18305); a system item reaches every model.
		role := "system"
		if caps.DeveloperRole && !caps.ProxyLike {
			role = "developer"
		}
		b.First = [][]byte{said(role, body.Quote(req.System))}
	}
	for i := range req.Messages {
		m := &req.Messages[i]
		if wire := req.Encoded.Item(m.ID, func() []byte { return items(m, caps) }); len(wire) > 0 {
			b.Items = append(b.Items, wire)
		}
	}
	b.Params = params(req, bag)
	return b.Encode(req.ExtraBody, caps.RefusedFields)
}

// params are the members that do not reach the chat template. store is only named where
// it would otherwise be done: on the vendor's own host.
func params(req *model.Request, bag []body.Member) []body.Member {
	caps := &req.Capabilities
	ps := []body.Member{{Name: "stream", Value: []byte("true")}}
	if !caps.ProxyLike {
		ps = append(ps, body.Member{Name: "store", Value: []byte("false")})
		if caps.Reasoning {
			ps = append(ps, body.Member{Name: "include", Value: []byte(`["reasoning.encrypted_content"]`)})
		}
	}
	if req.MaxTokens > 0 {
		ps = append(ps, body.Member{Name: "max_output_tokens", Value: strconv.AppendInt(nil, int64(req.Limit(req.MaxTokens)), 10)})
	}
	if caps.PromptCacheKey && req.Conversation != "" {
		ps = append(ps, body.Member{Name: "prompt_cache_key", Value: body.Quote(req.Conversation)})
	}
	for _, name := range topLevel {
		if caps.ProxyLike && slices.Contains(vendorOnly, name) {
			continue
		}
		if i := slices.IndexFunc(bag, func(m body.Member) bool { return m.Name == name }); i >= 0 {
			ps = append(ps, bag[i])
		}
	}
	return ps
}

// topLevel are the options that Responses servers read, in the order in which they are
// written. The rest of the bag belongs to other protocols.
var topLevel = []string{
	"temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "repeat_penalty", "seed",
	"text", "parallel_tool_calls", "truncation", "ttl", "draft_model", "service_tier", "verbosity",
}

// vendorOnly goes to the vendor's own host and nowhere else.
var vendorOnly = []string{"service_tier", "verbosity"}

// effort is the server's word for the level asked for, or "" to say nothing: a proxy is
// told only where its owner declared that it knows the field.
func effort(req *model.Request) string {
	caps := &req.Capabilities
	if caps.ProxyLike && !caps.ReasoningShaped && len(caps.Efforts) == 0 {
		return ""
	}
	return caps.Effort(req.Thinking, "")
}

// asText reports whether calls and results travel as text: the model cannot be given tools.
func asText(caps *model.Capabilities) bool {
	return caps.Tools == model.ToolsNone || caps.Tools == model.ToolsText
}

// tools writes the tool list. strict would have a vendor rewrite our schemas.
func tools(req *model.Request) []byte {
	var list [][]byte
	for _, t := range body.Sorted(req.Tools) {
		members := []body.Member{
			{Name: "type", Value: []byte(`"function"`)},
			{Name: "name", Value: body.Quote(t.Name)},
			{Name: "description", Value: body.Quote(t.Description)},
			{Name: "parameters", Value: body.Schema(t.Schema, req.Capabilities.RefusedKeywords)},
		}
		if !req.Capabilities.ProxyLike {
			members = append(members, body.Member{Name: "strict", Value: []byte("false")})
		}
		list = append(list, body.Object(members...))
	}
	return body.Array(list...)
}

// items writes a message as one or more input items, joined with commas. A later
// message never changes them.
func items(m *hearth.Message, caps *model.Capabilities) []byte {
	var list [][]byte
	switch m.Role {
	case hearth.RoleUser:
		if content := userContent(m, caps); content != nil {
			list = append(list, said("user", content))
		}
	case hearth.RoleAssistant:
		list = assistant(m, caps)
	case hearth.RoleTool:
		list = results(m, caps)
	default:
	}
	var out []byte
	for i, item := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, item...)
	}
	return out
}

func said(role string, content []byte) []byte {
	return body.Object(body.Member{Name: "role", Value: body.Quote(role)}, body.Member{Name: "content", Value: content})
}

// userContent is a plain string unless there is an image to be seen. An image that
// cannot be sent leaves a sentence.
func userContent(m *hearth.Message, caps *model.Capabilities) []byte {
	var texts []string
	var list [][]byte
	images := false
	for i := range m.Parts {
		p := &m.Parts[i]
		words := p.Text
		if p.Blob != nil {
			if caps.Vision && !caps.StringContent && len(p.Blob.Data) > 0 && strings.HasPrefix(p.Blob.MIME, "image/") {
				images = true
				list = append(list, part("input_image", "image_url", "data:"+p.Blob.MIME+";base64,"+base64.StdEncoding.EncodeToString(p.Blob.Data)))
				continue
			}
			words = body.LeftOut(p.Blob)
		}
		if words != "" {
			texts = append(texts, words)
			list = append(list, part("input_text", "text", words))
		}
	}
	switch {
	case images:
		return body.Array(list...)
	case len(texts) == 0:
		return nil
	}
	return body.Quote(strings.Join(texts, "\n"))
}

func part(kind, field, value string) []byte {
	return body.Object(body.Member{Name: "type", Value: body.Quote(kind)}, body.Member{Name: field, Value: body.Quote(value)})
}

// keptOf reads kept data where it is of this protocol: the model may have been asked by
// another one before.
func keptOf(opaque json.RawMessage) (kept struct {
	Type    string    `json:"type"`
	Phase   string    `json:"phase"`
	Content []content `json:"content"`
},
) {
	if len(opaque) > 0 && json.Unmarshal(opaque, &kept) != nil {
		kept.Type = ""
	}
	return kept
}

// assistant writes what a model said: its reasoning where the server wants it back, its
// text, its calls. The text is an output message with all the fields that the strictest
// server (vLLM, which checks the types) asks for.
func assistant(m *hearth.Message, caps *model.Capabilities) [][]byte {
	var list [][]byte
	var said, asides strings.Builder
	phase := ""
	for i := range m.Parts {
		p := &m.Parts[i]
		was := keptOf(p.Opaque)
		switch {
		case was.Type == "reasoning" && caps.ReplayThinking:
			list = append(list, p.Opaque)
		case was.Type == "message":
			list = append(list, p.Opaque)
			if asides.Len() > 0 {
				asides.WriteString(gap)
			}
			asides.WriteString(joined(was.Content))
		case was.Type == phaseType:
			phase = was.Phase
		case p.Text != "":
			said.WriteString(p.Text)
		case p.Call != nil && asText(caps):
			if said.Len() > 0 {
				said.WriteByte('\n')
			}
			said.WriteString(body.CallText(p.Call))
		}
	}
	if said.Len() > 0 && said.String() != asides.String() { // else it is among the items already
		content := body.Object(
			body.Member{Name: "type", Value: []byte(`"output_text"`)},
			body.Member{Name: "text", Value: body.Quote(said.String())},
			body.Member{Name: "annotations", Value: []byte("[]")})
		members := []body.Member{
			{Name: "type", Value: []byte(`"message"`)},
			{Name: "role", Value: []byte(`"assistant"`)},
			{Name: "id", Value: body.Quote("msg_" + string(m.ID))},
			{Name: "status", Value: []byte(`"completed"`)},
			{Name: "content", Value: body.Array(content)},
		}
		if phase != "" {
			members = append(members, body.Member{Name: "phase", Value: body.Quote(phase)})
		}
		list = append(list, body.Object(members...))
	}
	for i := range m.Parts {
		if c := m.Parts[i].Call; c != nil && !asText(caps) {
			list = append(list, body.Object(
				body.Member{Name: "type", Value: []byte(`"function_call"`)},
				body.Member{Name: "call_id", Value: body.Quote(string(c.ID))},
				body.Member{Name: "name", Value: body.Quote(body.CallName(c.Name))},
				body.Member{Name: "arguments", Value: body.Quote(body.ArgumentText(c.Arguments))}))
		}
	}
	return list
}

func results(m *hearth.Message, caps *model.Capabilities) (list [][]byte) {
	var texts []string
	for i := range m.Parts {
		r := m.Parts[i].Result
		switch {
		case r == nil:
		case asText(caps):
			texts = append(texts, body.ResultText(r))
		default:
			list = append(list, body.Object(
				body.Member{Name: "type", Value: []byte(`"function_call_output"`)},
				body.Member{Name: "call_id", Value: body.Quote(string(r.CallID))},
				body.Member{Name: "output", Value: body.Quote(body.Output(r))}))
		}
	}
	if len(texts) > 0 {
		list = append(list, said("user", body.Quote(strings.Join(texts, "\n"))))
	}
	return list
}
