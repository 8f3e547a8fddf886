package model

import (
	"bytes"
	"strings"
)

// A scanner finds in a stream of bytes what is not meant to be read: reasoning between
// tags, template tokens, tool blocks. It never decides on bytes whose meaning the bytes
// to come could change, so the result does not depend on how the stream was cut.
type scanner struct {
	buf     []byte   // received and not decided
	plain   bool     // buf[0] was found to begin nothing
	closers []string // inside reasoning: what ends it
	leaked  []string // inside a call that stays text: what ends it; nil outside
	block   *candidate
	code    code
	// noRequest is set when a [TOOL_REQUEST] had no end: no later one will have, and to
	// look again for each would take quadratic time.
	noRequest bool
}

// A sink takes what a scanner finds. Byte slices are valid during the call.
type sink interface {
	text(p []byte)
	thinking(p []byte)
	stray()
	found(b block)
}

// idle reports whether the scanner is in plain text with nothing held back.
func (s *scanner) idle() bool { return len(s.buf) == 0 && s.closers == nil && s.leaked == nil }

// A verdict is what the bytes so far say of a pattern.
type verdict int

const (
	no        verdict = iota
	yes               // they are it
	undecided         // they are its beginning
)

// scan hands everything decidable to out; with final, everything.
func (s *scanner) scan(out sink, final bool) {
	for len(s.buf) > 0 {
		next := s.scanText
		switch {
		case s.closers != nil:
			next = s.scanThinking
		case s.leaked != nil:
			next = s.scanLeaked
		}
		if !next(out, final) {
			return
		}
	}
	s.buf = s.buf[:0]
}

// scanThinking looks for the end of reasoning. It gives false to wait for more.
func (s *scanner) scanThinking(out sink, final bool) bool {
	for i := 0; i < len(s.buf); i++ {
		if s.buf[i] != '<' && s.buf[i] != '[' {
			continue
		}
		n, v := match(s.buf[i:], s.closers, final)
		if v == no {
			continue
		}
		out.thinking(s.buf[:i])
		s.buf = s.buf[i:]
		if v == undecided {
			return false
		}
		s.buf, s.closers = s.buf[n:], nil
		return true
	}
	out.thinking(s.buf)
	s.buf = nil
	return true
}

// scanLeaked passes on a call in the model's own tokens as the text that it is, to its end.
func (s *scanner) scanLeaked(out sink, final bool) bool {
	for i := range s.buf {
		if s.buf[i] != '<' {
			continue
		}
		n, v := match(s.buf[i:], s.leaked, final)
		if v == no {
			continue
		}
		if i+n > 0 {
			out.text(s.buf[:i+n])
		}
		s.buf = s.buf[i+n:]
		if v == undecided {
			return false
		}
		s.leaked = nil
		s.code.word()
		return true
	}
	out.text(s.buf)
	s.buf = nil
	return true
}

// scanText goes to the next byte that may begin something, and past it.
func (s *scanner) scanText(out sink, final bool) bool {
	for i, b := range s.buf {
		special := (b == '<' || b == '[') && !s.code.inside(b)
		if special && (i > 0 || !s.plain) {
			if i > 0 {
				out.text(s.buf[:i])
				s.buf, s.plain = s.buf[i:], false
			}
			switch s.markup(out, final) {
			case undecided:
				return false
			case no:
				s.plain = true
			case yes:
			}
			return true
		}
		s.code.next(b)
	}
	out.text(s.buf)
	s.buf, s.plain = nil, false
	return true
}

// markup judges what begins at buf[0], and takes it out of buf when it is something.
func (s *scanner) markup(out sink, final bool) verdict {
	if s.buf[0] == '[' {
		if v := s.toolBlock(out, final); v != no {
			return v
		}
	}
	for _, tag := range thinkTags {
		n, v := match(s.buf, tag.open[:], final)
		if v == yes {
			s.take(n)
			s.closers = tag.close
			out.thinking(nil)
		}
		if v != no {
			return v
		}
	}
	if n, v := matchStray(s.buf, final); v != no {
		if v == yes {
			s.take(n)
			out.stray()
		}
		return v
	}
	if v := s.leakedCall(out, final); v != no {
		return v
	}
	n, v := match(s.buf, leaks, final)
	if v == no {
		n, v = matchToken(s.buf, final)
	}
	if v == yes {
		s.take(n)
	}
	return v
}

// leakedCall finds where a call in a model's own tokens begins.
func (s *scanner) leakedCall(out sink, final bool) verdict {
	if len(s.buf) > 1 && s.buf[1] != '|' && s.buf[1] != "｜"[0] {
		return no // no token of any model
	}
	for _, call := range leakedCalls {
		n, v := match(s.buf, call.open, final)
		if v == yes {
			out.text(s.buf[:n])
			s.take(n)
			s.leaked = call.close
		}
		if v != no {
			return v
		}
	}
	return no
}

// take removes n bytes that are not text. The line goes on after them as if they were a
// word, except that a block may still begin it.
func (s *scanner) take(n int) { s.buf, s.plain = s.buf[n:], false }

func (s *scanner) toolBlock(out sink, final bool) verdict {
	if s.block == nil {
		s.block = &candidate{bracketed: s.code.lineStart(), request: !s.noRequest}
	}
	v := s.block.read(s.buf, final)
	switch v {
	case yes:
		out.found(s.block.block(s.buf))
		s.take(s.block.pos)
		s.code.word()
	case no:
		s.noRequest = s.noRequest || s.block.endless
	case undecided:
		return v
	}
	s.block = nil
	return v
}

// thinkTag is one way to mark reasoning. Tags match in any case.
type thinkTag struct {
	open  [1]string
	close []string
}

// angled are the closing tags of the XML-like kinds. Any of them closes any: models mix
// them up, and an unclosed block would swallow the answer.
var angled = []string{"</think>", "</thinking>", "</thought>", "</antthinking>", "</seed:think>", "</reasoning>"}

// thinkTags lists what models have been seen to write around their reasoning when the
// server does not take it apart (most: <think>; Seed-OSS; Magistral; gpt-oss's channel).
var thinkTags = []thinkTag{
	{[1]string{"<think>"}, angled},
	{[1]string{"<thinking>"}, angled},
	{[1]string{"<thought>"}, angled},
	{[1]string{"<antthinking>"}, angled},
	{[1]string{"<seed:think>"}, angled},
	{[1]string{"<reasoning>"}, angled},
	{[1]string{"[THINK]"}, []string{"[/THINK]"}},
	{[1]string{"<|channel|>analysis<|message|>"}, []string{"<|start|>assistant<|channel|>final<|message|>", "<|channel|>final<|message|>", "<|end|>"}},
}

// leakedCalls are the tokens that models write around their calls, and that stand in the
// text where the server has no parser for them, or a wrong one. Such a call stays text to
// its last byte: what is left of it when tokens are taken out is neither a call nor an
// answer. One without an end goes on to the end of the message.
var leakedCalls = []struct{ open, close []string }{
	{ // gpt-oss: a channel, or a role, with a recipient
		[]string{
			"<|start|>assistant<|channel|>commentary to=", "<|start|>assistant<|channel|>analysis to=", "<|start|>assistant to=",
			"<|channel|>commentary to=", "<|channel|>analysis to=",
		}, []string{"<|call|>"},
	},
	{[]string{"<|tool_calls_section_begin|>"}, []string{"<|tool_calls_section_end|>"}}, // Kimi
	{[]string{"<|tool_call_begin|>"}, []string{"<|tool_call_end|>"}},
	{[]string{"<｜tool▁calls▁begin｜>"}, []string{"<｜tool▁calls▁end｜>"}}, // DeepSeek
	{[]string{"<｜tool▁call▁begin｜>"}, []string{"<｜tool▁call▁end｜>"}},
	{[]string{"<|tool_call_start|>"}, []string{"<|tool_call_end|>"}}, // LFM2
	{[]string{"<|tool_call|>"}, []string{"<|/tool_call|>"}},          // Phi; Granite, which does not end it
	{[]string{"<|action_start|>"}, []string{"<|action_end|>"}},       // InternLM
	{[]string{"<|python_tag|>"}, []string{}},                         // Llama 3
}

// leaks are template tokens whose removal takes more than their own characters along, and
// the tags that some models put around their answer, longer ones first; matchToken knows
// the rest.
var leaks = []string{
	"<|start_header_id|>assistant<|end_header_id|>\n\n",
	"<|start_header_id|>assistant<|end_header_id|>",
	"<|start|>assistant<|channel|>final<|message|>",
	"<|channel|>final<|message|>",
	"<|start|>assistant<|channel|>commentary<|message|>",
	"<|channel|>commentary<|message|>",
	"<|start|>assistant",
	"<|im_start|>assistant\n",
	"<|im_start|>assistant",
	"<start_of_turn>model\n",
	"<start_of_turn>model",
	"<start_of_turn>",
	"<end_of_turn>",
	"<final>\n",
	"<final>",
	"</final>",
}

// match compares the beginning of buf with words, in order. A word that buf is the
// beginning of leaves the matter undecided before later, shorter words are tried.
func match(buf []byte, words []string, final bool) (n int, v verdict) {
	for _, word := range words {
		n := min(len(word), len(buf))
		if !strings.EqualFold(word[:n], string(buf[:n])) {
			continue
		}
		if n == len(word) {
			return n, yes
		}
		if !final {
			return 0, undecided
		}
	}
	return 0, no
}

// matchStray finds a closing tag at the end of a line or of the message. Elsewhere it
// is more likely that somebody writes about the tag.
func matchStray(buf []byte, final bool) (n int, v verdict) {
	n, v = match(buf, angled, final)
	if v != yes {
		return n, v
	}
	switch {
	case n < len(buf) && (buf[n] == '\n' || buf[n] == '\r'), n == len(buf) && final:
		return n, yes
	case n == len(buf):
		return 0, undecided
	}
	return 0, no
}

// maxToken is longer than any template token seen, in bytes between the bars.
const maxToken = 48

// matchToken finds <|name|> and DeepSeek's form of it with full-width bars.
func matchToken(buf []byte, final bool) (n int, v verdict) {
	for _, bar := range []string{"|", "｜"} {
		n, v = match(buf, []string{"<" + bar}, final)
		if v == undecided {
			return 0, undecided
		}
		if v == no {
			continue
		}
		for i, r := range string(buf[n:min(len(buf), n+maxToken)]) {
			if i > 0 && string(r) == bar {
				end, v := match(buf[n+i:], []string{bar + ">"}, final)
				return n + i + end, v
			}
			if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./▁", r) {
				return 0, partialRune(buf[n+i:], final)
			}
		}
		if len(buf) < n+maxToken && !final {
			return 0, undecided
		}
		return 0, no
	}
	return 0, no
}

// partialRune is undecided when buf may be the beginning of a character.
func partialRune(buf []byte, final bool) verdict {
	if final || len(buf) > 2 {
		return no
	}
	for _, r := range []string{"｜", "▁"} {
		if bytes.HasPrefix([]byte(r), buf) {
			return undecided
		}
	}
	return no
}
