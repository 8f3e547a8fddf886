package main

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"hearth"
)

// What a server says, and what others wrote, is shown and does nothing.
func TestForeignWordsDriveNoTerminal(t *testing.T) {
	const foreign = "a\u009b2Jb\u0090x\u009d0;title\u009c\x1b[1A\u202ec\u0085d\u2028e"
	var told strings.Builder
	tell(&told, &hearth.Error{Op: "ask box/" + foreign, Reason: hearth.ReasonServer, Err: errors.New(foreign), Cause: foreign, Try: foreign})
	message := hearth.Message{Role: hearth.RoleAssistant, Parts: []hearth.Part{{Text: foreign}, {Thinking: foreign}, {Result: &hearth.ToolResult{Name: "look", Text: foreign}}}}
	var shown strings.Builder
	printMessage(&shown, &message)
	for name, s := range map[string]string{"an error": told.String(), "a message": shown.String()} {
		if i := strings.IndexFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }); i >= 0 {
			t.Errorf("%s holds what drives a terminal: %q", name, s)
		}
	}
	if lines := strings.Count(told.String(), "\n"); lines != 3 || strings.ContainsAny(told.String(), "\u202e\u2028") {
		t.Errorf("an error has %d lines: %q", lines, told.String())
	}
}
