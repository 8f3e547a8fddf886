//go:build e2e && unix

package conversation

import (
	"fmt"
	"strings"
	"testing"

	"hearth/test/ollama"
)

// long is a text of well over n tokens of the scripted model, of n words.
func long(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d ", i)
	}
	return b.String()
}

// Ollama's native API is told not to truncate, so an overflow is an error in its words.
func TestOverflowIsAnError(t *testing.T) {
	p := newPerson(t, dialects[0], settings{})
	v := p.try(t, long(ollama.ChatContext)+" please @@think")
	if v.code != 1 || v.Meta.Error == nil || v.Meta.Error.Kind != "context_overflow" {
		t.Errorf("exit code %d, error %+v", v.code, v.Meta.Error)
	}
	for _, words := range []string{"the input length exceeds the context length", "num_ctx", "contextWindow"} {
		if !strings.Contains(v.err, words) {
			t.Errorf("stderr does not say %q: %s", words, v.err)
		}
	}
	if n := len(p.wire.calls(p.dialect)); n != 1 {
		t.Errorf("the same body was sent %d times", n)
	}
	for _, body := range p.wire.calls(p.dialect) {
		if a := parse(t, p.dialect, body); a.rest["truncate"] != "false" || a.rest["shift"] != "false" {
			t.Errorf("truncate %s, shift %s; want false", a.rest["truncate"], a.rest["shift"])
		}
	}
}

// On /v1 Ollama cuts the prompt without a word. Fewer tokens read than words sent gives
// it away, and the person is told which setting to raise.
func TestSilentTruncationIsTold(t *testing.T) {
	for _, d := range dialects[1:] {
		t.Run(d.api, func(t *testing.T) {
			p := newPerson(t, d, settings{model: ollama.Small})
			v := p.try(t, long(2*ollama.SmallContext)+" please @@think")
			if !strings.Contains(v.err, "OLLAMA_CONTEXT_LENGTH") && !strings.Contains(v.err, "num_ctx") {
				t.Errorf("nobody said that the prompt was cut: exit %d, %s", v.code, v.err)
			}
		})
	}
}

// A model without tools is asked without them, and answers.
func TestAModelWithoutTools(t *testing.T) {
	eachDialect(t, func(t *testing.T, d dialect) {
		p := newPerson(t, d, settings{model: ollama.Plain})
		for turn := 1; turn <= 2; turn++ {
			if v := p.say(t, "please @@plain"); v.text() != script(t, "plain") || len(v.Meta.Hearth.Tools) != 0 {
				t.Errorf("turn %d says %q with the tools %v", turn, v.text(), v.Meta.Hearth.Tools)
			}
			bodies := p.wire.calls(d)
			if len(bodies) != turn {
				t.Errorf("%d model calls for %d turns", len(bodies), turn)
			}
			if tools := parse(t, d, bodies[len(bodies)-1]).rest["tools"]; tools != "" {
				t.Errorf("the request offers tools: %s", tools)
			}
		}
		p.wire.extends(t, d)
	})
}

// An id that the server does not have is refused with the nearest one it has.
func TestAnUnknownModel(t *testing.T) {
	eachDialect(t, func(t *testing.T, d dialect) {
		p := newPerson(t, d, settings{})
		v := p.try(t, "hi", "--model", "box/tinny")
		if v.code == 0 || v.Meta.Error == nil || v.Meta.Error.Kind != "model_not_found" {
			t.Errorf("exit code %d, error %+v", v.code, v.Meta.Error)
		}
		if !strings.Contains(v.err, "'tinny' not found") {
			t.Errorf("the server's words are lost: %s", v.err)
		}
	})
}

// The options that decide what Ollama loads are the same on every call; another value
// would load the model anew.
func TestOneWindowForAllCalls(t *testing.T) {
	p := newPerson(t, dialects[0], settings{})
	p.say(t, "please @@read")
	p.say(t, "please @@think", "--session", "new")
	p.run(t, "infer", "model", "run", "--prompt", "@@plain")
	windows := map[string]bool{}
	for _, body := range p.wire.calls(p.dialect) {
		windows[parse(t, p.dialect, body).rest["options"]] = true
	}
	if len(windows) != 1 {
		t.Errorf("the calls send different options: %v", windows)
	}
}
