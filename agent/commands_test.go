package agent_test

import (
	"testing"

	"hearth/agent"
)

func TestWhatIsACommandOfTheChat(t *testing.T) {
	for text, want := range map[string]struct {
		name, args string
		ok         bool
	}{
		"/new":                   {"new", "", true},
		"  /NEW  ":               {"new", "", true},
		"/model qwen3 30b":       {"model", "qwen3 30b", true},
		"/model: qwen3":          {"model", "qwen3", true},
		"/t high":                {"think", "high", true},
		"/?":                     {"help", "", true},
		"/quit":                  {"exit", "", true},
		"/compakt":               {"compakt", "", true}, // a typing mistake is told, not sent
		"hello":                  {},
		"what does /new do?":     {},
		"/":                      {},
		"/etc/hosts is wrong":    {},
		"/usr":                   {"usr", "", true},
		"/notes.txt has it":      {},
		"/new\nand another line": {},
		"":                       {},
	} {
		if name, args, ok := agent.ParseCommand(text); name != want.name || args != want.args || ok != want.ok {
			t.Errorf("%q is %q %q %t, want %+v", text, name, args, ok, want)
		}
	}
}

func TestNoTwoCommandsHaveTheSameName(t *testing.T) {
	seen := map[string]string{}
	for _, c := range agent.Commands() {
		for _, name := range append([]string{c.Name}, c.Alias...) {
			if seen[name] != "" {
				t.Errorf("/%s is %s and %s", name, seen[name], c.Name)
			}
			seen[name] = c.Name
		}
	}
}
