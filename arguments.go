package hearth

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Object gives the JSON object that the arguments of a call were meant to be, and
// whether they were one. It is the one reading of a model's words: a tool runs what it
// gives, and a protocol that wants an object sends it back. An object comes back as it
// was received. Two habits of models and servers leave no doubt of what was meant: the
// object inside a string, once or twice, and control characters that stand raw in a
// string. No text at all, and null, are the empty object.
func (c *ToolCall) Object() (object string, ok bool) {
	text := c.Arguments
	const wraps = 2
	for unwrapped := 0; ; unwrapped++ {
		text = strings.TrimSpace(text)
		if text == "" || text == "null" {
			return "{}", true
		}
		if text[0] != '"' || unwrapped == wraps {
			break
		}
		if err := json.Unmarshal([]byte(text), &text); err != nil {
			return text, false
		}
	}
	if text == "" || text[0] != '{' {
		return text, false
	}
	if json.Valid([]byte(text)) {
		return text, true
	}
	if repaired := escapeBreaks(text); repaired != text && json.Valid([]byte(repaired)) {
		return repaired, true
	}
	return text, false
}

// escapeBreaks escapes control characters that stand raw inside JSON strings. What was
// meant is not in doubt, and models that write code into a string often do it.
func escapeBreaks(text string) string {
	var b strings.Builder
	inString := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case inString && c == '\\':
			if i+1 == len(text) || text[i+1] < ' ' {
				return text // a backslash before a raw line break: two things may be meant
			}
			b.WriteByte(c)
			i++
			c = text[i]
		case c == '"':
			inString = !inString
		case inString && c < ' ':
			fmt.Fprintf(&b, `\u%04x`, c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
