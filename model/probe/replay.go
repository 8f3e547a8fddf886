package probe

import (
	"context"
	"errors"
	"fmt"

	"hearth"
	"hearth/model"
)

// Replay finds out whether a model that thinks should get its reasoning back: a server
// has the tokens of it in its cache, and a history without them begins to differ there,
// unless its chat template drops them anyway or cannot do without. Reports disagree by
// model, build and template (llama.cpp issues 22615 and 28987 measured opposite things),
// so it is measured: two conversations of three turns, one with the reasoning and one
// without, and in each how many of the tokens that the server had just written it reads
// again. These are six requests at most, apart from Probe's. What cannot be told is a
// finding that says "unknown", with the reason, and sets nothing. The error is one that
// says nothing about the requests. The caller claims the slot as for Probe.
func Replay(ctx context.Context, s Subject) (Result, error) {
	p := &prober{Subject: s, thinks: true, most: 2 * len(questions), out: Result{Layer: model.Layer{Evidence: make(map[string]string)}}}
	if s.Progress != nil {
		s.Progress("what it reads again without its reasoning, and with it")
	}
	without, err := p.converse(ctx, false)
	if err != nil {
		return p.out, err
	}
	with := reuse{why: without.why}
	if without.why == "" {
		if with, err = p.converse(ctx, true); err != nil {
			return p.out, err
		}
	}
	const field = "replayThinking"
	measured := fmt.Sprintf("of the %d tokens of its answers it read %d again without its reasoning; with it, %d of %d", without.had, without.again, with.again, with.had)
	set := func(v bool, evidence string) {
		p.out.Layer.ReplayThinking = &v
		p.found(field, v, evidence)
	}
	switch {
	case with.refused != nil:
		set(false, refusal(with.refused))
	case with.why != "":
		p.found(field, "unknown", with.why)
	case !with.told && !without.told:
		p.found(field, "unknown", "the server does not say how much of a prompt it had in its cache")
	case without.kept():
		set(false, measured)
	case with.kept():
		set(true, measured)
	case without.lost() && with.lost():
		set(false, measured+": it makes no difference")
	default:
		p.found(field, "unknown", measured)
	}
	return p.out, nil
}

// questions are the person's side of the test: ones that take a thought and a few words.
var questions = []string{
	"I have three apples and buy two more. How many apples do I have? Answer in one short sentence.",
	"Then I eat one of them. How many are left? Answer in one short sentence.",
	"And if I give away half of those? Answer in one short sentence.",
}

// reuse is what came of one conversation.
type reuse struct {
	had     int    // tokens of the answers, reasoning included
	again   int    // tokens that the server had and read again
	told    bool   // the server said at least once that it had some
	refused error  // it does not take reasoning back
	why     string // nothing can be told
}

// kept reports whether the cache served: a template's line ends may differ by a few
// tokens from what the model wrote, and the end of an answer is read again by many.
func (r reuse) kept() bool { return r.again <= r.had/4+8 }

// lost reports whether it did not.
func (r reuse) lost() bool { return r.again >= r.had/2 }

// converse has the conversation and measures its second and third request.
func (p *prober) converse(ctx context.Context, replay bool) (r reuse, err error) {
	var messages []hearth.Message
	before, name := 0, map[bool]string{false: "Anna", true: "Bert"}[replay] // so that neither finds the other's prompt
	for i, question := range questions {
		if i == 0 {
			question = "I am " + name + ". " + question
		}
		m := user(question)
		m.ID = hearth.MessageID(fmt.Sprintf("%s%d", name, i))
		messages = append(messages, m)
		h, err := p.ask(ctx, func(req *model.Request) {
			req.Messages = messages
			req.Capabilities.Reasoning, req.Capabilities.ReplayThinking, req.Capabilities.NeedsReasoning = true, replay, false
		})
		if err != nil {
			return r, err
		}
		input, cached := h.read()
		r.told = r.told || cached > 0
		switch {
		case h.refused != nil && replay && i > 0:
			r.refused = h.refused
			return r, nil
		case h.refused != nil:
			r.why = refusal(h.refused)
			return r, nil
		case i > 0 && h.others:
			r.why = "somebody else used the model between two of its questions"
			return r, nil
		case i > 0:
			r.again += max(0, before-cached)
		}
		if i == len(questions)-1 {
			break
		}
		switch {
		case h.thinking == "":
			r.why = words("it answered without thinking: ", h.text)
		case h.text == "":
			r.why = words("it thought longer than this test waits: ", h.thinking)
		case input == 0 || h.usage.Output == 0:
			r.why = "the server does not count tokens"
		default:
			before, r.had = input+h.usage.Output, r.had+h.usage.Output
			messages = append(messages, h.message(hearth.MessageID(fmt.Sprintf("%s%da", name, i))))
			continue
		}
		return r, nil
	}
	return r, nil
}

// read gives the tokens of a prompt and how many of them were in the cache.
func (h *heard) read() (input, cached int) {
	if t := h.timing; t.CachedTokens > 0 {
		return t.PromptTokens + t.CachedTokens, t.CachedTokens
	}
	return h.usage.Input, h.usage.CacheRead
}

// message is the answer as a conversation keeps it.
func (h *heard) message(id hearth.MessageID) hearth.Message {
	m := hearth.Message{ID: id, Role: hearth.RoleAssistant, Parts: []hearth.Part{{Thinking: h.thinking}}}
	m.Parts = append(m.Parts, h.opaque...)
	m.Parts = append(m.Parts, hearth.Part{Text: h.text})
	return m
}

// errTooMany is a mistake of ours.
var errTooMany = errors.New("too many requests")
