package modeltest

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"hearth"
)

// A Reply is what a model says, whatever the protocol. Its zero fields are left out.
type Reply struct {
	Thinking string
	Text     string
	Calls    []hearth.ToolCall
	Stop     hearth.StopReason // "" = stop, or tool_calls where there are calls
	Usage    *hearth.Usage     // nil = as counted
	Model    string            // the model that the server says it is; "" = as asked
	Pieces   int               // bytes per delta; 0 = a word
	Pace     time.Duration     // from one delta to the next; 0 = at once

	// Before holds back the headers, After what follows the first piece of text or
	// thinking, until the channel is closed.
	Before, After <-chan struct{}
}

// Say answers with r, as a healthy server does.
func Say(r Reply) Behaviour {
	return func(x *Exchange) {
		if !x.Wait(r.Before) {
			return
		}
		pieces, rest := r.frames(x)
		for i, f := range append(pieces, rest...) {
			x.Frames(f)
			if r.Pace > 0 && !x.pause(r.Pace) {
				return
			}
			if r.After != nil && i == r.first(x.Protocol) && !x.Wait(r.After) {
				return
			}
		}
		x.Finished()
	}
}

// Instant answers with r from bytes that are made once for each protocol: for
// benchmarks, where the server's own work should not count. The model is not echoed.
func Instant(r Reply) Behaviour {
	ready := map[string][]byte{}
	if r.Usage == nil {
		r.Usage = &hearth.Usage{Input: 1000, Output: 100, Total: 1100}
	}
	for _, protocol := range Protocols {
		x := &Exchange{Request: Request{Protocol: protocol, Body: []byte(`{"stream_options":{"include_usage":true}}`)}, model: "test-model"}
		for _, f := range r.all(x) {
			ready[protocol] = append(ready[protocol], f.bytes(protocol)...)
		}
	}
	return func(x *Exchange) {
		x.Raw(ready[x.Protocol])
		x.Finished()
	}
}

// reply gives what a healthy server would send for r.
func (x *Exchange) reply(r Reply) []Frame { return r.all(x) }

func (r Reply) all(x *Exchange) []Frame {
	pieces, rest := r.frames(x)
	return append(pieces, rest...)
}

// frames encodes r: everything up to the last piece of text, and what comes after.
func (r Reply) frames(x *Exchange) (pieces, rest []Frame) {
	if r.Model == "" {
		r.Model = x.model
	}
	if r.Usage == nil {
		u := x.Usage
		u.Output = Tokens(r.Thinking + r.Text)
		for _, c := range r.Calls {
			u.Output += Tokens(c.Name + c.Arguments)
		}
		u.Total = u.Input + u.Output
		r.Usage = &u
	}
	if r.Stop == "" {
		r.Stop = hearth.StopEnd
		if len(r.Calls) > 0 {
			r.Stop = hearth.StopToolCalls
		}
	}
	switch x.Protocol {
	case Responses:
		return r.responses()
	case Messages:
		return r.messages()
	case Ollama:
		return r.ollama()
	}
	return r.completions(x.wantsUsage())
}

// first is the index of the first frame that holds thinking or text.
func (r Reply) first(protocol string) int {
	switch protocol {
	case Responses:
		return 4
	case Messages:
		return 2
	case Ollama:
		return 0
	}
	return 1
}

// cut parts text into pieces; joined they are the text. No character is cut.
func (r Reply) cut(text string) []string {
	if r.Pieces == 0 {
		words := strings.SplitAfter(text, " ")
		return slices.DeleteFunc(words, func(w string) bool { return w == "" })
	}
	var pieces []string
	for len(text) > 0 {
		n := min(r.Pieces, len(text))
		for n < len(text) && !utf8.RuneStart(text[n]) {
			n++
		}
		pieces, text = append(pieces, text[:n]), text[n:]
	}
	return pieces
}

// js gives v as JSON, without HTML escapes.
func js(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // every value here encodes
	}
	return strings.TrimSuffix(b.String(), "\n")
}
