//go:build e2e && unix

package ollama

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"hearth/test/scripted"
)

var (
	thought  = regexp.MustCompile(`(?s)^<think>\n(.*)\n</think>\n\n(.*)$`)
	toolCall = regexp.MustCompile(`(?s)<tool_call>\n(\{.*?\})\n</tool_call>\n?`)
)

// expect gives what a server that reads the markup of the Chat template must make of
// a script. A call that cannot be parsed, or names no tool on offer, vanishes: see
// TestInvalidCallsVanish.
func expect(t *testing.T, s scripted.Script) answer {
	t.Helper()
	a := answer{text: s.Text}
	if m := thought.FindStringSubmatch(s.Text); m != nil {
		a.thinking, a.text = m[1], m[2]
	}
	for _, m := range toolCall.FindAllStringSubmatch(a.text, -1) {
		var v struct {
			Name      string
			Arguments json.RawMessage
		}
		if err := decode(m[1], &v); err != nil {
			t.Fatalf("script %s holds a call that is not JSON: %v", s.Name, err)
		}
		a.calls = append(a.calls, call{name: v.Name, arguments: string(v.Arguments)})
	}
	a.text = strings.TrimSpace(toolCall.ReplaceAllString(a.text, ""))
	return a
}

// TestEveryScriptInEveryProtocol is the ground the other tests stand on: the words of
// each script arrive unharmed, sorted into text, thinking and calls, streamed or not,
// at a temperature where a real model would rave.
func TestEveryScriptInEveryProtocol(t *testing.T) {
	spec, err := scripted.Default()
	if err != nil {
		t.Fatal(err)
	}
	eachProtocol(t, func(t *testing.T, p protocol) {
		for _, s := range spec.Scripts {
			switch s.Name {
			case "loop", "after-tool", "unknown-tool", "bad-json-tool":
				continue // have tests of their own
			}
			want := expect(t, s)
			for _, stream := range []bool{false, true} {
				q := ask{model: Chat, history: user("please " + s.Trigger + " now"), stream: stream, extra: hot(p)}
				if len(want.calls) > 0 {
					q.tools = []string{"get_weather", "get_time", "read", "write", "edit", "exec"}
				}
				if s.Name == "find-tool" || s.Name == "use-tool" { // as behind an index, where no other is offered
					q.tools = []string{"tool_describe", "tool_search", "use_tool"}
				}
				got := p.ask(t, q)
				if p.name == "responses" && !stream && len(want.calls) > 0 {
					got.text = want.text // lost there: see TestTextBeforeACall
				}
				compare(t, s.Name, got, want)
				if stream && !got.closed {
					t.Errorf("%s: the stream has no end mark", s.Name)
				}
				if got.prompt == 0 {
					t.Errorf("%s: the prompt has 0 tokens", s.Name)
				}
			}
		}
	})
}

func hot(p protocol) map[string]any {
	if p.name == "native" {
		return map[string]any{"options": map[string]any{"temperature": 1.5}}
	}
	return map[string]any{"temperature": 1.5}
}

func compare(t *testing.T, name string, got, want answer) {
	t.Helper()
	if strings.TrimSpace(got.text) != want.text {
		t.Errorf("%s: text %q, want %q", name, got.text, want.text)
	}
	if strings.TrimSpace(got.thinking) != want.thinking {
		t.Errorf("%s: thinking %q, want %q", name, got.thinking, want.thinking)
	}
	if len(got.calls) != len(want.calls) {
		t.Errorf("%s: calls %q, want %q", name, got.calls, want.calls)
		return
	}
	for i, c := range got.calls {
		if c.name != want.calls[i].name || !sameJSON(t, c.arguments, want.calls[i].arguments) {
			t.Errorf("%s: call %d is %q, want %q", name, i, c, want.calls[i])
		}
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	for text, into := range map[*string]*any{&a: &x, &b: &y} {
		if err := decode(*text, into); err != nil {
			t.Errorf("%q is not JSON: %v", *text, err)
		}
	}
	return reflect.DeepEqual(x, y)
}
