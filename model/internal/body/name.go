package body

import (
	"strings"

	"hearth"
)

// ToolNamed gives the name of the tool that a model meant: models put the namespace of
// their training in front, and LM Studio turns names into snake case. A name that fits
// no tool or several stays as it is.
func ToolNamed(name string, tools []hearth.ToolSpec) string {
	bare := name
	for _, prefix := range []string{"functions.", "tools.", "function."} {
		bare = strings.TrimPrefix(bare, prefix)
	}
	var fits []string
	for i := range tools {
		own := tools[i].Name
		if own == name || own == bare {
			return own
		}
		if letters(own) == letters(bare) {
			fits = append(fits, own)
		}
	}
	if len(fits) == 1 {
		return fits[0]
	}
	return name
}

// letters leaves the letters and digits of a name, in lower case.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		}
		return -1
	}, s)
}

// CallName is the name of a call, or of its result, as servers take it: OpenAI, vLLM and
// Anthropic refuse a conversation with a name that has other characters than these, or
// none, or more than 64 of them, and a model may write any. The transcript keeps what it
// wrote, and the result says it.
func CallName(name string) string {
	const most = 64
	wire := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-':
			return r
		}
		return '_'
	}, name)
	if wire == "" {
		return "unnamed"
	}
	return wire[:min(len(wire), most)]
}
