package probe

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"hearth"
	"hearth/internal/escape"
	"hearth/model"
)

// A Subject is a model to be probed.
type Subject struct {
	Provider model.Provider
	Protocol string
	// Base is a request as a conversation would send it, without messages and tools: the
	// probes keep its options, so that no server reloads the model because of them.
	Base model.Request
	// Progress is told what is tried next; it may be nil.
	Progress func(check string)
	// GiveWay is called before every request, for others to come in between; others says
	// that they did. An error of it ends the probe. It may be nil.
	GiveWay func(context.Context) (others bool, err error)
}

// A Finding is one row of what a probe prints.
type Finding struct {
	Field    string // JSON name in model.Layer
	Value    string
	Evidence string
}

// Result is what a probe found out.
type Result struct {
	Layer    model.Layer
	Findings []Finding
	Requests int // that were sent
}

// mostRequests bounds a probe.
const mostRequests = 14

// Probe asks a model what its server does not say, in at most fourteen small requests:
// tools, forced calls, the shapes of messages it takes, reasoning and its switch,
// images, what is counted. It asks one thing at a time and stops at the first error
// that says nothing about the request (nobody answers, too busy, cancelled): then the
// findings so far come with the error, which is the provider's. The caller claims the
// slot, in the housekeeping lane.
func Probe(ctx context.Context, s Subject) (Result, error) {
	p := &prober{Subject: s, most: mostRequests, out: Result{Layer: model.Layer{Evidence: make(map[string]string)}}}
	for _, c := range checks {
		if c.only != "" && c.only != s.Protocol || c.after != nil && !c.after(p) {
			continue
		}
		if s.Progress != nil {
			s.Progress(c.name)
		}
		if err := c.run(ctx, p); err != nil {
			return p.out, err
		}
	}
	return p.out, nil
}

// check is one thing to find out.
type check struct {
	name  string
	only  string             // the protocol in which it means something; "" = all
	after func(*prober) bool // whether what was found so far makes it worth asking
	run   func(context.Context, *prober) error
}

const completions = "openai-completions"

var checks = []check{
	{name: "a plain question", run: plain},
	{name: "what is counted", after: func(p *prober) bool { return p.usage.Input > 0 }, run: counted},
	{name: "tools", run: tools},
	{name: "forced calls", only: completions, after: func(p *prober) bool { return p.native }, run: forced},
	{name: "nested tool schemas", after: func(p *prober) bool { return p.native }, run: nested},
	{name: "content in parts", only: completions, run: parts},
	{name: "a second system message", only: completions, run: secondSystem},
	{name: "two messages of one role", only: completions, run: sameRole},
	{name: "the developer role", only: completions, run: developer},
	{name: "thinking switched off", after: func(p *prober) bool { return p.thinks }, run: switchOff},
	{name: "images", run: images},
}

// prober is a probe under way.
type prober struct {
	Subject
	out    Result
	most   int          // requests
	usage  hearth.Usage // of the plain question
	native bool         // tools work
	thinks bool
}

// heard is what came of one request.
type heard struct {
	text, thinking string
	call           *hearth.ToolCall
	opaque         []hearth.Part
	usage          hearth.Usage
	timing         model.Timing
	refused        error // a no that is about the request
	others         bool  // somebody else used the model just before it
}

// ask sends one request. The error says nothing about the request.
func (p *prober) ask(ctx context.Context, change func(*model.Request)) (h heard, err error) {
	if p.out.Requests >= p.most {
		return h, &hearth.Error{Op: "probe", Reason: hearth.ReasonInternal, Err: errTooMany}
	}
	if p.GiveWay != nil {
		if h.others, err = p.GiveWay(ctx); err != nil {
			return h, err
		}
	}
	p.out.Requests++
	req := p.Base
	req.Messages, req.System, req.MaxTokens = nil, "", p.room()
	change(&req)
	for d, err := range p.Provider.Stream(ctx, &req) {
		if err != nil {
			if p.out.Requests > 1 && aboutTheRequest(err) {
				h.refused = err
				return h, nil
			}
			return h, err
		}
		h.text += d.Text
		h.thinking += d.Thinking
		if len(h.text)+len(h.thinking) > mostWritten(req.MaxTokens) {
			break // which closes the request
		}
		if d.Call != nil {
			h.call = d.Call
		}
		if d.Opaque != nil {
			h.opaque = append(h.opaque, hearth.Part{Opaque: d.Opaque})
		}
		if d.Usage != nil {
			h.usage = *d.Usage
		}
		if d.Timing != nil {
			h.timing = *d.Timing
		}
	}
	h.separate()
	return h, nil
}

// mostWritten is how much of an answer is read that was to have at most so many tokens: not
// every server heeds the limit, and a small model may go on for ever.
func mostWritten(tokens int) int {
	const longToken, some = 16, 1_024
	return some + longToken*tokens
}

// separate takes reasoning out of the text where the server leaves it there. Where the
// template opens it, only the end is seen.
func (h *heard) separate() {
	inside, opened := strings.CutPrefix(strings.TrimSpace(h.text), "<think>")
	thought, answer, closed := strings.Cut(inside, "</think>")
	if !opened && !closed {
		return
	}
	h.thinking, h.text = h.thinking+thought, strings.TrimSpace(answer)
}

// room is how much a model may write: one that thinks must get to its answer.
func (p *prober) room() int {
	if p.thinks {
		return 512
	}
	return 64
}

// aboutTheRequest reports whether an error is a no to what was sent. A plain question
// was answered before, so also a server error or mlx_lm's 404 is one.
func aboutTheRequest(err error) bool {
	switch hearth.ReasonOf(err) {
	case hearth.ReasonBadRequest, hearth.ReasonToolsRefused, hearth.ReasonServer, hearth.ReasonModelNotFound:
		return true
	default:
		return false
	}
}

// found notes a value.
func (p *prober) found(field string, value any, evidence string) {
	p.out.Findings = append(p.out.Findings, Finding{field, fmt.Sprint(value), evidence})
	p.out.Layer.Evidence[field] = evidence
}

// words shortens what a server or model said to a piece of evidence.
func words(prefix, s string) string {
	s = escape.Plain(s)
	if r := []rune(s); len(r) > 120 {
		s = string(r[:120]) + "…"
	}
	return prefix + s
}

// refusal is the evidence of a no.
func refusal(err error) string {
	if e, ok := errors.AsType[*hearth.Error](err); ok && e.Err != nil {
		return words("refused: ", e.Err.Error())
	}
	return words("refused: ", err.Error())
}

func user(text string) hearth.Message {
	return hearth.Message{Role: hearth.RoleUser, Parts: []hearth.Part{{Text: text}}}
}
