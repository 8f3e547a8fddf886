package ollama

import (
	"bytes"
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

// encode writes the body of a chat request, always the same for the same request.
func encode(req *model.Request) (*model.Sent, error) {
	bag, err := body.Members(req.Options)
	if err != nil {
		return nil, fmt.Errorf("options: %w", err)
	}
	caps := &req.Capabilities
	b := body.Body{List: "messages", Encoded: req.Encoded, Head: []body.Member{{Name: "model", Value: body.Quote(req.Model)}}}
	if v := think(req, bag); v != nil {
		b.Head = append(b.Head, body.Member{Name: "think", Value: v})
	}
	if len(req.Tools) > 0 {
		b.Head = append(b.Head, body.Member{Name: "tools", Value: req.Encoded.Tools(func() []byte { return tools(req) })})
	}
	if req.System != "" {
		b.First = [][]byte{item("system", req.System)}
	}
	for i := range req.Messages {
		m := &req.Messages[i]
		if err := body.Pictures(m, caps); err != nil {
			return nil, err
		}
		if wire := req.Encoded.Item(m.ID, func() []byte { return messages(m, caps) }); len(wire) > 0 {
			b.Items = append(b.Items, wire)
		}
	}
	b.Params = params(req, bag)
	// Refused thinking words are handled by think: "off" always goes through.
	refused := slices.DeleteFunc(slices.Clone(caps.RefusedFields), func(name string) bool { return name == "think" })
	return b.Encode(req.ExtraBody, refused)
}

// topLevel are the names of the options bag that are members of the body itself.
var topLevel = []string{"format", "keep_alive", "shift", "think", "truncate"}

// params are the members that do not reach the chat template. With truncate and shift
// off, a conversation that does not fit is refused: cut in silence, it would cost the
// whole cache and the model its memory.
func params(req *model.Request, bag []body.Member) []body.Member {
	ps := []body.Member{
		{Name: "stream", Value: []byte("true")},
		{Name: "truncate", Value: []byte("false")},
		{Name: "shift", Value: []byte("false")},
	}
	options := []body.Member{{Name: "num_ctx", Value: strconv.AppendInt(nil, int64(req.AskedWindow()), 10)}}
	if req.MaxTokens > 0 {
		options = append(options, body.Member{Name: "num_predict", Value: strconv.AppendInt(nil, int64(req.Limit(req.MaxTokens)), 10)})
	}
	for _, m := range bag {
		switch {
		case m.Name == "think":
		case slices.Contains(topLevel, m.Name):
			ps = put(ps, m)
		default:
			options = put(options, m)
		}
	}
	slices.SortFunc(options, func(a, b body.Member) int { return strings.Compare(a.Name, b.Name) })
	return append(ps, body.Member{Name: "options", Value: body.Object(options...)})
}

func put(members []body.Member, m body.Member) []body.Member {
	if i := slices.IndexFunc(members, func(old body.Member) bool { return old.Name == m.Name }); i >= 0 {
		members[i] = m
		return members
	}
	return append(members, m)
}

// think is the value of the thinking switch, or nil to say nothing. Most models only
// know on and off, and a server refuses a word for them, so a level goes out as a word
// where it is declared and as true elsewhere.
func think(req *model.Request, bag []body.Member) []byte {
	caps := &req.Capabilities
	for _, m := range bag {
		if m.Name == "think" {
			return m.Value
		}
	}
	switch {
	case req.Thinking == "":
		return nil
	case req.Thinking == "off":
		return []byte("false")
	case slices.Contains(caps.RefusedFields, "think"):
		return nil
	}
	for _, w := range caps.EffortMap {
		if w.Level == req.Thinking {
			return word(w.Word)
		}
	}
	if slices.Contains(caps.Efforts, req.Thinking) {
		return word(req.Thinking)
	}
	return []byte("true")
}

// word is a declared level as Ollama writes it: it knows three.
func word(level string) []byte {
	switch level {
	case "on", "true":
		return []byte("true")
	case "off", "none", "false":
		return []byte("false")
	case "minimal":
		level = "low"
	case "xhigh", "max", "adaptive":
		level = "high"
	}
	return body.Quote(level)
}

func tools(req *model.Request) []byte {
	var list [][]byte
	for _, t := range body.Sorted(req.Tools) {
		function := body.Object(
			body.Member{Name: "name", Value: body.Quote(t.Name)},
			body.Member{Name: "description", Value: body.Quote(t.Description)},
			body.Member{Name: "parameters", Value: body.Schema(t.Schema, req.Capabilities.RefusedKeywords)},
		)
		list = append(list, body.Object(
			body.Member{Name: "type", Value: []byte(`"function"`)},
			body.Member{Name: "function", Value: function},
		))
	}
	return body.Array(list...)
}

// messages gives the wire form of one message: one object, or several with commas
// between them where a message holds several results.
func messages(m *hearth.Message, caps *model.Capabilities) []byte {
	switch m.Role {
	case hearth.RoleTool:
		return results(m, caps)
	case hearth.RoleAssistant:
		return assistant(m, caps)
	case hearth.RoleMark:
		return nil
	default:
		return user(m, caps)
	}
}

func user(m *hearth.Message, caps *model.Capabilities) []byte {
	text, images := seen(body.Texts(m.Parts, "\n"), blobs(m.Parts), caps)
	return item("user", text, images...)
}

func blobs(parts []hearth.Part) (all []hearth.Blob) {
	for i := range parts {
		if parts[i].Blob != nil {
			all = append(all, *parts[i].Blob)
		}
	}
	return all
}

// seen gives the text and the images member for a model; one that reads text only gets
// a sentence for each picture.
func seen(text string, pictures []hearth.Blob, caps *model.Capabilities) (string, []body.Member) {
	if len(pictures) == 0 {
		return text, nil
	}
	if !caps.Vision {
		lines := []string{text}
		for i := range pictures {
			lines = append(lines, body.LeftOut(&pictures[i]))
		}
		return strings.TrimSpace(strings.Join(lines, "\n")), nil
	}
	var list [][]byte
	for i := range pictures {
		list = append(list, body.Quote(base64.StdEncoding.EncodeToString(pictures[i].Data)))
	}
	return text, []body.Member{{Name: "images", Value: body.Array(list...)}}
}

// item is a message with a role and a text.
func item(role, content string, more ...body.Member) []byte {
	return body.Object(append([]body.Member{
		{Name: "role", Value: body.Quote(role)}, {Name: "content", Value: body.Quote(content)},
	}, more...)...)
}

func assistant(m *hearth.Message, caps *model.Capabilities) []byte {
	var more []body.Member
	var thinking strings.Builder
	var calls [][]byte
	for i := range m.Parts {
		p := &m.Parts[i]
		thinking.WriteString(p.Thinking)
		if p.Call != nil {
			calls = append(calls, body.Object(body.Member{Name: "function", Value: body.Object(
				body.Member{Name: "name", Value: body.Quote(body.CallName(p.Call.Name))},
				body.Member{Name: "arguments", Value: body.Arguments(p.Call.Arguments)},
			)}))
		}
	}
	if caps.ReplayThinking && thinking.Len() > 0 {
		more = append(more, body.Member{Name: "thinking", Value: body.Quote(thinking.String())})
	}
	if len(calls) > 0 {
		more = append(more, body.Member{Name: "tool_calls", Value: body.Array(calls...)})
	}
	return item("assistant", body.Texts(m.Parts, ""), more...)
}

// results gives a tool message for each result. Templates show pictures of people only,
// so those of a tool follow as one.
func results(m *hearth.Message, caps *model.Capabilities) []byte {
	var items [][]byte
	for i := range m.Parts {
		r := m.Parts[i].Result
		if r == nil {
			continue
		}
		text, images := r.Text, []body.Member(nil)
		if caps.Vision {
			_, images = seen("", r.Blobs, caps)
		} else {
			text, _ = seen(r.Text, r.Blobs, caps)
		}
		items = append(items, item("tool", text, body.Member{Name: "tool_name", Value: body.Quote(body.CallName(r.Name))}))
		if images != nil {
			items = append(items, item("user", "[pictures from "+r.Name+"]", images...))
		}
	}
	return bytes.Join(items, []byte{','})
}

// raw reports whether a member of the wire holds anything.
func raw(v json.RawMessage) bool { return len(v) > 0 && string(v) != "null" }
