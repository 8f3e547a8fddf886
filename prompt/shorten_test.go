package prompt_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"hearth"
	"hearth/prompt"
)

func TestReserveTokensAreKeptFreeForTheAnswer(t *testing.T) {
	for name, c := range map[string]struct{ window, reserve, maxTokens, want int }{
		"nothing said":                               {16_384, 0, 0, 12_288},
		"a large window":                             {131_072, 0, 0, 122_880},
		"answers are short anyway":                   {131_072, 0, 1_000, 130_072},
		"a reserve":                                  {16_384, 6_000, 0, 10_384},
		"a reserve, however long answers are":        {16_384, 6_000, 1_000, 10_384},
		"a reserve that would leave next to nothing": {16_384, 20_000, 0, 8_192},
	} {
		plan := &prompt.Plan{Window: c.window}
		plan.Params.MaxTokens = c.maxTokens
		if got := (prompt.Room{ReserveTokens: c.reserve}).Limit(plan); got != c.want {
			t.Errorf("%s: a request may have %d tokens, want %d", name, got, c.want)
		}
	}
}

func TestRecentTokensAreKeptWordForWord(t *testing.T) {
	var talk []hearth.Message
	for range 40 { // each about 110 tokens, a turn about 220
		talk = append(talk,
			hearth.Message{Role: hearth.RoleUser, Parts: []hearth.Part{{Text: strings.Repeat("word ", 103)}}},
			hearth.Message{Role: hearth.RoleAssistant, Parts: []hearth.Part{{Text: strings.Repeat("word ", 103)}}})
	}
	for name, c := range map[string]struct{ window, keep, reserve, turns int }{
		"nothing said: a fifth of the window":       {10_000, 0, 0, 9},
		"a number":                                  {10_000, 1_000, 0, 4},
		"less than a turn: the newest one":          {10_000, 10, 0, 1},
		"more than a third of the window":           {10_000, 9_000, 0, 15},
		"more than half of what a request may have": {10_000, 9_000, 5_000, 11},
	} {
		plan := &prompt.Plan{Window: c.window}
		first := prompt.Recent(plan, prompt.Room{KeepRecentTokens: c.keep, ReserveTokens: c.reserve}, prompt.Gauge{}, talk)
		if talk[first].Role != hearth.RoleUser {
			t.Errorf("%s: what is kept begins with %s", name, talk[first].Role)
		}
		if got := (len(talk) - first) / 2; got != c.turns {
			t.Errorf("%s: %d turns are kept, want %d", name, got, c.turns)
		}
	}
}

// What an epoch left out stays out in the next one, of the messages that both have, and in
// their order: equal plans are equal bytes.
func TestCutsAreKeptForTheMessagesThatStay(t *testing.T) {
	result := func(id hearth.CallID, bytes int) hearth.Message {
		return hearth.Message{ID: hearth.MessageID("m" + id), Role: hearth.RoleTool, Parts: []hearth.Part{{Result: &hearth.ToolResult{CallID: id, Text: strings.Repeat("x", bytes)}}}}
	}
	messages := []hearth.Message{result("a", 900), result("b", 900), result("c", 900), result("d", 10)}
	had := (&prompt.Plan{}).Cut(prompt.Cuts{Results: []hearth.CallID{"c", "a", "b"}, Words: []hearth.MessageID{"ma", "md"}})
	next := &prompt.Plan{}
	next.CutAs(had, messages[1:])
	if !slices.Equal(next.Trimmed, []hearth.CallID{"b", "c"}) || !slices.Equal(next.Shortened, []hearth.MessageID{"md"}) {
		t.Errorf("kept %v and %v", next.Trimmed, next.Shortened)
	}
}

func TestNoMoreOutputsGoThanItTakes(t *testing.T) {
	result := func(ids ...hearth.CallID) (m hearth.Message) {
		m.Role = hearth.RoleTool
		for _, id := range ids {
			m.Parts = append(m.Parts, hearth.Part{Result: &hearth.ToolResult{CallID: id, Text: strings.Repeat("word ", 400)}})
		}
		return m
	}
	messages := []hearth.Message{result("a"), result("b", "c", "d")}
	for tokens, want := range map[int]string{0: "[a]", 300: "[a b]", 700: "[a b c]", 9000: "[a b c d]"} {
		cuts := prompt.TrimMore(&prompt.Plan{}, prompt.Gauge{}, messages, prompt.Cuts{Results: []hearth.CallID{"a"}}, tokens)
		if got := fmt.Sprint(cuts.Results); got != want {
			t.Errorf("%d tokens less: %s, want %s", tokens, got, want)
		}
	}
}
