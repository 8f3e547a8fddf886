package anthropic

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hearth"
	"hearth/model"
	"hearth/model/internal/answer"
	"hearth/model/internal/body"
)

// decoder turns the events of one answer into deltas. It does no I/O.
type decoder struct {
	req     *model.Request
	ids     *answer.CallIDs
	open    map[int]*block // by index
	said    int            // bytes of text so far
	calls   int
	named   bool // the server's model was told
	usage   usage
	wrote   bool   // the model wrote something
	reason  string // stop_reason, once it came
	skipped int
}

// windowExceeded is the stop_reason of an answer that the context window ended. Before its
// first token it is a refusal of the request.
const windowExceeded = "model_context_window_exceeded"

// block is a content block that is being written.
type block struct {
	contentBlock
	arguments strings.Builder
	thinking  strings.Builder
	signature strings.Builder
}

func newDecoder(req *model.Request, newID func() hearth.CallID) *decoder {
	return &decoder{req: req, ids: answer.NewCallIDs(req, newID), open: map[int]*block{}}
}

// event decodes the data of one event. failed holds it when it is the server's error.
// done says that the answer is complete; its last delta then has Stop.
func (d *decoder) event(data []byte) (deltas []model.Delta, done bool, failed []byte) {
	if len(data) == 0 || string(data) == "[DONE]" {
		return nil, false, nil
	}
	var e event
	if model.ReadJSON(data, &e) != nil {
		d.skipped++
		return nil, false, nil
	}
	if e.Type == "error" || len(e.Error) > 0 && string(e.Error) != "null" {
		return nil, false, bytes.Clone(data)
	}
	switch e.Type {
	case "message_start":
		var m message
		if model.ReadJSON(e.Message, &m) == nil { // nothing that the answer needs is in it
			m.Usage.Output = 0 // the vendor writes 1 before there is a token
			d.count(m.Usage)
			deltas = d.answered(m.Model)
		}
	case "content_block_start":
		deltas = d.begin(e.Index, e.ContentBlock)
		if e.ContentBlock.Type == "tool_use" { // which is passed on when it is whole
			deltas = append(deltas, model.Delta{Wait: &hearth.Wait{Phase: hearth.PhaseWriting}})
		}
	case "content_block_delta":
		deltas = d.write(e.Index, e.Delta)
	case "content_block_stop":
		deltas = d.close(e.Index)
	case "message_delta":
		d.count(e.Usage)
		if e.Delta.StopReason != "" {
			d.reason = e.Delta.StopReason
		}
		if d.reason == windowExceeded && !d.wrote {
			return nil, false, []byte(`{"error":"stop_reason ` + windowExceeded + `"}`)
		}
	case "message_stop":
		return d.end(), true, nil
	}
	return deltas, false, nil // ping, and kinds that are not invented yet
}

// whole decodes an answer that came as one document.
func (d *decoder) whole(data []byte) ([]model.Delta, error) {
	var m message
	if err := model.ReadJSON(data, &m); err != nil {
		return nil, err
	}
	if m.StopReason == "" {
		return nil, fmt.Errorf("no stop_reason in %.200q", data)
	}
	deltas := d.answered(m.Model)
	for i, b := range m.Content {
		deltas = append(deltas, d.begin(i, b)...)
		deltas = append(deltas, d.close(i)...)
	}
	d.count(m.Usage)
	d.reason = m.StopReason
	return append(deltas, d.end()...), nil
}

func (d *decoder) answered(name string) []model.Delta {
	if name == "" || d.named {
		return nil
	}
	d.named = true
	return []model.Delta{{Answered: name}}
}

// begin opens a block. Some servers send all of it at once.
func (d *decoder) begin(index int, b contentBlock) []model.Delta {
	d.open[index] = &block{contentBlock: b}
	return d.write(index, delta{Text: b.Text, Thinking: b.Thinking, Signature: b.Signature})
}

func (d *decoder) write(index int, w delta) (deltas []model.Delta) {
	b := d.open[index]
	if b == nil { // a server that forgets to begin it
		b = &block{}
		d.open[index] = b
	}
	if w.Thinking != "" {
		b.thinking.WriteString(w.Thinking)
		deltas = append(deltas, model.Delta{Thinking: w.Thinking})
	}
	if w.Text != "" {
		d.said += len(w.Text)
		deltas = append(deltas, model.Delta{Text: w.Text})
	}
	d.wrote = d.wrote || b.Type == "tool_use" || len(deltas) > 0
	b.signature.WriteString(w.Signature)
	b.arguments.WriteString(w.PartialJSON)
	return deltas
}

// close gives what is only known when a block is whole.
func (d *decoder) close(index int) []model.Delta {
	b := d.open[index]
	delete(d.open, index)
	switch {
	case b == nil:
	case b.Type == "tool_use":
		d.calls++
		arguments := b.arguments.String()
		if arguments == "" {
			arguments = string(b.Input)
		}
		return []model.Delta{{Call: &hearth.ToolCall{ID: d.ids.Of(b.ID), Name: body.ToolNamed(b.Name, d.req.Tools), Arguments: arguments}}}
	case b.Type == "redacted_thinking", b.signature.Len() > 0:
		th := thought{
			Type: "thinking", Thinking: b.thinking.String(), Signature: b.signature.String(),
			AfterText: d.said, AfterCalls: d.calls,
		}
		if b.Type == "redacted_thinking" {
			th.Type, th.Data = b.Type, b.Data
		}
		return []model.Delta{{Opaque: th.keep()}}
	}
	return nil
}

// count takes the newer of two counts. Ollama guesses in message_start and knows in
// message_delta; the vendor counts input first and output last.
func (d *decoder) count(u usage) {
	if u.Input > 0 {
		d.usage.Input = u.Input
	}
	if u.Output > 0 {
		d.usage.Output = u.Output
	}
	if u.CacheRead != nil {
		d.usage.CacheRead = u.CacheRead
	}
	if u.CacheWrite != nil {
		d.usage.CacheWrite = u.CacheWrite
	}
}

// complete reports whether the model's last word came, though perhaps not the event
// behind it.
func (d *decoder) complete() bool { return d.reason != "" }

// end gives what comes last.
func (d *decoder) end() (deltas []model.Delta) {
	for _, index := range slices.Sorted(maps.Keys(d.open)) { // blocks that nobody closed
		deltas = append(deltas, d.close(index)...)
	}
	if u := d.total(); u != (hearth.Usage{}) {
		deltas = append(deltas, model.Delta{Usage: &u})
	}
	if d.skipped > 0 {
		deltas = append(deltas, model.Delta{Notice: &hearth.Notice{Kind: "malformed", Text: fmt.Sprintf(
			"%d event(s) of %s's answer could not be read and were left out; the answer may have gaps.", d.skipped, d.req.Model)}})
	}
	return append(deltas, model.Delta{Stop: d.stop(), WindowFull: d.reason == windowExceeded})
}

// total is the usage as we count it: input with all that was cached.
func (d *decoder) total() hearth.Usage {
	u := hearth.Usage{Input: int(d.usage.Input), Output: int(d.usage.Output)}
	if d.usage.CacheRead != nil {
		u.CacheRead, u.CacheCounted = int(*d.usage.CacheRead), true
	}
	if d.usage.CacheWrite != nil {
		u.CacheWrite = int(*d.usage.CacheWrite)
	}
	u.Input += u.CacheRead + u.CacheWrite
	u.Total = u.Input + u.Output
	u.CacheCounted = u.CacheCounted && u.Input > 0
	return u
}

func (d *decoder) stop() hearth.StopReason {
	switch d.reason {
	case "max_tokens", windowExceeded:
		return hearth.StopLength
	case "refusal":
		return hearth.StopFiltered
	}
	if d.calls > 0 {
		return hearth.StopToolCalls
	}
	return hearth.StopEnd
}
