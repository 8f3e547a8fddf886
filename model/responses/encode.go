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
	b := body.Body{List: "input", Head: []body.Member{{Name: "model", Value: body.Quote(req.Model)}}}
	if word := effort(req); word != "" {
		b.Head = append(b.Head, body.Member{Name: "reasoning", Value: body.Object(body.Member{Name: "effort", Value: body.Quote(word)})})
	}
	if len(req.ChatTemplateKwargs) > 0 {
		b.Head = append(b.Head, body.Member{Name: "chat_template_kwargs", Value: req.ChatTemplateKwargs})
	}
	if len(req.Tools) > 0 {
		b.Head = append(b.Head, body.Member{Name: "tools", Value: tools(req)}, body.Member{Name: "tool_choice", Value: []byte(`"auto"`)})
	}
	if req.System != "" {
		role := "system"
		if caps.DeveloperRole {
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
	ps := []body.Member{{Name: "stream", Value: []byte("true")}}
	if !req.Capabilities.ProxyLike {
		ps = append(ps, body.Member{Name: "store", Value: []byte("false")})
		if req.Capabilities.Reasoning {
			ps = append(ps, body.Member{Name: "include", Value: []byte(`["reasoning.encrypted_content"]`)})
		}
	}
	if req.MaxTokens > 0 {
		ps = append(ps, body.Member{Name: "max_output_tokens", Value: strconv.AppendInt(nil, int64(req.MaxTokens), 10)})
	}
	return append(ps, bag...)
}

// effort is the server's word for the level asked for, or "" to say nothing: a proxy is
// told only where its owner declared that it knows the field.
func effort(req *model.Request) string {
	caps := &req.Capabilities
	if req.Thinking == "" || caps.ProxyLike && !caps.ReasoningShaped && len(caps.Efforts) == 0 {
		return ""
	}
	level := req.Thinking
	if level == "off" {
		level = "none"
	}
	for _, w := range caps.EffortMap {
		if w.Level == req.Thinking {
			return w.Word
		}
	}
	if level == "none" && !slices.Contains(caps.Efforts, level) {
		return ""
	}
	return level
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
	case hearth.RoleTool:
		for i := range m.Parts {
			if r := m.Parts[i].Result; r != nil {
				list = append(list, result(r))
			}
		}
	case hearth.RoleAssistant:
		list = assistant(m, caps)
	default:
		list = append(list, said("user", userContent(m, caps)))
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
			if caps.Vision && p.Blob.Data != nil {
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
	if images {
		return body.Array(list...)
	}
	return body.Quote(strings.Join(texts, "\n"))
}

func part(kind, field, value string) []byte {
	return body.Object(body.Member{Name: "type", Value: body.Quote(kind)}, body.Member{Name: field, Value: body.Quote(value)})
}

// assistant writes what a model said: its reasoning where the server wants it back, its
// text, its calls. The text is an output message with all the fields that the strictest
// server (vLLM, which checks the types) asks for.
func assistant(m *hearth.Message, caps *model.Capabilities) [][]byte {
	var list [][]byte
	var said strings.Builder
	for i := range m.Parts {
		p := &m.Parts[i]
		switch {
		case p.Opaque != nil && caps.ReplayThinking:
			list = append(list, p.Opaque)
		case p.Text != "":
			said.WriteString(p.Text)
		}
	}
	if said.Len() > 0 {
		content := body.Object(
			body.Member{Name: "type", Value: []byte(`"output_text"`)},
			body.Member{Name: "text", Value: body.Quote(said.String())},
			body.Member{Name: "annotations", Value: []byte("[]")})
		list = append(list, body.Object(
			body.Member{Name: "type", Value: []byte(`"message"`)},
			body.Member{Name: "role", Value: []byte(`"assistant"`)},
			body.Member{Name: "id", Value: body.Quote("msg_" + string(m.ID))},
			body.Member{Name: "status", Value: []byte(`"completed"`)},
			body.Member{Name: "content", Value: body.Array(content)}))
	}
	for i := range m.Parts {
		if c := m.Parts[i].Call; c != nil {
			list = append(list, body.Object(
				body.Member{Name: "type", Value: []byte(`"function_call"`)},
				body.Member{Name: "call_id", Value: body.Quote(string(c.ID))},
				body.Member{Name: "name", Value: body.Quote(c.Name)},
				body.Member{Name: "arguments", Value: body.Quote(argumentText(c.Arguments))}))
		}
	}
	return list
}

// argumentText is the string received; what a server would refuse to read back (Ollama
// and llama.cpp parse it) is wrapped.
func argumentText(received string) string {
	if json.Valid([]byte(received)) && strings.HasPrefix(strings.TrimSpace(received), "{") {
		return received
	}
	return string(body.Arguments(received))
}

func result(r *hearth.ToolResult) []byte {
	return body.Object(
		body.Member{Name: "type", Value: []byte(`"function_call_output"`)},
		body.Member{Name: "call_id", Value: body.Quote(string(r.CallID))},
		body.Member{Name: "output", Value: body.Quote(r.Text)})
}
