//go:build unix

package main

import (
	"errors"
	"os"
	"strings"
	"testing"

	"hearth"
	"hearth/model/modeltest"
)

// wrote fails unless the config holds all of these, and reports what it holds.
func (h household) wrote(t *testing.T, want ...string) {
	t.Helper()
	text, err := os.ReadFile(h.state("hearth.json"))
	if err != nil {
		t.Fatal(err)
	}
	flat := strings.Join(strings.Fields(string(text)), "")
	for _, w := range want {
		if !strings.Contains(flat, w) {
			t.Errorf("the config does not hold %s:\n%s", w, text)
		}
	}
}

func (h household) wroteNothing(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(h.state("hearth.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a config (%v), although nobody agreed to it", err)
	}
}

// The same questions, in menus and in numbered lines.
var manners = []struct {
	name string
	env  []string
	// nth chooses an option of a menu, counted from 0.
	nth func(n int) string
}{
	{"in menus", nil, func(n int) string { return strings.Repeat(downward, n) + enter }},
	{"without colours", []string{"NO_COLOR=1"}, func(n int) string { return strings.Repeat(downward, n) + enter }},
	{"in a dumb terminal", []string{"TERM=dumb"}, func(n int) string { return string(rune('1'+n)) + enter }},
}

func TestOnboardAsksForAServer(t *testing.T) {
	for _, m := range manners {
		t.Run(m.name, func(t *testing.T) {
			h := newHousehold(t)
			box := modelServer(t, modeltest.Config{Identity: "llama.cpp", Models: []modeltest.Model{{ID: "small", Window: 8192}, {ID: "large", Window: 32768}}})
			p := h.sit(t, m.env, "onboard")
			p.sees(t, "Which model server?")
			p.sees(t, "a hosted vendor")
			p.types(t, m.nth(0))
			p.sees(t, "The server's address")
			p.types(t, "not an address", enter)
			p.sees(t, "that is no address")
			p.types(t, strings.Repeat("\x7f", len("not an address")), box.URL, enter)
			p.sees(t, "server llama.cpp at "+box.URL)
			p.sees(t, "Which model?")
			p.sees(t, "small (")
			p.types(t, m.nth(1))
			p.sees(t, "The folder the agent works in")
			p.types(t, enter)
			p.sees(t, "Write this?")
			h.wroteNothing(t)
			p.sees(t, "nothing is written")
			p.types(t, m.nth(0))
			p.sees(t, "Default model: llamacpp/")
			p.leaves(t, hearth.ExitDone)
			h.wrote(t, `"baseUrl":"`+box.URL+`/v1"`, `"primary":"llamacpp/`)
			if calls := box.Requests(); len(calls) != 0 {
				t.Errorf("%d model calls that nobody asked for", len(calls))
			}
			if m.env != nil && strings.Contains(p.raw(), "\x1b[38;") {
				t.Errorf("there are colours: %q", p.raw())
			}
			if m.name == "in a dumb terminal" && strings.Contains(p.raw(), "\x1b") {
				t.Errorf("there are escape sequences: %q", p.raw())
			}
		})
	}
}

func TestOnboardAsksForAVendorAndHidesTheKey(t *testing.T) {
	const key = "sk-only-for-this-test-0123456789"
	for _, m := range manners {
		t.Run(m.name, func(t *testing.T) {
			h := newHousehold(t)
			p := h.sit(t, m.env, "onboard", "--workspace", "given")
			p.sees(t, "a hosted vendor")
			p.types(t, m.nth(1))
			p.sees(t, "Which vendor?")
			p.sees(t, "Groq")
			p.types(t, m.nth(0))
			p.sees(t, "Key of Anthropic")
			p.types(t, key, enter)
			p.sees(t, "Which model?")
			p.sees(t, "claude-")
			p.types(t, m.nth(0))
			p.sees(t, "The folder the agent works in")
			p.types(t, enter)
			p.sees(t, "key kept in the config, which only you can read")
			p.sees(t, "Write this?")
			p.sees(t, "nothing is written")
			p.types(t, m.nth(0))
			p.sees(t, "Default model: anthropic/")
			p.leaves(t, hearth.ExitDone)
			h.wrote(t, `"apiKey":"`+key+`"`, `"api":"anthropic-messages"`, `"workspace":"`+h.dir+`/given"`)
			if strings.Contains(p.raw(), key[:12]) {
				t.Errorf("the key was shown: %s", p.screen())
			}
		})
	}
}

// A server that is there without a model: what to fetch is said before its id is asked for.
func TestOnboardSaysThatAServerHasNoModelYet(t *testing.T) {
	h := newHousehold(t)
	box := modelServer(t, modeltest.Config{Identity: "ollama", Models: []modeltest.Model{}})
	p := h.sit(t, []string{"TERM=dumb"}, "onboard")
	p.sees(t, "Which model server?")
	p.sees(t, "a hosted vendor")
	p.types(t, "1", enter)
	p.sees(t, "The server's address")
	p.types(t, box.URL, enter)
	p.sees(t, "it answers, but has no model yet")
	p.sees(t, "ollama pull")
	p.sees(t, "The model's id")
	p.types(t, ctrlC)
	p.leaves(t, hearth.ExitInterrupted)
	h.wroteNothing(t)
}

// A key that the environment has is not asked for again, and not written down.
func TestOnboardUsesTheKeyThatIsThere(t *testing.T) {
	h := newHousehold(t)
	p := h.sit(t, []string{"OPENAI_API_KEY=sk-from-the-environment"}, "onboard")
	p.sees(t, "a hosted vendor")
	p.types(t, downward, enter)
	p.sees(t, "Which vendor?")
	p.sees(t, "Groq")
	p.types(t, downward, enter)
	p.sees(t, "the one in $OPENAI_API_KEY, which is set here")
	p.types(t, enter)
	p.sees(t, "Which model?")
	p.types(t, enter)
	p.sees(t, "The folder the agent works in")
	p.types(t, enter)
	p.sees(t, "Write this?")
	p.types(t, enter)
	p.sees(t, "Default model: openai/")
	p.leaves(t, hearth.ExitDone)
	text, err := os.ReadFile(h.state("hearth.json"))
	if err != nil || strings.Contains(string(text), "apiKey") {
		t.Errorf("the config is %s (%v)", text, err)
	}
}

// Whatever the question, Ctrl-C leaves nothing behind; the end of input is no answer.
func TestOnboardCanBeLeft(t *testing.T) {
	toTheKey := func(t *testing.T, p *console, nth func(int) string) {
		p.sees(t, "a hosted vendor")
		p.types(t, nth(1))
		p.sees(t, "Which vendor?")
		p.sees(t, "Groq")
		p.types(t, nth(0))
		p.sees(t, "Key of Anthropic")
	}
	toTheReview := func(t *testing.T, p *console, nth func(int) string) {
		toTheKey(t, p, nth)
		p.types(t, enter)
		p.sees(t, "Which model?")
		p.types(t, nth(0))
		p.sees(t, "The folder the agent works in")
		p.types(t, enter)
		p.sees(t, "Write this?")
		p.sees(t, "nothing is written")
	}
	atOnce := func(t *testing.T, p *console, _ func(int) string) {
		p.sees(t, "Which model server?")
		p.sees(t, "a hosted vendor")
	}
	for _, c := range []struct {
		where string
		to    func(*testing.T, *console, func(int) string)
		key   string
		plain bool // only in numbered lines
	}{
		{"at the first question", atOnce, ctrlC, false},
		{"at a hidden answer", toTheKey, ctrlC, false},
		{"at the review", toTheReview, ctrlC, false},
		{"at the first question, by the end of input", atOnce, ctrlD, true},
		{"at a hidden answer, by the end of input", toTheKey, ctrlD, true},
		{"at the review, by the end of input", toTheReview, ctrlD, true},
	} {
		for _, m := range manners {
			if m.name == "without colours" || c.plain && m.name == "in menus" {
				continue
			}
			t.Run(c.where+" "+m.name, func(t *testing.T) {
				h := newHousehold(t)
				p := h.sit(t, m.env, "onboard")
				c.to(t, p, m.nth)
				p.types(t, c.key)
				p.sees(t, "Nothing was written.")
				p.leaves(t, hearth.ExitInterrupted)
				h.wroteNothing(t)
			})
		}
	}
}

// A person may look at the review and go back.
func TestOnboardStartsOver(t *testing.T) {
	h := newHousehold(t)
	p := h.sit(t, []string{"TERM=dumb", "ANTHROPIC_API_KEY=sk-x"}, "onboard")
	for _, last := range []string{"2", "3"} {
		p.sees(t, "Which model server?")
		p.sees(t, "between 1 and 2:")
		p.types(t, "2", enter)
		p.sees(t, "Which vendor?")
		p.sees(t, "Enter a number")
		p.types(t, enter)
		p.sees(t, "Which key?")
		p.sees(t, "Enter a number")
		p.types(t, enter)
		p.sees(t, "Which model?")
		p.sees(t, "Enter a number")
		p.types(t, enter)
		p.sees(t, "The folder the agent works in")
		p.types(t, enter)
		p.sees(t, "Write this?")
		p.sees(t, "Enter a number")
		p.types(t, last, enter)
	}
	p.leaves(t, hearth.ExitInterrupted)
	h.wroteNothing(t)
}
