package body

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"hearth"
)

// String appends s as a JSON string. Only what must be escaped is; bytes that are no
// UTF-8 become U+FFFD.
func String(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		var escaped string
		switch {
		case c == '"':
			escaped = `\"`
		case c == '\\':
			escaped = `\\`
		case c == '\n':
			escaped = `\n`
		case c == '\r':
			escaped = `\r`
		case c == '\t':
			escaped = `\t`
		case c < ' ':
			escaped = `\u00` + string(digits[c>>4]) + string(digits[c&15])
		default:
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			escaped = "\ufffd"
		}
		dst = append(append(dst, s[from:i]...), escaped...)
		i += size
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}

// Quote gives s as a JSON string.
func Quote(s string) []byte { return String(make([]byte, 0, len(s)+2), s) }

// Arguments gives a model's own arguments for a protocol that wants an object. A JSON
// object goes back as it was received, so that the server renders the tokens it
// generated, and one in a string as the object that ran. Anything else would be refused
// for the rest of the conversation, so it is wrapped: the model still sees what it wrote.
func Arguments(received string) []byte {
	call := hearth.ToolCall{Arguments: strings.ToValidUTF8(received, "\ufffd")}
	if object, ok := call.Object(); ok {
		return []byte(object)
	}
	return Object(Member{"unreadable_arguments", Quote(received)})
}

// LeftOut is the sentence in place of a picture that a model cannot be sent.
func LeftOut(b *hearth.Blob) string {
	name := b.Name
	if name == "" {
		name = b.MIME
	}
	return "[Left out, because this model reads text only: " + strings.Map(func(r rune) rune {
		if r < ' ' || r == '[' || r == ']' {
			return '_'
		}
		return r
	}, name) + "]"
}

// NoReasoning stands for the reasoning of an answer that a server will not take without,
// where nobody has it: another model wrote the answer, Hearth did, or the model did not
// think. DeepSeek takes an empty string; of Kimi people report that it does not.
const NoReasoning = "(not recorded)"

// Texts joins the text parts of a message.
func Texts(parts []hearth.Part, between string) string {
	var texts []string
	for i := range parts {
		if parts[i].Text != "" {
			texts = append(texts, parts[i].Text)
		}
	}
	return strings.Join(texts, between)
}

// CallText is a call as text in what a model said, for servers that have no field for
// calls. model.Visible reads the same form back when a model imitates it.
func CallText(c *hearth.ToolCall) string {
	return "[" + c.Name + "]\n" + ArgumentText(c.Arguments) + "\n[END_TOOL_REQUEST]"
}

// ResultText is a result as text in what a person said, for the same servers.
func ResultText(r *hearth.ToolResult) string {
	return "[result of " + r.Name + "]\n" + Output(r) + "\n[end of result]"
}

// ArgumentText gives a model's own arguments for a protocol that wants a string: as they
// were received. Only what is no JSON object is wrapped, because Ollama, vLLM and
// llama-server would refuse the whole conversation for it from then on.
func ArgumentText(received string) string {
	if strings.HasPrefix(strings.TrimLeft(received, " \t\r\n"), "{") && json.Valid([]byte(received)) {
		return received
	}
	return string(Arguments(received))
}

// Output is the text of a result, with a sentence for each picture; it is never empty,
// because some servers refuse an empty string.
func Output(r *hearth.ToolResult) string {
	texts := make([]string, 0, 1+len(r.Blobs))
	if r.Text != "" {
		texts = append(texts, r.Text)
	}
	for i := range r.Blobs {
		texts = append(texts, LeftOut(&r.Blobs[i]))
	}
	if len(texts) == 0 {
		return "(no output)"
	}
	return strings.Join(texts, "\n")
}
