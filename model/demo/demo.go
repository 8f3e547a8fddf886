// Package demo is the model for people who have none yet: a Provider inside the binary
// that greets, thinks aloud when asked to, and turns "read X", "write X …" and "run X"
// into real tool calls through the real guard. It is no language model and says so;
// every answer begins with [demo].
package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"hearth"
	"hearth/model"
)

// Mark begins every answer, so that nobody takes it for a language model's.
const Mark = "[demo] "

// Config says what the demo knows of its surroundings. The zero value knows nothing.
type Config struct {
	// Next is what the person has to do to get a model, in whole sentences; "" says what to
	// install.
	Next string
}

// Provider answers without a server. The zero Provider works.
type Provider struct{ next string }

// New gives a Provider.
func New(c Config) *Provider { return &Provider{c.Next} }

var _ model.Provider = (*Provider)(nil)

// Stream answers the newest message, word by word.
func (p *Provider) Stream(ctx context.Context, req *model.Request) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		sent, err := encode(req)
		if err != nil {
			yield(model.Delta{}, &hearth.Error{Op: "demo", Reason: hearth.ReasonInternal, Err: err})
			return
		}
		if !yield(model.Delta{Sent: sent}, nil) || !yield(model.Delta{Wait: &hearth.Wait{Phase: hearth.PhaseWriting, Model: "demo"}}, nil) {
			return
		}
		r := p.answer(req)
		for _, d := range r.deltas(req) {
			if ctx.Err() != nil {
				yield(model.Delta{}, &hearth.Error{Op: "demo", Reason: hearth.ReasonCancelled, Err: context.Cause(ctx)})
				return
			}
			if !yield(d, nil) {
				return
			}
		}
	}
}

// encode is the demo's wire form: each message as JSON, so that prefixes can be compared
// as they are for a real server.
func encode(req *model.Request) (*model.Sent, error) {
	head, err := json.Marshal(struct {
		System string            `json:"system"`
		Tools  []hearth.ToolSpec `json:"tools"`
	}{req.System, req.Tools})
	if err != nil {
		return nil, err
	}
	s := &model.Sent{Head: head, Body: append([]byte(nil), head...)}
	for i := range req.Messages {
		item, err := json.Marshal(&req.Messages[i])
		if err != nil {
			return nil, err
		}
		s.Items, s.Body = append(s.Items, item), append(s.Body, item...)
	}
	return s, nil
}

// reply is what the demo decided to say.
type reply struct {
	thinking string
	text     string
	call     *hearth.ToolCall
}

// deltas cuts a reply into what a stream would bring.
func (r reply) deltas(req *model.Request) []model.Delta {
	var out []model.Delta
	for _, w := range strings.SplitAfter(r.thinking, " ") {
		if w != "" {
			out = append(out, model.Delta{Thinking: w})
		}
	}
	for _, w := range strings.SplitAfter(r.text, " ") {
		if w != "" {
			out = append(out, model.Delta{Text: w})
		}
	}
	stop := hearth.StopEnd
	if r.call != nil {
		out, stop = append(out, model.Delta{Call: r.call}), hearth.StopToolCalls
	}
	in := len(req.System) / 4
	for i := range req.Messages {
		for _, p := range req.Messages[i].Parts {
			in += len(p.Text) / 4
		}
	}
	u := hearth.Usage{Input: in, Output: len(out), Total: in + len(out)}
	return append(out, model.Delta{Usage: &u}, model.Delta{Stop: stop})
}

// answer decides on the newest message: a tool's result is quoted, a person's words are
// read for the few things the demo can do.
func (p *Provider) answer(req *model.Request) reply {
	if len(req.Messages) == 0 {
		return reply{text: Mark + "There is nothing to answer."}
	}
	last := &req.Messages[len(req.Messages)-1]
	if results := results(last); len(results) > 0 {
		return reply{text: Mark + quote(results)}
	}
	return p.hear(words(last), req)
}

func results(m *hearth.Message) []*hearth.ToolResult {
	var out []*hearth.ToolResult
	for i := range m.Parts {
		if r := m.Parts[i].Result; r != nil {
			out = append(out, r)
		}
	}
	return out
}

// words are what a person said: notes of the gateway are left out.
func words(m *hearth.Message) string {
	var said []string
	for _, p := range m.Parts {
		if p.Provenance != hearth.FromGateway && p.Text != "" {
			said = append(said, p.Text)
		}
	}
	return strings.TrimSpace(strings.Join(said, "\n"))
}

func quote(results []*hearth.ToolResult) string {
	var b strings.Builder
	for i, r := range results {
		if i > 0 {
			b.WriteString("\n\n")
		}
		verb := "gave"
		if r.Failed {
			verb = "failed"
		}
		fmt.Fprintf(&b, "%s %s:\n%s", r.Name, verb, r.Text)
	}
	return b.String()
}

// introduction says what this is, and how to get a model.
func (p *Provider) introduction() string {
	next := p.next
	if next == "" {
		next = "Install LM Studio (lmstudio.ai) or Ollama (ollama.com), load a model there, and run hearth up again: it is found by itself."
	}
	return "I am no language model, only a stand-in until you have one. " + next +
		" Until then you can try: read FILE, write FILE TEXT, run COMMAND, or ask me to think."
}

// hear reads a person's words.
func (p *Provider) hear(said string, req *model.Request) reply {
	word, rest, _ := strings.Cut(said, " ")
	rest = strings.TrimSpace(rest)
	switch strings.ToLower(strings.Trim(word, ",.!?")) {
	case "hi", "hello", "hey", "hallo", "moin", "servus", "ciao", "hola", "bonjour":
		return reply{text: Mark + "Hello! " + p.introduction()}
	case "read":
		if rest != "" {
			return tool(req, "read", arguments{Path: rest})
		}
	case "write":
		if path, content, ok := strings.Cut(rest, " "); ok {
			return tool(req, "write", arguments{Path: path, Content: content})
		}
	case "run":
		if rest != "" {
			return tool(req, "exec", arguments{Command: rest})
		}
	}
	if strings.Contains(strings.ToLower(said), "think") {
		return reply{thinking: "The person asks me to think. I cannot, but this is where a model's reasoning would be shown. ", text: Mark + "I have thought about it: " + p.introduction()}
	}
	return reply{text: Mark + p.introduction()}
}

// arguments are those of the tools the demo knows, in the tools' own names.
type arguments struct {
	Path    string `json:"path,omitempty"`
	Content string `json:"content,omitempty"`
	Command string `json:"command,omitempty"`
}

// tool calls a tool if it is offered.
func tool(req *model.Request, name string, args arguments) reply {
	offered := false
	for _, t := range req.Tools {
		offered = offered || t.Name == name
	}
	if !offered {
		return reply{text: Mark + "The tool " + name + " is not available in this conversation."}
	}
	b, err := json.Marshal(args)
	if err != nil { // strings always encode
		return reply{text: Mark + err.Error()}
	}
	id := hearth.CallID(fmt.Sprintf("demo-%d", len(req.Messages)))
	return reply{call: &hearth.ToolCall{ID: id, Name: name, Arguments: string(b)}}
}
