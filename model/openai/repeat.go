package openai

import (
	"bytes"
	"encoding/json"
)

// A pattern is what the events of a stream repeat around their text: a server writes the
// same id, model and roles with every token, so that of two events only the text differs.
// One that equals the last on both sides of the text needs no decoding. That is most of
// what a token costs: between two tokens the decoder has left the processor's caches.
type pattern struct {
	head, tail []byte
	thinking   bool
	unused     int // patterns in a row that no event had
}

// enoughPatterns in a row that no event had: this server repeats nothing.
const enoughPatterns = 4

// text gives the text of an event that has the pattern, as a decoder would.
func (p *pattern) text(data []byte) (text string, ok bool) {
	if len(p.head) == 0 {
		return "", false
	}
	rest, ok := bytes.CutPrefix(data, p.head)
	if !ok {
		return "", false
	}
	if rest, ok = bytes.CutSuffix(rest, p.tail); !ok || !isPlain(rest) {
		return "", false
	}
	p.unused = 0
	return string(rest), true
}

// isPlain reports whether bytes between quotes are a string of JSON that says itself.
func isPlain(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c >= 0x80 || c == '"' || c == '\\' {
			return false
		}
	}
	return len(b) > 0
}

// learn makes the pattern of an event that was decoded into c, if it says nothing but a
// piece of text.
func (p *pattern) learn(data []byte, c *chunk) {
	if p.unused >= enoughPatterns {
		return
	}
	key, text := c.only()
	if text == "" {
		return
	}
	at := bytes.Index(data, []byte(key))
	if at < 0 {
		return
	}
	at += len(key)
	value := bytes.TrimLeft(data[at:], ": ")
	at = len(data) - len(value) + 1
	if len(value) == 0 || value[0] != '"' || !bytes.HasPrefix(data[at:], []byte(text)) {
		return
	}
	next := pattern{head: data[:at:at], tail: data[at+len(text):], thinking: key != contentKey, unused: p.unused + 1}
	// Whatever else stands in the event, its text is decoded from here.
	const other = "another text"
	var again chunk
	if json.Unmarshal(bytes.Join([][]byte{next.head, next.tail}, []byte(other)), &again) != nil {
		return
	}
	if k, t := again.only(); k != key || t != other {
		return
	}
	next.head, next.tail = bytes.Clone(next.head), bytes.Clone(next.tail)
	*p = next
}

const contentKey = `"content"`

// only gives the one piece of text that an event says, and the key it stands under; ""
// where it says anything else.
func (c *chunk) only() (key, text string) {
	if len(c.Choices) != 1 || c.Usage != nil || c.XGroq != nil || c.Timings != nil || c.PromptProgress != nil || isError(c) {
		return "", ""
	}
	one := &c.Choices[0]
	if one.Delta == nil || one.FinishReason != "" || one.Usage != nil {
		return "", ""
	}
	d := one.Delta
	if len(d.ReasoningDetails)+len(d.ToolCalls) > 0 || d.FunctionCall != nil || d.ReasoningText+d.Thinking+d.Refusal != "" || d.Content.thinking != "" {
		return "", ""
	}
	switch content, thought, other := d.Content.text, string(d.ReasoningContent), string(d.Reasoning); {
	case content != "" && thought+other == "":
		return contentKey, content
	case thought != "" && content+other == "":
		return `"reasoning_content"`, thought
	case other != "" && content+thought == "":
		return `"reasoning"`, other
	}
	return "", ""
}
