package prompt

import (
	"strings"
	"testing"

	"hearth"
)

func TestAnOutputThatIsLeftOutSaysTheWayBackToIt(t *testing.T) {
	plan := &Plan{Trimmed: []hearth.CallID{"a", "b"}}
	m := hearth.Message{Role: hearth.RoleTool, Parts: []hearth.Part{
		{Result: &hearth.ToolResult{CallID: "a", Name: "exec", Text: strings.Repeat("x", 700), Rest: `page it with process {"sessionId":"f00"}`}},
		{Result: &hearth.ToolResult{CallID: "b", Name: "exec", Text: strings.Repeat("x", 800)}},
		{Result: &hearth.ToolResult{CallID: "c", Name: "exec", Text: "short"}},
	}}
	out := trimmed(plan, &m)
	for i, want := range []string{
		`[700 bytes of older output were left out here; page it with process {"sessionId":"f00"}.]`,
		"[800 bytes of older output were left out here. If they are needed, call exec again, but only where that changes nothing.]",
		"short",
	} {
		if got := out.Parts[i].Result.Text; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
