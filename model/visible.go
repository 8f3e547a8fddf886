package model

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"iter"
	"regexp"
	"strings"

	"hearth"
)

// A LookAlike is text that reads like a tool call although the server emitted no
// structured one. Nothing of it runs. It is for the log, once a message.
type LookAlike struct {
	Pattern    string // bracketed_tool_call, xml_tool_call, json_tool_call, react_action, token_tool_call or python_tool_call
	Tool       string // the name in it, where there is one
	Registered bool   // that name is a tool of this turn
}

// Visible makes text of what a model wrote and nothing else of it:
//
//   - Reasoning between <think>-style tags becomes Thinking, however the server cut the
//     stream; an unclosed tag makes everything after it Thinking. Tags count anywhere
//     except in code, that is in a fenced block or between backticks on one line.
//   - A closing tag without an opening one (the model's template wrote that itself) is
//     left out where a line ends after it; when this is the call's first sign of
//     reasoning, a Delta with TextWasThinking says that the text before it was that, and
//     a "reasoning" Notice tells the person, who has read it.
//   - An answer that was held back, and was cut short before it showed what it is, becomes
//     Thinking: whatever the person is told of the end, they are not shown thoughts for it.
//   - Leaked template tokens (<|im_end|>) and the tags of <final>…</final>, which some
//     models write around their answer, are left out, except in code.
//   - A message that is nothing but tool blocks,
//     [name]⏎{JSON object}⏎[END_TOOL_REQUEST] or …⏎[/name], all names being exactly in
//     toolNames, without structured calls and brought to an end by the model, becomes
//     calls: ids are ours, arguments the bytes received, and the stop is StopToolCalls.
//   - Any other block, and LM Studio's [TOOL_REQUEST]…[END_TOOL_REQUEST], is hidden: a
//     sentence in its place and a "hidden_call" Notice say which call the model wrote and
//     that nothing was run.
//   - JSON, XML, ReAct and Python that looks like a call, and a call in the model's own
//     tokens, stay text to the last byte.
//
// report, which may be nil, is called at most once a message, before its Stop. begun says
// how to read a model whose template may have opened its reasoning in the prompt, so that
// the stream holds only the closing tag.
//
// Text is held back only while the bytes received could still become one of the above;
// white space before the first visible word waits for that word and is dropped behind
// reasoning. deltas may hold several attempts: each Sent begins a new message. Like its
// input, the sequence may be used once.
func Visible(deltas iter.Seq2[Delta, error], toolNames []string, report func(LookAlike), begun Begun) iter.Seq2[Delta, error] {
	return func(yield func(Delta, error) bool) {
		v := &visible{tools: make(map[string]bool, len(toolNames)), report: report, begun: begun, holding: begun.Hold}
		for _, name := range toolNames {
			v.tools[name] = true
		}
		for d, err := range deltas {
			v.out = v.out[:0]
			if err != nil {
				v.end(hearth.StopCut)
			} else {
				v.next(d)
			}
			for _, out := range v.out {
				if !yield(out, nil) {
					return
				}
			}
			if err != nil && !yield(d, err) {
				return
			}
		}
		v.out = v.out[:0]
		v.end(hearth.StopCut)
		for _, out := range v.out {
			if !yield(out, nil) {
				return
			}
		}
	}
}

// Begun says how to read answers that may begin in the middle of reasoning. Its zero value
// shows text as it comes, and says so when it turns out to have been reasoning.
type Begun struct {
	// Hold keeps text back until a tag, a call or the end of the answer shows what it was,
	// or 64 KB came without any. It is for models that are known, or strongly presumed, to
	// begin so: all others would only be slower.
	Hold bool
	// Settled is told of each message that shows how the model begins: true after a closing
	// tag without an opening one, false after a whole answer without any reasoning. It is
	// called before the message's Stop, and may be nil.
	Settled func(begun bool)
}

// BeginsThinking reports whether a model of this name is known to have a template that
// opens its reasoning: DeepSeek-R1 and what was distilled from it, QwQ, and models with
// "thinking" in their name, as Qwen3's (their cards: "only </think> without an explicit
// opening tag is normal").
func BeginsThinking(id string) bool { return beginsThinking.MatchString(id) }

var beginsThinking = regexp.MustCompile(`(?i)(^|[^a-z0-9])(deepseek-?_?r1|r1-(0528|distill|1776)|qwq)|thinking`)

// visible is the state of one message. Its scanner (markup.go) turns bytes into text,
// thinking and blocks; this file decides what becomes of them.
type visible struct {
	tools  map[string]bool
	report func(LookAlike)
	begun  Begun
	out    []Delta // what the delta at hand leads to

	scanner

	holding  bool // nothing has shown yet whether this is reasoning
	kept     []byte
	unopened bool // kept does not begin with an opening tag
	searched int  // bytes of kept in which no tag begins
	open     bool // a closing tag came without an opening one

	lead    []byte    // white space that waits for the first visible word
	held    []held    // the blocks of a message that is nothing else so far
	words   bool      // a visible word was yielded
	thought bool      // reasoning was seen
	called  bool      // the server sent a structured call
	sample  []byte    // the first visible text, for finding look-alikes
	look    LookAlike // what was hidden or could not be read
}

// held is one block and the white space before it.
type held struct {
	lead  []byte
	block block
}

func (v *visible) next(d Delta) {
	if d.Sent != nil || d.Report != nil { // another attempt begins, or this one is over
		v.end(hearth.StopCut)
	}
	if d.Text != "" {
		v.feed(d.Text)
		d.Text = ""
	}
	if d.Thinking != "" {
		v.letGo() // the server sorts reasoning out itself
		v.thought = true
	}
	if d.Call != nil {
		v.letGo()
		v.called = true
		v.settle()
	}
	if d.Stop != "" {
		d.Stop = v.end(d.Stop)
	}
	if !d.empty() {
		v.out = append(v.out, d)
	}
}

// empty reports whether nothing is left to tell.
func (d *Delta) empty() bool {
	return d.Text == "" && d.Thinking == "" && d.Answered == "" && d.Stop == "" && !d.TextWasThinking &&
		len(d.Opaque) == 0 && d.Call == nil && d.Usage == nil && d.Timing == nil && d.Wait == nil &&
		d.Notice == nil && d.Sent == nil && d.Report == nil
}

// feed takes text from the server. The usual case, words in the middle of an answer
// with nothing held back and nothing to find, passes through without a copy.
func (v *visible) feed(s string) {
	if v.holding {
		v.hold(s)
		return
	}
	if v.words && v.idle() && !strings.ContainsAny(s, "<[") {
		for i := range len(s) {
			v.code.next(s[i])
		}
		v.yieldText(s)
		return
	}
	v.buf = append(v.buf, s...)
	v.scan(v, false)
}

// settle decides everything held back: nothing can become a call any more.
func (v *visible) settle() {
	v.scan(v, true)
	v.release(sayMixed)
}

// end closes the message and gives the stop reason that it turned out to have. It does
// nothing when there is no open message.
func (v *visible) end(stop hearth.StopReason) hearth.StopReason {
	if stop != hearth.StopEnd && stop != hearth.StopToolCalls && v.holding && v.unopened {
		v.thinking(v.kept)
		v.kept, v.holding = nil, false
	}
	v.letGo()
	v.scan(v, true)
	if v.callable(stop) {
		for i := range v.held {
			b := &v.held[i].block
			v.out = append(v.out, Delta{Call: &hearth.ToolCall{ID: newCallID(), Name: b.name, Arguments: string(b.payload)}})
		}
		v.held, v.lead, v.called = nil, nil, true
		stop = hearth.StopToolCalls
	}
	if stop == hearth.StopEnd || stop == hearth.StopToolCalls {
		v.release(sayMixed)
	} else {
		v.release(sayCut)
	}
	v.lookAlike()
	switch settled := v.begun.Settled; {
	case settled == nil:
	case v.open:
		settled(true)
	case v.words && !v.thought && !v.called && stop == hearth.StopEnd:
		settled(false)
	}
	*v = visible{tools: v.tools, report: v.report, begun: v.begun, holding: v.begun.Hold, out: v.out}
	return stop
}

// callable reports whether the held blocks are the whole message and may become calls.
func (v *visible) callable(stop hearth.StopReason) bool {
	if len(v.held) == 0 || v.words || v.called || stop != hearth.StopEnd && stop != hearth.StopToolCalls {
		return false
	}
	for _, h := range v.held {
		if !v.tools[h.block.name] || h.block.request {
			return false
		}
	}
	return true
}

// newCallID gives an id in the form that OpenAI's servers use.
func newCallID() hearth.CallID {
	var id [12]byte
	_, _ = rand.Read(id[:]) // it never gives an error
	return hearth.CallID("call_" + hex.EncodeToString(id[:]))
}

// text is called by the scanner for visible bytes.
func (v *visible) text(p []byte) {
	if v.words {
		v.yieldText(string(p))
		return
	}
	word := len(p) - len(bytes.TrimLeft(p, " \t\r\n"))
	if word == len(p) {
		v.lead = append(v.lead, p...)
		return
	}
	v.lead = append(v.lead, p[:word]...)
	v.release(sayMixed)
	v.yieldLead(v.lead)
	v.words, v.lead = true, nil
	v.yieldText(string(p[word:]))
}

// thinking is called by the scanner for the bytes between tags.
func (v *visible) thinking(p []byte) {
	v.thought = true
	if len(p) > 0 {
		v.out = append(v.out, Delta{Thinking: string(p)})
	}
}

// stray is called by the scanner for a closing tag that closes nothing.
func (v *visible) stray() {
	if v.thought {
		return
	}
	v.thought, v.open = true, true
	for _, h := range v.held {
		v.out = append(v.out, Delta{Thinking: string(h.lead) + string(h.block.raw)})
	}
	if v.words {
		v.out = append(v.out, Delta{TextWasThinking: true}, Delta{Notice: &hearth.Notice{
			Kind: "reasoning", Text: "what was shown so far is the model's reasoning: its server does not mark where that begins",
		}})
	}
	v.held, v.lead, v.words, v.sample = nil, nil, false, nil
}

// found is called by the scanner for a whole block.
func (v *visible) found(b block) {
	v.held = append(v.held, held{lead: bytes.Clone(v.lead), block: b})
	v.lead = v.lead[:0]
	if v.words || v.called {
		v.release(sayMixed)
	}
}

// say is why a block was not run.
type say string

const (
	sayMixed say = ", beside other words or calls"
	sayCut   say = ", and its answer was cut short"
)

// release yields a sentence in place of each block held back.
func (v *visible) release(why say) {
	for _, h := range v.held {
		v.yieldLead(h.lead)
		v.hide(h.block, why)
	}
	v.held = nil
}

// yieldLead yields white space, unless it only parts reasoning from the first word.
func (v *visible) yieldLead(p []byte) {
	if len(p) > 0 && (v.words || !v.thought) {
		v.yieldText(string(p))
	}
}

// hide puts a sentence in the place of a block.
func (v *visible) hide(b block, why say) {
	call := "a tool call"
	if b.name != "" {
		call = fmt.Sprintf("a call of the tool %q", b.name)
	}
	text := string(why)
	switch {
	case b.request:
		text = " that its server did not take for one"
	case !v.tools[b.name]:
		text = "; there is no tool of that name here"
	}
	v.words = true
	v.yieldText("(The model wrote " + call + " as plain text" + text + ". Nothing was run.)")
	v.out = append(v.out, Delta{Notice: &hearth.Notice{
		Kind: "hidden_call",
		Text: "the model wrote " + call + " as plain text" + text + "; nothing was run",
	}})
	if v.look.Pattern == "" {
		v.look = LookAlike{Pattern: "bracketed_tool_call", Tool: b.name}
	}
}

func (v *visible) yieldText(s string) {
	v.out = append(v.out, Delta{Text: s})
	if room := maxSample - len(v.sample); room > 0 && v.report != nil {
		v.sample = append(v.sample, s[:min(room, len(s))]...)
	}
}

// maxKept is how many bytes of an answer are held back at most.
const maxKept = 64 << 10

// hold keeps text that is presumed to be reasoning, until it ends. What it looks like in
// between (code, calls) says nothing; the person sees that the model thinks.
func (v *visible) hold(s string) {
	if len(v.kept) == 0 {
		v.out = append(v.out, Delta{Wait: &hearth.Wait{Phase: hearth.PhaseWriting, Note: "thinking"}})
	}
	v.kept = append(v.kept, s...)
	if !v.unopened {
		switch opens(bytes.TrimLeft(v.kept, " \t\r\n")) {
		case yes: // the model opens its reasoning itself
			v.letGo()
			return
		case undecided:
			return
		case no:
			v.unopened = true
		}
	}
	for i := v.searched; i < len(v.kept); i++ {
		if v.kept[i] != '<' {
			continue
		}
		n, found := match(v.kept[i:], angled, false)
		switch found {
		case no:
			continue
		case undecided:
			v.searched = i
			return
		case yes:
		}
		v.thought, v.open, v.holding = true, true, false
		if i > 0 {
			v.out = append(v.out, Delta{Thinking: string(v.kept[:i])})
		}
		v.buf, v.kept = append(v.buf, v.kept[i+n:]...), nil
		v.scan(v, false)
		return
	}
	v.searched = len(v.kept)
	if len(v.kept) > maxKept {
		v.letGo()
	}
}

// opens reports whether a message begins with a tag that opens reasoning.
func opens(begin []byte) verdict {
	said := no
	for _, tag := range thinkTags {
		switch _, found := match(begin, tag.open[:], false); found {
		case yes:
			return yes
		case undecided:
			said = undecided
		case no:
		}
	}
	return said
}

// letGo reads what was held back as any other text: it is no reasoning, or too much to go
// on waiting.
func (v *visible) letGo() {
	if !v.holding {
		return
	}
	v.holding = false
	v.buf, v.kept = append(v.buf, v.kept...), nil
	v.scan(v, false)
}

// lookAlike reports what in the message reads like a call, unless there was a real one.
func (v *visible) lookAlike() {
	if v.report == nil || v.called {
		return
	}
	look := v.look
	if look.Pattern == "" {
		look = findLookAlike(string(v.sample))
	}
	if look.Pattern != "" {
		look.Registered = v.tools[look.Tool]
		v.report(look)
	}
}
