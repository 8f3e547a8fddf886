package prompt

import (
	"fmt"
	"slices"
	"strings"

	"hearth"
	"hearth/model"
)

// Build joins a plan and the messages of its epoch into a request. It is pure; the
// messages it is given decide what is sent, and earlier ones never look different
// because of later ones.
func Build(p *Plan, messages []hearth.Message) *model.Request {
	r := &model.Request{
		Model: p.Target.Model, System: p.System, Tools: p.Tools,
		MaxTokens: p.Params.MaxTokens, Thinking: p.Params.Thinking, Capabilities: p.Capabilities,
		ChatTemplateKwargs: p.Params.ChatTemplateKwargs, Options: p.Params.Options, ExtraBody: p.Params.ExtraBody,
	}
	if len(messages) > 0 {
		r.Conversation = string(messages[0].ID)
	}
	r.Messages = make([]hearth.Message, 0, len(messages)+2)
	if p.Summary != "" {
		r.Messages = append(r.Messages, summaryMessages(p)...)
	}
	for i := range messages {
		if m, ok := visible(p, &messages[i]); ok {
			r.Messages = append(r.Messages, m)
		}
	}
	return r
}

// visible gives the message as this plan's model may see it: marks are the gateway's
// own, and opaque data and reasoning go back only to the model that produced them.
func visible(p *Plan, m *hearth.Message) (hearth.Message, bool) {
	if m.Role == hearth.RoleMark {
		return hearth.Message{}, false
	}
	if len(p.Shortened) > 0 && slices.Contains(p.Shortened, m.ID) {
		short := shortened(m)
		m = &short
	}
	if len(p.Pictureless) > 0 && slices.Contains(p.Pictureless, m.ID) {
		blind := pictureless(m)
		m = &blind
	}
	if m.Role == hearth.RoleTool && len(p.Trimmed) > 0 {
		return trimmed(p, m), len(m.Parts) > 0
	}
	if m.Role != hearth.RoleAssistant || m.Model == p.Target || !hasPrivate(m) {
		return *m, len(m.Parts) > 0
	}
	out := *m
	out.Parts = make([]hearth.Part, 0, len(m.Parts))
	for _, part := range m.Parts {
		if part.Opaque == nil && part.Thinking == "" {
			out.Parts = append(out.Parts, part)
		}
	}
	return out, len(out.Parts) > 0
}

// hasPrivate reports whether a message holds parts meant for its own model only.
func hasPrivate(m *hearth.Message) bool {
	for i := range m.Parts {
		if m.Parts[i].Opaque != nil || m.Parts[i].Thinking != "" {
			return true
		}
	}
	return false
}

// summaryMessages stand for what came before the epoch. They are a pair, so that roles
// alternate whatever comes next.
func summaryMessages(p *Plan) []hearth.Message {
	id := hearth.MessageID("summary-" + hashText(p.Summary))
	return []hearth.Message{
		{ID: id, Role: hearth.RoleUser, Parts: []hearth.Part{{
			Text:       "[Hearth shortened this conversation. What came before, in summary:]\n" + p.Summary,
			Provenance: hearth.FromGateway,
		}}},
		{ID: id + "-ack", Role: hearth.RoleAssistant, Parts: []hearth.Part{{
			Text: "Understood. I go on from there.", Provenance: hearth.FromGateway,
		}}},
	}
}

// trimmed gives a tool message with the results that the epoch shortened as a sentence.
func trimmed(p *Plan, m *hearth.Message) hearth.Message {
	out := *m
	out.Parts = slices.Clone(m.Parts)
	for i := range out.Parts {
		r := out.Parts[i].Result
		if r == nil || !slices.Contains(p.Trimmed, r.CallID) {
			continue
		}
		short := *r
		short.Text, short.Blobs = outputLeftOut(r), nil
		out.Parts[i].Result = &short
	}
	return out
}

// outputLeftOut stands for an old result. A call that had an effect must not be invited to have
// it twice.
func outputLeftOut(r *hearth.ToolResult) string {
	if r.Rest != "" {
		return fmt.Sprintf("[%d bytes of older output were left out here; %s.]", len(r.Text), r.Rest)
	}
	return fmt.Sprintf("[%d bytes of older output were left out here. If they are needed, call %s again, but only where that changes nothing.]", len(r.Text), r.Name)
}

// shortened gives a message without its middle.
func shortened(m *hearth.Message) hearth.Message {
	const most, head, tail = 2_000, 1_000, 500
	out := *m
	out.Parts = slices.Clone(m.Parts)
	for i := range out.Parts {
		part := &out.Parts[i]
		if len(part.Text) <= most || part.Provenance == hearth.FromGateway {
			continue
		}
		begin, end := part.Text[:head], part.Text[len(part.Text)-tail:]
		part.Text = fmt.Sprintf("%s\n[%d bytes of this message were left out here: it was too long for the context window.]\n%s",
			strings.ToValidUTF8(begin, ""), len(part.Text)-head-tail, strings.ToValidUTF8(end, ""))
	}
	return out
}

// pictureless gives a message with a sentence for each of its pictures.
func pictureless(m *hearth.Message) hearth.Message {
	out := *m
	out.Parts = slices.Clone(m.Parts)
	for i := range out.Parts {
		if b := out.Parts[i].Blob; b != nil {
			out.Parts[i] = hearth.Part{Provenance: hearth.FromGateway,
				Text: fmt.Sprintf("[Left out, because it did not fit the context window: %s]", nameOf(b))}
		}
	}
	return out
}
