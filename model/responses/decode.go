package responses

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"hearth"
	"hearth/model"
	"hearth/model/internal/answer"
	"hearth/model/internal/body"
)

func newDecoder(req *model.Request, newID func() hearth.CallID) *decoder {
	return &decoder{req: req, ids: answer.NewCallIDs(req, newID)}
}

// decoder turns the frames of one answer into deltas.
type decoder struct {
	req       *model.Request
	ids       *answer.CallIDs
	answered  bool
	said      spoken
	reasoned  bool            // reasoning was passed on
	pieces    bool            // text came in pieces
	sent      map[string]bool // ids of items that were passed on whole
	done      map[string]int  // how many items of a kind came before the end
	begun     begun
	announced int // calls
	calls     int // that were passed on
}

// frame reads one event. done says that the answer is complete; failed holds the
// server's error frame where there is one. A frame that cannot be read is passed over:
// what matters is said again at the end.
func (d *decoder) frame(data []byte) (deltas []model.Delta, done bool, failed []byte) {
	var e event
	if model.ReadJSON(data, &e) != nil {
		return nil, false, nil
	}
	switch e.Type {
	case "response.created", "response.in_progress":
		return d.named(e.Response), false, nil
	case "response.output_text.delta", "response.refusal.delta":
		d.pieces = true
		return d.said.piece(e.OutputIndex, text(e.Delta)), false, nil
	case "response.output_text.done":
		if d.pieces {
			return nil, false, nil
		}
		return d.said.piece(e.OutputIndex, e.Text), false, nil
	case "response.reasoning_text.delta", "response.reasoning_summary_text.delta", "response.reasoning.delta":
		return d.reasoning(text(e.Delta)), false, nil
	case "response.output_item.added":
		return d.added(&e), false, nil
	case "response.function_call_arguments.delta":
		return writing(), false, nil
	case "response.function_call_arguments.done":
		d.begun.complete(&e)
	case "response.output_item.done":
		return d.finished(e.OutputIndex, e.Item), false, nil
	case "response.completed", "response.incomplete", "response.done":
		deltas, failed = d.end(e.Response)
		return deltas, failed == nil, failed
	case "response.failed":
		return nil, false, d.failure(e, data)
	case "error":
		return nil, false, data
	case "":
		if len(e.Error) > 0 || e.Message != "" {
			return nil, false, data
		}
	}
	return nil, false, nil
}

// added takes an item that begins.
func (d *decoder) added(e *event) []model.Delta {
	switch {
	case e.Item == nil:
	case e.Item.Type == "message":
		d.said.begin(e.OutputIndex, e.Item.Phase)
	case e.Item.Type == "function_call":
		d.begun.add(e.OutputIndex, e.Item)
		d.announced++
		return writing()
	}
	return nil
}

// writing says that the model writes a call, which is passed on when it is whole.
func writing() []model.Delta {
	return []model.Delta{{Wait: &hearth.Wait{Phase: hearth.PhaseWriting}}}
}

// named tells once which model the server says it is.
func (d *decoder) named(r *response) []model.Delta {
	if r == nil || r.Model == "" || d.answered {
		return nil
	}
	d.answered = true
	return []model.Delta{{Answered: r.Model}}
}

// reasoning passes on a part of it and remembers that it came.
func (d *decoder) reasoning(text string) []model.Delta {
	if text == "" {
		return nil
	}
	d.reasoned = true
	return []model.Delta{d.said.think("reasoning", text, false)}
}

// finished passes on an item that is whole before the response is, once.
func (d *decoder) finished(index *model.Count, i *item) []model.Delta {
	if i == nil {
		return nil
	}
	key := i.ID
	if key == "" {
		key = i.CallID + "\n" + i.Name + "\n" + string(i.Arguments)
	}
	if d.sent[key] && (i.ID != "" || i.CallID != "") {
		return nil
	}
	if d.done == nil {
		d.done, d.sent = make(map[string]int), make(map[string]bool)
	}
	d.sent[key] = true
	d.done[i.Type]++
	if i.Type == "message" {
		if joined(i.Content) != "" {
			d.said.whole++
		}
		return append(d.said.complete(d.said.whole, i), keep(i)...)
	}
	return d.item(index, i)
}

// item passes on a whole item that is no message: a call always, reasoning only where none
// came before.
func (d *decoder) item(index *model.Count, i *item) []model.Delta {
	switch i.Type {
	case "function_call":
		d.begun.settle(index, i)
		return []model.Delta{{Call: d.call(i)}}
	case "reasoning":
		var out []model.Delta
		if !d.reasoned {
			out = d.reasoning(joined(i.Content) + joined(i.Summary))
		}
		return append(out, model.Delta{Opaque: i.raw})
	}
	return nil
}

func joined(parts []content) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.Text + p.Refusal)
	}
	return b.String()
}

// call reads a call. Some servers name it by the item's id alone.
func (d *decoder) call(i *item) *hearth.ToolCall {
	d.calls++
	return &hearth.ToolCall{ID: d.ids.Of(cmp.Or(i.CallID, i.ID)), Name: body.ToolNamed(i.Name, d.req.Tools), Arguments: text(i.Arguments)}
}

// end reads the whole response at the end of the stream.
func (d *decoder) end(r *response) (deltas []model.Delta, failed []byte) {
	if r == nil {
		return append(d.left(), model.Delta{Stop: d.reason("")}), nil
	}
	if r.Status == "failed" || len(r.Error) > 0 && string(r.Error) != "null" {
		return nil, object("error", r.Error)
	}
	deltas = append(append(d.named(r), d.rest(r.Output)...), d.left()...)
	if u := r.Usage; u != nil {
		usage := d.counts(u)
		deltas = append(deltas, model.Delta{Usage: &usage})
	}
	why := ""
	if r.Incomplete != nil {
		why = r.Incomplete.Reason
	}
	if r.Status == "incomplete" && why == "" {
		why = "max_output_tokens"
	}
	return append(deltas, model.Delta{Stop: d.reason(why)}), nil
}

// rest passes on the items of the whole response that did not come before it. They are
// told apart by their place among those of their kind: vLLM makes new ids for the whole
// response, and a call that was known by its id alone would run twice
// (https://github.com/vllm-project/vllm/pull/47916).
func (d *decoder) rest(output []item) (deltas []model.Delta) {
	place, texts := make(map[string]int), 0
	for i := range output {
		it := &output[i]
		place[it.Type]++
		if it.Type == "message" { // also one that came before, but empty
			if joined(it.Content) != "" {
				texts++
			}
			deltas = append(deltas, d.said.complete(texts, it)...)
		}
		switch {
		case place[it.Type] <= d.done[it.Type]:
		case it.Type == "message":
			deltas = append(deltas, keep(it)...)
		default:
			deltas = append(deltas, d.item(nil, it)...)
		}
	}
	return deltas
}

// left passes on what came in no other way: calls that were announced and got their
// arguments, and commentary where there is no answer.
func (d *decoder) left() (deltas []model.Delta) {
	for _, a := range d.begun {
		if a.whole && d.calls < d.announced {
			deltas = append(deltas, model.Delta{Call: d.call(&a.item)})
		}
	}
	d.begun = nil
	if d.calls == 0 {
		deltas = append(deltas, d.said.last()...)
	}
	return deltas
}

func (d *decoder) reason(why string) hearth.StopReason {
	switch {
	case why == "content_filter":
		return hearth.StopFiltered
	case why != "":
		return hearth.StopLength
	case d.calls > 0:
		return hearth.StopToolCalls
	default:
		return hearth.StopEnd
	}
}

func (d *decoder) counts(u *usage) hearth.Usage {
	out := hearth.Usage{Input: int(u.Input), Output: int(u.Output), Total: int(u.Total), CacheCounted: d.req.Capabilities.CachedCounted}
	if out.Total == 0 {
		out.Total = out.Input + out.Output
	}
	if u.InputDetails != nil && u.InputDetails.Cached != nil {
		out.CacheRead, out.CacheCounted = int(*u.InputDetails.Cached), true
	}
	if u.OutputDetails != nil {
		out.Reasoning = int(u.OutputDetails.Reasoning)
	}
	return out
}

// failure is the error frame in a failed response.
func (d *decoder) failure(e event, data []byte) []byte {
	if e.Response != nil && len(e.Response.Error) > 0 && string(e.Response.Error) != "null" {
		return object("error", e.Response.Error)
	}
	return data
}

func object(name string, value json.RawMessage) []byte {
	if len(value) == 0 {
		value = json.RawMessage(`{"message":"the response failed without a reason"}`)
	}
	return fmt.Appendf(nil, "{%q:%s}", name, value)
}
