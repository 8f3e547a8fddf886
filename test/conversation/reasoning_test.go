//go:build e2e && unix

package conversation

import (
	"fmt"
	"strings"
	"testing"

	"hearth/test/ollama"
	"hearth/test/scripted"
)

// Law 1 where it is hardest: reasoning, tool calls and long results in ten turns, with a
// template that keeps the reasoning and with one that drops it. Whatever becomes of it,
// the server reads nothing twice.
func TestTenTurnsOfReasoningAndTools(t *testing.T) {
	config, err := scripted.Reasoner()
	if err != nil {
		t.Fatal(err)
	}
	keeps, drops := ollama.Templates()
	for name, template := range map[string]string{"keeps": keeps, "drops": drops} {
		if err := server.Create(t.Context(), name, template, config); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("keeps", func(t *testing.T) { tenTurns(t, dialects[0], "keeps") })
	eachDialect(t, func(t *testing.T, d dialect) { tenTurns(t, d, "drops") })
}

func tenTurns(t *testing.T, d dialect, model string) {
	t.Helper()
	p := newPerson(t, d, settings{model: model})
	p.note(t, "notes.txt", strings.Repeat("The kettle is on the stove, and the milk is in the yard. ", 30))
	began := len(evaluations(t, 0))
	for i := range 10 {
		trigger := []string{"@@look", "@@muse", "@@look", "@@plain", "@@muse"}[i%5]
		if v := p.say(t, fmt.Sprintf("turn %d, please %s", i, trigger)); v.text() == "" {
			t.Errorf("turn %d: no answer", i)
		}
	}
	p.wire.extends(t, d)
	log := evaluations(t, began)
	if len(log) != 14 {
		t.Fatalf("the server read %d prompts, want 14: ten turns, four of them with a tool", len(log))
	}
	before := ollama.Evaluation{}
	for i, now := range log {
		if i > 0 && now.Read > now.Prompt-before.Prompt+reread {
			t.Errorf("model call %d: the server read %d of %d tokens; the one before had %d", i, now.Read, now.Prompt, before.Prompt)
		}
		before = now
	}
}
