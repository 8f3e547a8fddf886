package anthropic

import (
	"bytes"
	"encoding/base64"
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
	limit, thinking := bounds(req)
	b := body.Body{List: "messages", Encoded: req.Encoded, Head: []body.Member{{Name: "model", Value: body.Quote(req.Model)}}}
	if req.System != "" {
		b.Head = append(b.Head, body.Member{Name: "system", Value: body.Quote(req.System)})
	}
	if len(req.Tools) > 0 {
		b.Head = append(b.Head, body.Member{Name: "tools", Value: req.Encoded.Tools(func() []byte { return tools(req) })})
	}
	b.Head = append(b.Head, thinking...)
	if b.Items, err = items(req); err != nil {
		return nil, err
	}
	b.Params = []body.Member{
		{Name: "max_tokens", Value: strconv.AppendInt(nil, int64(limit), 10)},
		{Name: "stream", Value: []byte("true")},
	}
	if !caps.ProxyLike {
		// The vendor then caches up to the newest message by itself. A marker in a message
		// would have to move, and so rewrite what was sent.
		b.Params = append(b.Params, body.Member{Name: "cache_control", Value: []byte(`{"type":"ephemeral"}`)})
	}
	for _, m := range bag {
		switch {
		case m.Name == "tool_choice":
			b.Head = append(b.Head, m)
		case slices.Contains(known, m.Name):
			b.Params = append(b.Params, m)
		}
	}
	return b.Encode(req.ExtraBody, caps.RefusedFields)
}

// known are the members of an options bag that this protocol has, beside tool_choice.
var known = []string{"metadata", "stop_sequences", "temperature", "top_k", "top_p"}

const (
	usualTokens = 8192  // of an answer, where nobody says how many
	mostTokens  = 32000 // of an answer, unless the owner asks for more
	leastTokens = 1024  // of an answer, and of thinking: the vendor takes no less
)

// bounds are budget, with a limit that the window has room for. Thinking keeps its tokens
// from one request to the next, for they are a part of what the server caches.
func bounds(req *model.Request) (limit int, thinking []body.Member) {
	limit, tokens, thinking := budget(req)
	return max(req.Limit(limit), min(limit, tokens+leastWords)), thinking
}

// leastWords is what an answer is left beside its thinking, in tokens.
const leastWords = 256

// AnswerLimit is the max_tokens of a request: the protocol demands one.
func (*Provider) AnswerLimit(req *model.Request) int {
	limit, _ := bounds(req)
	return limit
}

// budget gives max_tokens, which the protocol demands, how much of it is for thinking, and
// the members that switch that. What is not said is an answer of at most a quarter of the
// window.
func budget(req *model.Request) (limit, tokens int, thinking []body.Member) {
	caps := &req.Capabilities
	limit = req.MaxTokens
	if limit == 0 {
		limit = usualTokens
		if caps.MaxTokens > 0 {
			limit = min(caps.MaxTokens, mostTokens)
		}
		if caps.Window > 0 {
			limit = max(min(limit, caps.Window/4), leastTokens)
		}
	}
	if !thinks(req) {
		return limit, 0, nil
	}
	if adaptive(caps) {
		thinking = []body.Member{{Name: "thinking", Value: []byte(`{"type":"adaptive"}`)}}
		if word := effort(req); word != "" {
			thinking = append(thinking, body.Member{Name: "output_config", Value: body.Object(body.Member{Name: "effort", Value: body.Quote(word)})})
		}
		return limit, 0, thinking
	}
	if req.MaxTokens > 0 && !RoomToThink(req.MaxTokens) {
		return limit, 0, nil
	}
	most := limit
	if caps.WindowKnown { // thinking that fills the window leaves no room for a conversation
		most = min(limit, caps.Window/4)
	}
	tokens = max(min(budgets[req.Thinking], most*3/4), leastTokens)
	if req.MaxTokens == 0 {
		limit = max(limit, tokens+leastTokens)
	}
	return limit, tokens, []body.Member{{Name: "thinking", Value: body.Object(
		body.Member{Name: "type", Value: []byte(`"enabled"`)},
		body.Member{Name: "budget_tokens", Value: strconv.AppendInt(nil, int64(tokens), 10)},
	)}}
}

// RoomToThink reports whether an owner's limit on output holds the smallest budget for
// thinking and an answer beside it. Where it does not, none is asked for: the limit is the
// owner's. Models that take an effort instead of a budget need no room.
func RoomToThink(maxTokens int) bool { return maxTokens*3/4 >= leastTokens }

// ThinksByBudget reports whether a model is given a number of tokens to think with.
func ThinksByBudget(caps *model.Capabilities) bool { return !adaptive(caps) }

// budgets are the tokens of a level of thinking; a level that is not here gets the least.
var budgets = map[string]int{"low": 2048, "medium": 8192, "adaptive": 8192, "on": 8192, "high": 16384, "xhigh": 24576, "max": 32000}

// thinks reports whether thinking is asked for. To have none, nothing is said: not every
// server takes the word for it.
func thinks(req *model.Request) bool { return req.Thinking != "" && req.Thinking != model.ThinkingOff }

// adaptive reports whether the model takes an effort instead of a budget: the vendor's
// newer ones take nothing else, other servers know the budget only.
func adaptive(caps *model.Capabilities) bool {
	return caps.ThinkingFormat == "adaptive" || !caps.ProxyLike && caps.ThinkingFormat != "budget"
}

// effort is the word for a level, or "" to leave it to the model.
func effort(req *model.Request) string {
	if req.Thinking == "adaptive" || req.Thinking == "on" {
		return ""
	}
	return req.Capabilities.Effort(req.Thinking, "")
}

func tools(req *model.Request) []byte {
	var list [][]byte
	for _, t := range body.Sorted(req.Tools) {
		list = append(list, body.Object(
			body.Member{Name: "name", Value: body.Quote(t.Name)},
			body.Member{Name: "description", Value: body.Quote(t.Description)},
			body.Member{Name: "input_schema", Value: body.Schema(t.Schema, req.Capabilities.RefusedKeywords)},
		))
	}
	return body.Array(list...)
}

// items gives the messages. Those of one side that follow one another are one message:
// all results of an answer's calls must come together. A message that was sent does not
// grow by that, because an answer, or the note in its place, comes after each request.
func items(req *model.Request) ([][]byte, error) {
	var all [][]byte
	var side string
	var blocks [][]byte
	flush := func() {
		if len(blocks) > 0 {
			all = append(all, body.Object(
				body.Member{Name: "role", Value: body.Quote(side)},
				body.Member{Name: "content", Value: body.Array(blocks...)},
			))
		}
		blocks = nil
	}
	for i := range req.Messages {
		m := &req.Messages[i]
		if err := body.Pictures(m, &req.Capabilities); err != nil {
			return nil, err
		}
		content := req.Encoded.Item(m.ID, func() []byte { return content(m, req) })
		if len(content) == 0 {
			continue
		}
		now := "user"
		if m.Role == hearth.RoleAssistant {
			now = "assistant"
		}
		if now != side {
			flush()
			side = now
		}
		blocks = append(blocks, content)
	}
	flush()
	return all, nil
}

// content gives the blocks of a message with commas between them; nothing for a message
// without any.
func content(m *hearth.Message, req *model.Request) []byte {
	var blocks [][]byte
	switch m.Role {
	case hearth.RoleMark:
	case hearth.RoleAssistant:
		blocks = assistant(m, req)
	case hearth.RoleTool:
		for i := range m.Parts {
			if r := m.Parts[i].Result; r != nil {
				blocks = append(blocks, result(r, &req.Capabilities))
			}
		}
	default:
		blocks = text(blocks, body.Texts(m.Parts, "\n"))
		for i := range m.Parts {
			if b := m.Parts[i].Blob; b != nil {
				blocks = append(blocks, picture(b, &req.Capabilities))
			}
		}
	}
	return bytes.Join(blocks, []byte{','})
}

// text appends a text block. A blank one is refused, so there is none.
func text(blocks [][]byte, s string) [][]byte {
	if strings.TrimSpace(s) == "" {
		return blocks
	}
	return append(blocks, textBlock(s))
}

func textBlock(s string) []byte {
	return body.Object(body.Member{Name: "type", Value: []byte(`"text"`)}, body.Member{Name: "text", Value: body.Quote(s)})
}

// assistant gives an answer's blocks in the order in which they came: the vendor refuses
// thoughts that moved. The transcript keeps text and calls together, so each thought
// knows how much of both came before it.
func assistant(m *hearth.Message, req *model.Request) (blocks [][]byte) {
	said, calls := body.Texts(m.Parts, ""), callBlocks(m)
	if strings.TrimSpace(said) == "" && len(calls) == 0 {
		return nil // a message of thoughts alone is refused
	}
	told, called := 0, 0
	for _, th := range thoughts(m, req) {
		if upTo := min(th.AfterText, len(said)); upTo > told {
			blocks = text(blocks, said[told:upTo])
			told = upTo
		}
		if upTo := min(th.AfterCalls, len(calls)); upTo > called {
			blocks = append(blocks, calls[called:upTo]...)
			called = upTo
		}
		blocks = append(blocks, th.block())
	}
	return append(text(blocks, said[told:]), calls[called:]...)
}

func callBlocks(m *hearth.Message) (blocks [][]byte) {
	for i := range m.Parts {
		if c := m.Parts[i].Call; c != nil {
			blocks = append(blocks, body.Object(
				body.Member{Name: "type", Value: []byte(`"tool_use"`)},
				body.Member{Name: "id", Value: body.Quote(callID(c.ID))},
				body.Member{Name: "name", Value: body.Quote(body.CallName(c.Name))},
				body.Member{Name: "input", Value: body.Arguments(c.Arguments)},
			))
		}
	}
	return blocks
}

// thoughts gives the thinking blocks of an answer. The vendor wants those it signed back
// while thinking is on; where nothing was signed, the text goes back if the model is
// known to want it.
func thoughts(m *hearth.Message, req *model.Request) (all []thought) {
	replay := req.Capabilities.ReplayThinking
	if !replay && !thinks(req) {
		return nil
	}
	var plain strings.Builder
	for i := range m.Parts {
		p := &m.Parts[i]
		plain.WriteString(p.Thinking)
		if th, ok := readThought(p.Opaque); ok {
			all = append(all, th)
		}
	}
	if len(all) == 0 && req.Capabilities.NeedsReasoning && strings.TrimSpace(plain.String()) == "" {
		plain.WriteString(body.NoReasoning)
	}
	if len(all) == 0 && replay && strings.TrimSpace(plain.String()) != "" {
		all = append(all, thought{Type: "thinking", Thinking: plain.String()})
	}
	return all
}

// callID gives an id as the vendor accepts it; other servers make ids of any characters.
func callID(id hearth.CallID) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, string(id))
}

func result(r *hearth.ToolResult, caps *model.Capabilities) []byte {
	said := body.Quote(r.Text)
	if len(r.Blobs) > 0 {
		blocks := text(nil, r.Text)
		for i := range r.Blobs {
			blocks = append(blocks, picture(&r.Blobs[i], caps))
		}
		said = body.Array(blocks...)
	}
	members := []body.Member{
		{Name: "type", Value: []byte(`"tool_result"`)},
		{Name: "tool_use_id", Value: body.Quote(callID(r.CallID))},
		{Name: "content", Value: said},
	}
	if r.Failed {
		members = append(members, body.Member{Name: "is_error", Value: []byte("true")})
	}
	return body.Object(members...)
}

// picture is an image block, or a sentence for a model that reads text only.
func picture(b *hearth.Blob, caps *model.Capabilities) []byte {
	if !caps.Vision {
		return textBlock(body.LeftOut(b))
	}
	source := body.Object(
		body.Member{Name: "type", Value: []byte(`"base64"`)},
		body.Member{Name: "media_type", Value: body.Quote(b.MIME)},
		body.Member{Name: "data", Value: body.Quote(base64.StdEncoding.EncodeToString(b.Data))},
	)
	return body.Object(body.Member{Name: "type", Value: []byte(`"image"`)}, body.Member{Name: "source", Value: source})
}
