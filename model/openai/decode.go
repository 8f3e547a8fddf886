package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"hearth"
	"hearth/internal/sse"
	"hearth/model"
	"hearth/model/internal/answer"
)

// What the calls of one answer may hold, which is gathered until it ends.
const (
	maxCalls     = 1024
	maxCallBytes = 32 << 20
)

// decoder turns events into deltas. It does no I/O; clock says that a token came.
type decoder struct {
	req   *model.Request
	clock clock
	out   []model.Delta
	calls *calls

	done     bool              // [DONE], or a whole document was read
	stop     hearth.StopReason // what the finish reason means
	full     bool              // the window, as the server says
	begun    bool              // a token came
	streams  bool              // in deltas
	listed   bool              // calls came as a list
	answered bool              // the server's name for the model was told
	usage    hearth.Usage
	counted  bool // usage is the server's own count, not made from timings
	held     int  // bytes of calls
	loading  loading
	pattern  pattern
}

// clock is the exchange that a decoder reads from; model.Response is one.
type clock interface {
	Token() bool
	Finished()
	FrameError(frame []byte) *hearth.Error
	Ended(err error) *hearth.Error
	TooLong() *hearth.Error
}

func newDecoder(req *model.Request, c clock) *decoder {
	return &decoder{req: req, clock: c, calls: newCalls(req)}
}

func (d *decoder) put(delta model.Delta) { d.out = append(d.out, delta) }

// flush passes on what has been gathered.
func (d *decoder) flush(pass answer.Pass) bool {
	wanted := pass(d.out...)
	d.out = d.out[:0]
	return wanted
}

// event takes one event. Its error ends the stream.
func (d *decoder) event(e sse.Event) error {
	if e.Comment {
		d.comment(e.Data)
		return nil
	}
	data := bytes.TrimSpace(e.Data)
	switch {
	case len(data) == 0:
		return nil
	case string(data) == "[DONE]":
		d.done = true
		return nil
	case e.Name == "error":
		return d.clock.FrameError(data)
	}
	return d.chunk(data)
}

func (d *decoder) chunk(data []byte) error {
	if text, ok := d.pattern.text(data); ok {
		d.repeated(text)
		return nil
	}
	var c chunk
	if err := model.ReadJSON(data, &c); err != nil {
		return fmt.Errorf("an event is no JSON: %w", err)
	}
	if isError(&c) {
		return d.clock.FrameError(data)
	}
	if c.Model != "" && !d.answered {
		d.answered = true
		d.put(model.Delta{Answered: string(c.Model)})
	}
	if p := c.PromptProgress; p != nil && !d.begun {
		d.put(model.Delta{Wait: d.progress(p)})
	}
	for i := range c.Choices {
		if i > 0 {
			break // one answer was asked for
		}
		if err := d.choice(&c.Choices[i]); err != nil {
			return err
		}
	}
	d.count(&c)
	if d.begun && d.streams { // from here on such an event says nothing but its text
		d.pattern.learn(data, &c)
	}
	return nil
}

// repeated takes the text of an event that has the pattern of one before.
func (d *decoder) repeated(text string) {
	if d.pattern.thinking {
		d.token()
		d.put(model.Delta{Thinking: text})
		return
	}
	d.text(text)
}

// isError knows the shapes in which an error stands in a stream.
func isError(c *chunk) bool {
	if given(c.Error) || c.XGroq != nil && given(c.XGroq.Error) {
		return true
	}
	return len(c.Choices) == 0 && c.Usage == nil && (c.Object == "error" || given(c.Detail) || given(c.Message) && c.Object == "")
}

func given(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

// comment reads the progress that mlx_lm.server writes into its keep-alives.
func (d *decoder) comment(text []byte) {
	var read, total int
	if n, err := fmt.Sscanf(string(text), "keepalive %d/%d", &read, &total); err == nil && n == 2 && !d.begun && total > 0 {
		d.put(model.Delta{Wait: &hearth.Wait{Phase: hearth.PhaseReading, Model: d.req.Model, Done: read, Total: total}})
	}
}

func (d *decoder) progress(p *progress) *hearth.Wait {
	w := &hearth.Wait{Phase: hearth.PhaseReading, Model: d.req.Model, Done: int(p.Processed), Total: int(p.Total)}
	if read := p.Processed - p.Cache; read > 0 && p.Total > p.Processed {
		w.ETA = time.Duration(p.TimeMS) * time.Millisecond / time.Duration(read) * time.Duration(p.Total-p.Processed)
	}
	return w
}

// choice takes what an event says once: text-generation-webui repeats each delta in a
// message, and other servers the whole answer at its end.
func (d *decoder) choice(c *choice) error {
	var err error
	switch {
	case c.Delta != nil && c.Delta.holds():
		d.streams = true
		err = d.delta(c.Delta)
	case d.streams: // what stands in other places repeats the deltas
	case c.Message != nil && c.Message.holds():
		err = d.delta(c.Message)
	default:
		d.text(string(c.Text))
	}
	if err != nil {
		return err
	}
	if c.FinishReason != "" {
		return d.finish(string(c.FinishReason))
	}
	return nil
}

func (d *decoder) delta(p *delta) error {
	d.think(p)
	for _, r := range p.ReasoningDetails {
		if slices.Contains(d.req.Capabilities.VisibleDetails, r.Type) {
			d.text(string(r.Text + r.Summary))
		}
	}
	d.text(p.Content.text)
	d.text(string(p.Refusal))
	d.listed = d.listed || len(p.ToolCalls) > 0
	for i := range p.ToolCalls {
		if err := d.call(&p.ToolCalls[i]); err != nil {
			return err
		}
	}
	if p.FunctionCall != nil && !d.listed { // the older name; beside the list it is the same call
		return d.call(&toolCall{Function: *p.FunctionCall})
	}
	return nil
}

// think takes the reasoning, once: some servers send it under several names.
func (d *decoder) think(p *delta) {
	text := ""
	for _, w := range []word{p.ReasoningContent, p.Reasoning, p.ReasoningText, p.Thinking, word(p.Content.thinking)} {
		if w != "" {
			text = string(w)
			break
		}
	}
	if text == "" {
		for _, r := range p.ReasoningDetails {
			if !slices.Contains(d.req.Capabilities.VisibleDetails, r.Type) {
				text += string(r.Text + r.Summary)
			}
		}
	}
	if text == "" {
		return
	}
	if !d.begun && d.loading.takes(text) {
		if d.loading.began {
			d.loading.began = false
			d.put(model.Delta{Wait: &hearth.Wait{Phase: hearth.PhaseLoading, Model: d.req.Model}})
		}
		return
	}
	d.token()
	d.put(model.Delta{Thinking: text})
}

func (d *decoder) text(s string) {
	if s == "" {
		return
	}
	d.token()
	d.put(model.Delta{Text: s})
}

func (d *decoder) call(t *toolCall) error {
	d.token()
	d.calls.add(t)
	d.held += len(t.ID) + len(t.Name) + len(t.Arguments) + len(t.Function.Name) + len(t.Function.Arguments) + len(t.Extra)
	if d.held > maxCallBytes || len(d.calls.list) > maxCalls {
		return d.clock.TooLong()
	}
	return nil
}

// token notes that the model has begun to write.
func (d *decoder) token() {
	if d.clock.Token() {
		d.begun = true
		d.put(model.Delta{Wait: &hearth.Wait{Phase: hearth.PhaseWriting, Model: d.req.Model}})
	}
}

// finish takes a finish reason. The calls come with it: those of a cut stream never run.
func (d *decoder) finish(reason string) error {
	if d.stop != "" {
		return nil
	}
	switch reason {
	case "length", "max_tokens", "max_output_tokens":
		d.stop = hearth.StopLength
	case "tool_calls", "tool_call", "function_call", "tool_use":
		d.stop = hearth.StopToolCalls
	case "content_filter", "safety", "refusal":
		d.stop = hearth.StopFiltered
	case "model_context_window_exceeded":
		d.stop, d.full = hearth.StopLength, true
	case "error", "network_error", "abort", "cancelled", "insufficient_system_resource":
		return fmt.Errorf("the server gave up: finish_reason %s", reason)
	default: // stop, end, eos, and words we do not know
		d.stop = hearth.StopEnd
	}
	d.clock.Finished()
	return nil
}

// count takes whatever the event says of tokens and times.
func (d *decoder) count(c *chunk) {
	u := c.Usage
	if u == nil && c.XGroq != nil {
		u = c.XGroq.Usage
	}
	if u == nil && len(c.Choices) > 0 {
		u = c.Choices[0].Usage
	}
	now := d.usage
	switch {
	case u != nil:
		if shared := u.shared(&d.req.Capabilities); shared.Total > 0 {
			now = shared
		}
	case c.Timings != nil && !d.counted && c.Timings.PredictedN > 0:
		now = c.Timings.usage()
	}
	if now != d.usage {
		d.usage, d.counted = now, u != nil
		d.put(model.Delta{Usage: &now})
	}
	if c.Timings != nil && c.Timings.PredictedN > 0 {
		t := c.Timings.shared()
		d.put(model.Delta{Timing: &t})
	}
}

// end closes the answer: calls, then the stop. It gives the error of an answer that is
// none. err is what the events ended with, nil after [DONE]; once the model said that it
// is through, nothing that breaks matters.
func (d *decoder) end(err error) error {
	if d.stop == "" {
		if e := model.SilentOverflow(op, d.req, d.usage, ""); e != nil && !d.begun && (err == nil || errors.Is(err, io.EOF)) {
			return e
		}
		return d.clock.Ended(err)
	}
	done, cut := d.calls.take(d.stop == hearth.StopLength)
	d.out = append(d.out, done...)
	if len(cut) > 0 {
		d.put(model.Delta{Notice: &hearth.Notice{Kind: "length", Text: fmt.Sprintf(
			"The answer reached its length limit in the middle of a call of %s; the call was not run.", strings.Join(cut, ", "))}})
	}
	switch {
	case len(done) > 0 && len(cut) == 0:
		d.stop = hearth.StopToolCalls
	case len(done) == 0 && d.stop == hearth.StopToolCalls:
		d.stop = hearth.StopEnd
	}
	d.put(model.Delta{Stop: d.stop, WindowFull: d.full && d.stop == hearth.StopLength})
	return nil
}

// loading follows the lines that llama-swap streams as reasoning while it loads a model
// (sendLoadingState): a rule, what is loaded, remarks, "Done!", a rule and a blank line.
type loading struct {
	state int  // 0 before, 1 inside, 2 after the closing rule, 3 over
	began bool // set when the first line came
}

const rule = "━━━━━"

// takes reports whether a piece of reasoning is such a line and no thought.
func (l *loading) takes(text string) bool {
	line := strings.TrimSpace(text)
	switch {
	case l.state == 0 && (line == rule || strings.HasPrefix(line, "llama-swap loading model:")):
		l.state, l.began = 1, true
		return true
	case l.state == 1:
		if line == rule {
			l.state = 2
		}
		return true
	case l.state == 2 && line == "":
		l.state = 3
		return true
	}
	l.state = 3
	return false
}
