package ollama

import (
	"encoding/json"
	"fmt"
	"time"

	"hearth"
	"hearth/model"
	"hearth/model/internal/body"
)

// decoder turns the lines of one answer into deltas. It does no I/O.
type decoder struct {
	req     *model.Request
	newID   func() hearth.CallID
	named   bool // the server's model was told
	spoke   bool // something of the model was passed on
	calls   int
	skipped int
}

// line decodes one line. failed holds the line when it is the server's error. done says
// that the answer is complete; its last delta then has Stop.
func (d *decoder) line(line []byte) (deltas []model.Delta, done bool, failed []byte) {
	var c chunk
	if model.ReadJSON(line, &c) != nil {
		d.skipped++ // seen in the wild; what follows is usually fine
		return nil, false, nil
	}
	if raw(c.Error) {
		return nil, false, line
	}
	if c.Model != "" && !d.named {
		d.named = true
		deltas = append(deltas, model.Delta{Answered: c.Model})
	}
	if c.Message.Thinking != "" {
		deltas = append(deltas, model.Delta{Thinking: c.Message.Thinking})
	}
	if c.Message.Content != "" {
		deltas = append(deltas, model.Delta{Text: c.Message.Content})
	}
	for i := range c.Message.ToolCalls {
		d.calls++
		deltas = append(deltas, model.Delta{Call: d.call(&c.Message.ToolCalls[i])})
	}
	d.spoke = d.spoke || c.Message.Thinking != "" || c.Message.Content != "" || len(c.Message.ToolCalls) > 0
	if c.Done {
		deltas = append(deltas, d.end(&c)...)
	}
	return deltas, c.Done, nil
}

// call gives a tool call. The protocol ties calls to results by order, so the id is ours.
func (d *decoder) call(c *toolCall) *hearth.ToolCall {
	arguments := string(c.Function.Arguments)
	var quoted string
	if json.Unmarshal(c.Function.Arguments, &quoted) == nil && raw(c.Function.Arguments) {
		arguments = quoted // some builds send the object as a string
	}
	return &hearth.ToolCall{ID: d.newID(), Name: body.ToolNamed(c.Function.Name, d.req.Tools), Arguments: arguments}
}

// end gives what the last line tells beside text.
func (d *decoder) end(c *chunk) []model.Delta {
	ms := func(ns float64) float64 { return ns / float64(time.Millisecond) }
	perSecond := func(n int, ns float64) float64 {
		if ns <= 0 {
			return 0
		}
		return float64(n) / (ns / float64(time.Second))
	}
	read, wrote := int(c.PromptEvalCount), int(c.EvalCount)
	var deltas []model.Delta
	if read+wrote > 0 {
		deltas = append(deltas, model.Delta{Usage: &hearth.Usage{
			Input: read, Output: wrote, Total: read + wrote, CacheCounted: d.req.Capabilities.CachedCounted && read > 0,
		}})
	}
	timing := model.Timing{
		PromptTokens: read, OutputTokens: wrote,
		PromptMS: ms(c.PromptEvalDuration), OutputMS: ms(c.EvalDuration), LoadMS: ms(c.LoadDuration),
		PromptPerSec: perSecond(read, c.PromptEvalDuration), OutputsPerSec: perSecond(wrote, c.EvalDuration),
	}
	if timing != (model.Timing{}) {
		deltas = append(deltas, model.Delta{Timing: &timing})
	}
	for _, n := range d.notices(c) {
		deltas = append(deltas, model.Delta{Notice: &n})
	}
	return append(deltas, model.Delta{Stop: d.stop(c.DoneReason)})
}

// stop maps done_reason, which stays "stop" when tools were called.
func (d *decoder) stop(reason string) hearth.StopReason {
	switch {
	case reason == "length":
		return hearth.StopLength
	case d.calls > 0:
		return hearth.StopToolCalls
	}
	return hearth.StopEnd
}

// notices tells of what did not arrive. A call with a name that no tool has, or with
// broken arguments, leaves nothing of itself but the count of its tokens (Ollama 0.17).
func (d *decoder) notices(c *chunk) (all []hearth.Notice) {
	if d.skipped > 0 {
		all = append(all, hearth.Notice{Kind: "malformed", Text: fmt.Sprintf(
			"%d line(s) of %s's answer could not be read and were left out; the answer may have gaps.", d.skipped, d.req.Model)})
	}
	if !d.spoke && c.EvalCount >= swallowed {
		all = append(all, hearth.Notice{Kind: "swallowed", Text: fmt.Sprintf(
			"%s wrote %d tokens and Ollama passed on none of them: most likely a tool call with an unknown name or broken arguments.", d.req.Model, c.EvalCount)})
	}
	return all
}

// swallowed is how many tokens count as something; an empty answer is one or two.
const swallowed = 5
